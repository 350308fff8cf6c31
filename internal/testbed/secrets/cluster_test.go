package secrets

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opensds/gelato/internal/testbed"
)

// special makes every encoding of a secret differ from it.
const special = `+/="<&>\%é `

// drawn is a fresh secret.
func drawn() string { return rand.Text()[:14] + strings.TrimSpace(special) + rand.Text()[:14] }

// calls are the services that each service calls.
func calls() map[string][]string {
	return map[string][]string{"api": {"backend", "dataflow", "s3"}, "backend": {"dataflow", "s3"}, "s3": {"api", "backend"},
		"dataflow": {"backend", "s3"}, "scheduler": {"backend", "dataflow", "s3"}, "datamover": {"backend", "dataflow", "s3"}}
}

// stage is six processes, their servers, and the taps between all of them.
type stage struct {
	t         *testing.T
	bin       string
	secrets   string // folder that holds secrets; all other files are searched
	open      string // folder of all other files
	brokerDir string // of Kafka, which holds its own password
	words     map[string][]byte

	mongo  *testbed.MongoServer
	kafka  *testbed.KafkaServer
	stores map[string]*testbed.S3Server
	taps   map[string]*tap
	procs  map[string]*testbed.Process
	ready  map[string]map[string]string // addresses of the ready lines, by process

	root, rootSecret string
	answers          []byte // what REST, S3's errors and the operators' listeners answered
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	dir := t.TempDir()
	s := &stage{t: t, bin: testbed.GelatoBinary(t), secrets: filepath.Join(dir, "secrets"), open: filepath.Join(dir, "open"), brokerDir: filepath.Join(dir, "kafka"), words: map[string][]byte{},
		stores: map[string]*testbed.S3Server{}, taps: map[string]*tap{}, procs: map[string]*testbed.Process{}, ready: map[string]map[string]string{},
		root: "rootaccess", rootSecret: drawn()}
	for _, d := range []string{filepath.Join(s.open, "tmp"), filepath.Join(s.open, "config"), filepath.Join(s.open, "log"), s.brokerDir} {
		s.must(os.MkdirAll(d, 0o700))
	}
	s.servers()
	s.makeSecrets()
	for caller, called := range calls() {
		for _, to := range called {
			s.taps[caller+" to "+to] = newTap(t, caller+" to "+to, between(t, s.secrets, caller, to))
		}
	}
	for _, name := range []string{"clients to s3", "with a token"} {
		s.taps[name] = newTap(t, name, nil)
	}
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// keep notes a secret.
func (s *stage) keep(name, value string) string {
	s.words[name] = []byte(value)
	return value
}

// servers starts what Gelato needs, side by side, each behind taps.
func (s *stage) servers() {
	for _, name := range []string{"mongo", "kafka", "kafka under TLS", "first", "second"} {
		s.taps[name] = newTap(s.t, name, nil)
	}
	var all sync.WaitGroup
	all.Go(func() { s.mongo = testbed.Mongo(s.t, testbed.MongoOptions{Dir: filepath.Join(s.open, "tmp")}) })
	all.Go(func() {
		_, port, _ := strings.Cut(s.taps["kafka under TLS"].addr, ":")
		s.kafka = testbed.Kafka(s.t, testbed.KafkaOptions{Dir: s.brokerDir, Secure: true, Properties: map[string]string{
			"advertised.listeners": "PLAINTEXT://" + s.taps["kafka"].addr + ",SECURE://localhost:" + port}})
	})
	for _, name := range []string{"first", "second"} {
		s.stores[name] = testbed.Versity(s.t, testbed.VersityOptions{Access: "access-of-" + name, Secret: s.keep("secret of "+name, drawn()), ExtraOptions: []string{"--keep-alive"}})
		s.stores[name].CreateBucket("native")
		s.stores[name].CreateBucket("other")
		s.taps[name].point(strings.TrimPrefix(s.stores[name].Endpoint, "http://"))
	}
	all.Wait()
	if s.mongo == nil || s.kafka == nil {
		s.t.FailNow()
	}
	s.taps["mongo"].point(s.mongo.Addr)
	s.taps["kafka"].point(s.kafka.Addr())
	s.taps["kafka under TLS"].point(s.kafka.SecureAddr())
	s.keep("password of kafka", s.kafka.Password)
}

// makeSecrets has Gelato make the files of its secrets, and notes what is in them.
func (s *stage) makeSecrets() {
	out, err := exec.Command(s.bin, "secrets", "--dir", s.secrets).CombinedOutput()
	s.must(err)
	s.answers = append(s.answers, out...)
	s.keep("root secret", s.rootSecret)
	s.must(os.WriteFile(filepath.Join(s.secrets, "api", "root-credentials"), fmt.Appendf(nil, "GELATO_ROOT_ACCESS_KEY=%s\nGELATO_ROOT_SECRET_KEY=%s\n", s.root, s.rootSecret), 0o600))
	s.must(os.WriteFile(filepath.Join(s.secrets, "kafka-password"), []byte(s.kafka.Password+"\n"), 0o600))
	s.must(os.WriteFile(filepath.Join(s.secrets, "cluster-token"), []byte(s.keep("cluster token", rand.Text()+rand.Text())+"\n"), 0o600))
	text, err := os.ReadFile(filepath.Join(s.secrets, "authority", "master.key"))
	s.must(err)
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	s.must(err)
	s.words["master key"], s.words["master key as text"] = key, []byte(strings.TrimSpace(string(text)))
	for _, service := range append(slices.Collect(maps.Keys(calls())), "authority") {
		name := service
		if name == "authority" {
			name = "ca"
		}
		text, err := os.ReadFile(filepath.Join(s.secrets, service, name+".key"))
		s.must(err)
		block, _ := pem.Decode(text)
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		s.must(err)
		number, err := key.(*ecdsa.PrivateKey).Bytes()
		s.must(err)
		s.words["TLS key of "+service] = number
		s.words["TLS key file of "+service] = []byte(strings.Split(string(text), "\n")[1])
	}
}

// start starts the six services, waits until all are ready, and connects the taps.
func (s *stage) start() {
	s.t.Helper()
	for service := range calls() {
		s.launch(service, service, s.config(service, s.queue(service)))
	}
	// One more, which Kafka will not let in.
	wrong := filepath.Join(s.secrets, "wrong-kafka-password")
	s.must(os.WriteFile(wrong, []byte(s.keep("wrong password of kafka", drawn())), 0o600))
	s.launch(refused, "datamover", s.config("datamover", s.secureQueue(wrong)))
	for name := range s.procs {
		s.wait(name)
	}
	for caller, called := range calls() {
		for _, to := range called {
			s.taps[caller+" to "+to].point(s.ready[to]["grpc"])
		}
	}
	s.taps["clients to s3"].point(strings.TrimPrefix(s.ready["s3"]["s3"], "http://"))
}

const refused = "refused by kafka"

// queue is how a service reaches Kafka: the scheduler logs in under TLS, the datamover speaks in clear.
func (s *stage) queue(service string) string {
	switch service {
	case "scheduler":
		return s.secureQueue(filepath.Join(s.secrets, "kafka-password"))
	case "datamover":
		return "kafka://" + s.taps["kafka"].addr
	}
	return ""
}

func (s *stage) secureQueue(passwordFile string) string {
	_, port, _ := strings.Cut(s.taps["kafka under TLS"].addr, ":")
	return fmt.Sprintf("kafka://localhost:%s?ca-file=%s&sasl=scram-sha-512&user=%s&password-file=%s", port, s.kafka.CAFile, s.kafka.User, passwordFile)
}

// config writes a file for a service.
func (s *stage) config(service, queue string) (file string) {
	own := filepath.Join(s.secrets, service)
	lines := []string{"listen: 127.0.0.1:0", "log-level: debug", "state: mongodb://" + s.taps["mongo"].addr + "/gelato"}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	add("tls:\n  ca: %s/ca.crt\n  cert: %s/%s.crt\n  key: %s/%s.key", own, own, service, own, service)
	if service != "dataflow" {
		add("master-key-file: %s/master.key", own)
	}
	switch service {
	case "api":
		add("api-listen: 127.0.0.1:0\nroot-credentials-file: %s/root-credentials", own)
	case "s3":
		add("s3-listen: 127.0.0.1:0\nops-listen: 127.0.0.1:0\nsweep-interval: 1s\ngarbage-grace: 1s\nkms-keyring-file: %s/kms.keyring", own)
	default:
		add("ops-listen: 127.0.0.1:0")
	}
	if queue != "" {
		add("queue: %s", queue)
	}
	add("peers:")
	for _, peer := range calls()[service] {
		add("  %s: [\"%s\"]", peer, s.taps[service+" to "+peer].addr)
	}
	file = filepath.Join(s.open, "config", service+".yaml")
	if queue != s.queue(service) {
		file = filepath.Join(s.open, "config", service+"-2.yaml")
	}
	s.must(os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return file
}

// launch starts a process whose whole output is kept in a file.
func (s *stage) launch(name, service, config string) {
	s.t.Helper()
	log, err := os.Create(s.log(name))
	s.must(err)
	defer log.Close()
	cmd := exec.Command(s.bin, "serve", service, "--config", config)
	cmd.Dir = filepath.Join(s.open, "tmp")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + cmd.Dir}
	cmd.Stdout, cmd.Stderr = log, log
	p, err := testbed.Start(cmd)
	s.must(err)
	s.procs[name] = p
	s.t.Cleanup(p.Stop)
}

func (s *stage) log(name string) string { return filepath.Join(s.open, "log", name) }

var errNotReady = errors.New("no ready line yet")

// wait waits for the ready line of a process.
func (s *stage) wait(name string) {
	s.t.Helper()
	err := s.procs[name].WaitReady(func() error {
		text, err := os.ReadFile(s.log(name))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "gelato ready ") || !strings.HasSuffix(line, "\n") {
				continue
			}
			s.ready[name] = map[string]string{}
			for word := range strings.FieldsSeq(line) {
				if k, v, ok := strings.Cut(word, "="); ok {
					s.ready[name][k] = v
				}
			}
			return nil
		}
		return errNotReady
	})
	if err != nil {
		text, _ := os.ReadFile(s.log(name))
		s.t.Fatalf("start %s: %v\n%s", name, err, text)
	}
}

// random is a secret of 52 capital letters and digits, which may stand in a URL.
func random() string { return rand.Text() + rand.Text() }

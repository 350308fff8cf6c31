package secrets

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// What the taps kept of an edge is evidence under its name and one of these.
const (
	onWire = ", on the wire"
	inside = ", inside"
)

// evidence is what is searched, by where it is from.
type evidence map[string][]byte

func TestNoSecretIsReadable(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	s.drive()
	s.strangers()
	all := evidence{}
	s.operators()
	s.kafkaMessages(all)
	s.mongoDocuments(all)
	for name, p := range s.procs {
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID())); err == nil {
			all["command line of "+name] = line
		}
		p.Stop()
	}
	s.mongo.Stop()
	s.kafka.Stop()
	all["answers"] = s.answers
	s.files(all)
	s.traffic(all)

	secrets := newFinder(s.words)
	for _, where := range slices.Sorted(maps.Keys(all)) {
		for word, how := range secrets.find(all[where]) {
			if word == misplaced && strings.HasSuffix(where, inside) {
				continue // nobody could know that it is one
			}
			t.Errorf("%s: the %s is readable: %s", where, word, how)
		}
	}
	s.sees(all)
}

// sees makes sure that the search would have found something: words that are no secrets are where they must be, in the same forms, and
// none of them is readable between services.
func (s *stage) sees(all evidence) {
	s.t.Helper()
	f := newFinder(map[string][]byte{"bucket": []byte(bucket), "store": []byte(s.stores["first"].Access), "gRPC": []byte("PRI * HTTP/2.0"), "topic": []byte("gelato.tasks")})
	for where, want := range map[string]string{
		"documents in mongo": "bucket store", "mongo, on the wire": "bucket store", "messages in kafka": "topic", "kafka, on the wire": "topic",
		"api to backend, inside": "gRPC store", "scheduler to s3, inside": "gRPC bucket", "answers": "bucket store",
		"first, on the wire": "bucket store", "clients to s3, on the wire": "bucket", "file open/log/s3": "bucket",
	} {
		found := f.find(all[where])
		for word := range strings.FieldsSeq(want) {
			if found[word] == "" {
				s.t.Errorf("%s: no %s was found: the search sees nothing there", where, word)
			}
		}
	}
	if log := string(all["file open/log/"+refused]); !strings.Contains(log, "SASL") {
		s.t.Errorf("%s: it does not say so: %s", refused, log)
	}
	for name, p := range s.taps {
		if p.inner == nil {
			continue
		}
		if found := f.find(all[name+inside]); found["gRPC"] == "" {
			s.t.Errorf("%s: nothing was said", name)
		}
		if found := f.find(all[name+onWire]); len(found) > 0 {
			s.t.Errorf("%s: it is readable: %v", name, found)
		}
	}
}

// strangers are processes that get something wrong, or are let in by a token instead of certificates.
func (s *stage) strangers() {
	s.t.Helper()
	password := s.keep("password of mongo", random())
	write := func(name, text string) string {
		file := filepath.Join(s.secrets, name)
		s.must(os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	run := func(env string, args ...string) error {
		ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, s.bin, args...)
		cmd.Dir, cmd.Env = filepath.Join(s.open, "tmp"), []string{env}
		out, err := cmd.CombinedOutput()
		s.answers = append(s.answers, out...)
		return err
	}
	for service := range calls() {
		s.must(run("GELATO_STATE=mongodb://me:"+password+"@127.0.0.1:1/gelato", "config", service, "--config", filepath.Join(s.open, "config", service+".yaml")))
	}
	for _, env := range []string{"STATE=me:" + password + "@127.0.0.1/gelato", "STATE=" + password, "STATE=mongodb://me:" + password + "@127.0.0.1/", "STATE=mongodb://me:" + password + "@%zz/gelato",
		"QUEUE=kafka://me:" + password + "@127.0.0.1", "QUEUE=" + password, "QUEUE=kafka://127.0.0.1?password=" + password} {
		for _, command := range []string{"config", "serve"} {
			if err := run("GELATO_"+env, command, "scheduler", "--config", filepath.Join(s.open, "config", "scheduler.yaml")); err == nil && command == "serve" {
				s.t.Errorf("%s with %s succeeded", command, strings.ReplaceAll(env, password, "..."))
			}
		}
	}
	// The stand-in knows no users: it refuses.
	if err := run("GELATO_STATE=mongodb://me:"+password+"@"+s.taps["mongo"].addr+"/gelato", "serve", "dataflow", "--config", filepath.Join(s.open, "config", "dataflow.yaml")); err == nil {
		s.t.Error("logging in to mongo succeeded")
	}
	bad := write("bad.yaml", "state: mongodb://me:"+password+"@127.0.0.1/gelato\n  queue: x\n")
	if err := run("GELATO_X=", "serve", "dataflow", "--config", bad); err == nil {
		s.t.Error("serving with a malformed configuration succeeded")
	}

	token := filepath.Join(s.secrets, "cluster-token")
	config := filepath.Join(s.open, "config", "token.yaml")
	s.must(os.WriteFile(config, fmt.Appendf(nil, "listen: 127.0.0.1:0\nops-listen: 127.0.0.1:0\nlog-level: debug\nstate: mongodb://%s/other\ncluster-token-file: %s\n", s.taps["mongo"].addr, token), 0o600))
	s.launch("with a token", "dataflow", config)
	s.wait("with a token")
	s.taps["with a token"].point(s.ready["with a token"]["grpc"])
	s.must(run("GELATO_X=", "health", "dataflow", "--address", s.taps["with a token"].addr, "--token-file", token))
	other := write("other-token", s.keep("other token", random()+random()))
	if err := run("GELATO_X=", "health", "dataflow", "--address", s.taps["with a token"].addr, "--token-file", other); err == nil {
		s.t.Error("another token is good too")
	}
}

// operators reads what operators are shown of each process.
func (s *stage) operators() {
	s.t.Helper()
	for name, at := range s.ready {
		for _, path := range []string{"/metrics", "/healthz", "/readyz", "/nothing"} {
			answer, err := http.Get(at["ops"] + path)
			s.must(err)
			text, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			s.must(err)
			s.answers = fmt.Appendf(s.answers, "%v\n%s\n", answer.Header, text)
			if path == "/metrics" && !strings.Contains(string(text), "go_goroutines") {
				s.t.Errorf("%s has no metrics: %s", name, answer.Status)
			}
		}
	}
}

// kafkaMessages reads every message of every topic, Kafka's own ones included.
func (s *stage) kafkaMessages(all evidence) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	c, err := kafka.DialContext(ctx, "tcp", s.kafka.Addr())
	s.must(err)
	defer c.Close()
	partitions, err := c.ReadPartitions()
	s.must(err)
	var text []byte
	for _, p := range partitions {
		text = fmt.Appendf(text, "topic %s\n", p.Topic)
		leader, err := kafka.DialLeader(ctx, "tcp", s.kafka.Addr(), p.Topic, p.ID)
		s.must(err)
		first, last, err := leader.ReadOffsets()
		leader.Close()
		s.must(err)
		if first == last {
			continue
		}
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.kafka.Addr()}, Topic: p.Topic, Partition: p.ID, MaxWait: 100 * time.Millisecond})
		s.must(r.SetOffset(first))
		for at := first; at < last; {
			m, err := r.ReadMessage(ctx)
			s.must(err)
			text = fmt.Appendf(text, "%s %s %v\n", m.Key, m.Value, m.Headers)
			at = m.Offset + 1
		}
		s.must(r.Close())
	}
	all["messages in kafka"] = text
}

// mongoDocuments reads every document of every collection.
func (s *stage) mongoDocuments(all evidence) {
	s.t.Helper()
	ctx := s.t.Context()
	client, err := mongo.Connect(options.Client().ApplyURI(s.mongo.URL("")))
	s.must(err)
	defer client.Disconnect(ctx)
	names, err := client.ListDatabaseNames(ctx, bson.D{})
	s.must(err)
	var text []byte
	for _, name := range names {
		db := client.Database(name)
		collections, err := db.ListCollectionNames(ctx, bson.D{})
		s.must(err)
		for _, collection := range collections {
			documents, err := db.Collection(collection).Find(ctx, bson.D{})
			s.must(err)
			for documents.Next(ctx) {
				text = append(text, documents.Current...)
			}
			s.must(documents.Err())
		}
	}
	all["documents in mongo"] = text
}

// files reads all files that are not secrets themselves: logs, configuration, those of the working directories, of the state server, of the broker
// (but for its own configuration) and of the S3 servers.
func (s *stage) files(all evidence) {
	s.t.Helper()
	for name, dir := range map[string]string{"open": s.open, "kafka": filepath.Join(s.brokerDir, "log"), "first": s.stores["first"].Dir, "second": s.stores["second"].Dir} {
		s.must(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			rel, _ := filepath.Rel(dir, path)
			all["file "+filepath.Join(name, rel)] = append(text, rel...)
			return err
		}))
	}
}

// traffic is what the taps kept.
func (s *stage) traffic(all evidence) {
	for name, p := range s.taps {
		wire, within := p.seen()
		for what, streams := range map[string][]*stream{onWire: wire, inside: within} {
			for _, one := range streams {
				all[name+what] = append(append(all[name+what], one.bytes()...), '\n')
			}
		}
	}
}

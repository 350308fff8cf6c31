package testbed

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ClusterOptions changes how StartCluster starts its processes. The zero value is good.
type ClusterOptions struct {
	Datamovers, S3s, Schedulers, Dataflows int                 // processes of these services; default 1 each
	TLS                                    bool                // between the services, in place of a cluster token
	ServersLast                            bool                // state server and broker come after all services
	Flags                                  map[string][]string // more flags by service, as in {"s3": {"--garbage-grace", "5s"}}
	Env                                    []string            // more environment of every service
	Mongo                                  MongoOptions
	Kafka                                  KafkaOptions
}

// Cluster is Gelato as separate processes of `gelato serve`, on a MongoDB stand-in and an Apache Kafka of its own. A process is named
// as its service, further ones of the same service "datamover-2" and so on. Its front is the first s3 and the api.
type Cluster struct {
	Front
	Mongo *MongoServer
	Kafka *KafkaServer
	Dir   string // configuration, secrets and the first backend

	o     ClusterOptions
	bin   string
	procs map[string]*member
}

// member is one process and what it needs to be started again.
type member struct {
	name, service, config string
	grpc                  string            // its address, known before it starts
	at                    map[string]string // what the ready line said: grpc, ops, s3, api

	mu   sync.Mutex
	proc *Process
	peak int64 // VmHWM of processes that are gone
}

// services are those of a cluster, with those that each calls.
func services() map[string][]string {
	return map[string][]string{"api": {"backend", "dataflow", "s3"}, "backend": {"dataflow", "s3"}, "s3": {"api", "backend"},
		"dataflow": {"backend", "s3"}, "scheduler": {"backend", "dataflow", "s3"}, "datamover": {"backend", "dataflow", "s3"}}
}

// StartCluster starts the servers and then, in random order, the services, and waits until all are ready. Everything ends with the test.
func StartCluster(t testing.TB, o ClusterOptions) *Cluster {
	t.Helper()
	c := &Cluster{Front: newFront(t), Dir: t.TempDir(), o: o, bin: GelatoBinary(t), procs: map[string]*member{}}
	c.Mongo, c.Kafka = Mongo(t, o.Mongo), Kafka(t, o.Kafka)
	if o.ServersLast { // now their addresses are known
		c.Mongo.Stop()
		c.Kafka.Stop()
	}
	if err := c.configure(); err != nil {
		t.Fatalf("configure the services: %v", err)
	}
	t.Cleanup(c.cleanUp)
	names := c.Names()
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	t.Logf("starting %s", strings.Join(names, ", "))
	waits := make([]func() error, len(names))
	for i, name := range names {
		wait, err := c.launch(c.procs[name])
		if err != nil {
			t.Fatalf("start %s: %v", name, err)
		}
		waits[i] = wait
	}
	if o.ServersLast {
		c.Kafka.Restart()
		c.Mongo.Restart()
	}
	for i, wait := range waits {
		if err := wait(); err != nil {
			t.Fatalf("start %s: %v", names[i], err)
		}
	}
	c.front()
	return c
}

// front takes the addresses of S3 and REST over.
func (c *Cluster) front() { c.S3, c.API = c.At("s3", "s3"), c.At("api", "api") }

// configure writes secrets and a file for each process.
func (c *Cluster) configure() error {
	secrets := filepath.Join(c.Dir, "secrets")
	if out, err := exec.Command(c.bin, "secrets", "--dir", secrets).CombinedOutput(); err != nil {
		return fmt.Errorf("make secrets: %w\n%s", err, out)
	}
	token := filepath.Join(c.Dir, "token")
	if err := os.WriteFile(token, []byte(strings.Repeat("7e57", 16)), 0o600); err != nil {
		return err
	}
	count := map[string]int{"datamover": c.o.Datamovers, "s3": c.o.S3s, "scheduler": c.o.Schedulers, "dataflow": c.o.Dataflows}
	addrs := map[string][]string{}
	for _, service := range slices.Sorted(maps.Keys(services())) {
		for i := range max(1, count[service]) {
			m := &member{name: service, service: service, grpc: address()}
			if i > 0 {
				m.name = fmt.Sprintf("%s-%d", service, i+1)
			}
			m.config = filepath.Join(c.Dir, m.name+".yaml")
			c.procs[m.name] = m
			addrs[service] = append(addrs[service], m.grpc)
		}
	}
	for _, m := range c.procs {
		own := filepath.Join(secrets, m.service)
		lines := []string{"listen: " + m.grpc, "state: " + c.Mongo.URL("gelato")}
		add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
		if m.service == "scheduler" || m.service == "datamover" {
			add("queue: kafka://%s", c.Kafka.Addr())
		}
		if m.service != "dataflow" {
			add("master-key-file: %s/master.key", own)
		}
		switch m.service {
		case "api":
			add("api-listen: %s", address())
		case "s3":
			add("s3-listen: %s\nops-listen: %s\nkms-keyring-file: %s/kms.keyring", address(), address(), own)
		case "backend":
			add("local-dir: %s/local\nops-listen: %s", c.Dir, address())
		default:
			add("ops-listen: %s", address())
		}
		if c.o.TLS {
			add("tls:\n  ca: %s/ca.crt\n  cert: %s/%s.crt\n  key: %s/%s.key", own, own, m.service, own, m.service)
		} else {
			add("cluster-token-file: %s", token)
		}
		add("peers:")
		for _, peer := range services()[m.service] {
			add("  %s: [\"%s\"]", peer, strings.Join(addrs[peer], `", "`))
		}
		if err := os.WriteFile(m.config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// address is one of this machine with a port that is free now and that the system gives to nobody by itself, so that a process finds it free
// again after a restart.
func address() string {
	for {
		a := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", a); err == nil {
			l.Close()
			return a
		}
	}
}

// launch starts a process; wait waits for its ready line.
func (c *Cluster) launch(m *member) (wait func() error, err error) {
	cmd := exec.Command(c.bin, append([]string{"serve", m.service, "--config", m.config}, c.o.Flags[m.service]...)...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.o.Env...)
	if m.service == "api" {
		cmd.Env = append(cmd.Env, "GELATO_ROOT_ACCESS_KEY="+c.Access, "GELATO_ROOT_SECRET_KEY="+c.Secret)
	}
	p, ready, err := startWatched(cmd, "gelato ready "+m.service+" ")
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.proc = p
	m.mu.Unlock()
	return func() error {
		line, err := p.waitLine(ready)
		if err != nil {
			p.Kill()
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.at = map[string]string{}
		for word := range strings.FieldsSeq(line) {
			if name, value, ok := strings.Cut(word, "="); ok {
				m.at[name] = value
			}
		}
		return nil
	}, nil
}

// Names returns the names of all processes, sorted.
func (c *Cluster) Names() []string { return slices.Sorted(maps.Keys(c.procs)) }

// member returns the process of that name; the test ends if there is none.
func (c *Cluster) member(name string) *member {
	m := c.procs[name]
	if m == nil {
		c.t.Fatalf("there is no process %q in the cluster", name)
	}
	return m
}

// At returns an address of a process that its ready line told: grpc, ops, s3 or api, the last three as URLs.
func (c *Cluster) At(name, what string) string {
	m := c.member(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[what]
}

// Process returns the current process of that name, or the last one.
func (c *Cluster) Process(name string) *Process {
	m := c.member(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc
}

// Kill ends a process with SIGKILL.
func (c *Cluster) Kill(name string) {
	c.remember(name)
	c.Process(name).Kill()
}

// Pause freezes a process; Resume ends that.
func (c *Cluster) Pause(name string) error { return c.Process(name).Pause() }

// Resume lets a frozen process go on.
func (c *Cluster) Resume(name string) error { return c.Process(name).Signal(syscall.SIGCONT) }

// Drain ends processes with SIGTERM, all at once, and returns what was not well: an exit code that is not 0, or more time than limit.
func (c *Cluster) Drain(limit time.Duration, names ...string) error {
	problems := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		c.remember(name)
		wg.Go(func() {
			code, err := c.Process(name).Drain(limit)
			if err == nil && code != 0 {
				err = fmt.Errorf("exit code %d\n%s", code, quiet(c.Process(name).Output()))
			}
			if err != nil {
				problems[i] = fmt.Errorf("drain %s: %w", name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(problems...)
}

// Restart starts processes again, on the same addresses, after stopping those that run, and waits until all are ready.
func (c *Cluster) Restart(names ...string) error {
	waits := make([]func() error, len(names))
	for i, name := range names {
		c.remember(name)
		c.Process(name).Stop()
		wait, err := c.launch(c.member(name))
		if err != nil {
			return fmt.Errorf("restart %s: %w", name, err)
		}
		waits[i] = wait
	}
	for i, wait := range waits {
		if err := wait(); err != nil {
			return fmt.Errorf("restart %s: %w", names[i], err)
		}
	}
	return nil
}

// PeakMemory returns the largest resident set in bytes of a process and those before it.
func (c *Cluster) PeakMemory(name string) int64 {
	c.remember(name)
	m := c.member(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peak
}

func (c *Cluster) remember(name string) {
	now := c.Process(name).PeakMemory()
	m := c.member(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = max(m.peak, now)
}

// cleanUp ends what runs, and shows what the processes said when the test has failed.
func (c *Cluster) cleanUp() {
	var wg sync.WaitGroup
	for _, m := range c.procs {
		if m.proc != nil {
			wg.Go(m.proc.Stop)
		}
	}
	wg.Wait()
	if !c.t.Failed() {
		return
	}
	for _, name := range c.Names() {
		if p := c.procs[name].proc; p != nil {
			c.t.Logf("the last output of %s, without requests:\n%s", name, quiet(p.Output()))
		}
	}
}

package testbed

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// KafkaOptions changes how Kafka starts its server. The zero value is good.
type KafkaOptions struct {
	Dir        string            // kept after the test; empty: a temporary one
	Properties map[string]string // of server.properties, over those that Kafka chooses
	Secure     bool              // listens with TLS and SASL as well: see KafkaServer.SecureAddr
}

// KafkaServer is a running Apache Kafka: one node that is broker and controller (KRaft), with its log in Dir. Topics
// are not made by being named; groups form without the usual delay, and members may have sessions from one second on.
type KafkaServer struct {
	// The rest is there with KafkaOptions.Secure: who may log in (by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512), and
	// the certificate of the authority that signed the server's.
	User, Password string
	CAFile         string

	Server
	o                        KafkaOptions
	dir                      string
	java                     string
	jars                     string
	port, secure, controller int
	formatted                bool
}

// jvmFlags make a JVM of a test start fast and stay small.
var jvmFlags = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}

// Kafka starts an Apache Kafka of its own for the test and waits until it answers, which takes about three seconds. It takes
// 250 MiB: tests of one package share one, under topics of their own.
func Kafka(t testing.TB, o KafkaOptions) *KafkaServer {
	t.Helper()
	s := &KafkaServer{o: o, dir: o.Dir, jars: Jars(t, "kafka", "kafka_2.13-")}
	var err error
	if s.java, err = exec.LookPath("java"); err != nil {
		t.Fatalf("no Java for the test server kafka: %v", err)
	}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if o.Secure {
		s.User, s.Password, s.CAFile = "gelato", rand.Text(), filepath.Join(s.dir, "ca.pem")
		if err := writeCertificates(s.CAFile, filepath.Join(s.dir, "server.pem")); err != nil {
			t.Fatalf("make certificates: %v", err)
		}
	}
	s.launch(t, "kafka", func() { s.port, s.secure, s.controller = FreePort(t), FreePort(t), FreePort(t) }, s.begin)
	return s
}

// Addr returns the "127.0.0.1:PORT" that answers without TLS and log-in; it is the same after Restart.
func (s *KafkaServer) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// SecureAddr returns the "localhost:PORT" that answers with TLS and SASL, given KafkaOptions.Secure.
func (s *KafkaServer) SecureAddr() string { return "localhost:" + strconv.Itoa(s.secure) }

func (s *KafkaServer) begin() (*Process, error) {
	config := filepath.Join(s.dir, "server.properties")
	if err := s.configure(config); err != nil {
		return nil, err
	}
	if !s.formatted {
		if err := s.format(config); err != nil {
			return nil, err
		}
		s.formatted = true
	}
	return startAnswering(s.command("-Xmx384m", "kafka.Kafka", config), s.answers)
}

func (s *KafkaServer) command(memory, class string, args ...string) *exec.Cmd {
	all := append(slices.Clone(jvmFlags), memory, "-cp", filepath.Join(s.jars, "*"), class)
	cmd := exec.Command(s.java, append(all, args...)...)
	cmd.Dir = s.dir
	return cmd
}

// format prepares an empty directory, and makes the user known to SCRAM.
func (s *KafkaServer) format(config string) error {
	id := make([]byte, 16)
	rand.Read(id)
	id[0] &= 0x7f // in base64 it must not begin like an option
	args := []string{"format", "--ignore-formatted", "-t", base64.RawURLEncoding.EncodeToString(id), "-c", config}
	if s.o.Secure {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, s.User, s.Password))
		}
	}
	if out, err := s.command("-Xmx128m", "kafka.tools.StorageTool", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("format the directory of kafka: %w\n%s", err, out)
	}
	return nil
}

// configure writes server.properties. Numbers of threads and sizes are small, and so are the delays after a crash.
func (s *KafkaServer) configure(path string) error {
	controller := "127.0.0.1:" + strconv.Itoa(s.controller)
	p := map[string]string{
		"process.roles":                            "broker,controller",
		"node.id":                                  "1",
		"controller.quorum.voters":                 "1@" + controller,
		"controller.listener.names":                "CONTROLLER",
		"inter.broker.listener.name":               "PLAINTEXT",
		"listeners":                                "PLAINTEXT://" + s.Addr() + ",CONTROLLER://" + controller,
		"advertised.listeners":                     "PLAINTEXT://" + s.Addr(),
		"listener.security.protocol.map":           "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL",
		"log.dirs":                                 filepath.Join(s.dir, "log"),
		"auto.create.topics.enable":                "false",
		"offsets.topic.num.partitions":             "4",
		"offsets.topic.replication.factor":         "1",
		"transaction.state.log.num.partitions":     "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.replication.factor": "1",
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "1000",
		"broker.session.timeout.ms":                "1000", // a broker that was killed may come back after this
		"broker.heartbeat.interval.ms":             "200",
		"controller.quorum.election.timeout.ms":    "100",
		"controller.quorum.fetch.timeout.ms":       "200",
		"log.cleaner.dedupe.buffer.size":           "2097152",
		"num.network.threads":                      "2",
		"num.io.threads":                           "4",
	}
	if s.o.Secure {
		listener := "SECURE://" + s.SecureAddr()
		p["listeners"] += "," + listener
		p["advertised.listeners"] += "," + listener
		p["ssl.keystore.type"] = "PEM"
		p["ssl.keystore.location"] = filepath.Join(s.dir, "server.pem")
		p["listener.name.secure.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
		p["listener.name.secure.plain.sasl.jaas.config"] = fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=\"%s\";", s.User, s.Password)
		for _, mechanism := range []string{"256", "512"} {
			p["listener.name.secure.scram-sha-"+mechanism+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	}
	maps.Copy(p, s.o.Properties)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&b, "%s=%s\n", key, p[key])
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// answers asks for the brokers that are in service.
func (s *KafkaServer) answers() error {
	d := kafka.Dialer{Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", s.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	brokers, err := c.Brokers()
	if err == nil && len(brokers) == 0 {
		err = errors.New("no broker is in service")
	}
	return err
}

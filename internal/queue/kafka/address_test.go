package kafka_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue/kafka"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "xyzzy")
	if err := os.WriteFile(secret, []byte("xyzzy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(t.TempDir(), "public")
	if err := os.WriteFile(public, []byte("xyzzy\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ url, want string }{
		{"", "does not begin with kafka://"},
		{"http://h:1", "does not begin with kafka://"},
		{"kafka://", "no brokers"},
		{"kafka://h:1,", "no brokers"},
		{"kafka://h:0", "no brokers"},
		{"kafka://h:99999", "no brokers"},
		{"kafka://h:http", "no brokers"},
		{"kafka://:9092", "no brokers"},
		{"kafka://h:1/topic", "no brokers"},
		{"kafka://me:xyzzy@h:1", "holds credentials"},
		{"kafka://h:1?password=xyzzy", `unknown option "password"`},
		{"kafka://h:1?Tls=true", `unknown option "Tls"`},
		{"kafka://h:1?a=%zzxyzzy", "cannot be parsed"},
		{"kafka://h:1?partitions", `"partitions" of the queue's URL has no value`},
		{"kafka://h:1?partitions=1&partitions=2", "or several"},
		{"kafka://h:1?partitions=xyzzy", `"partitions" of the queue's URL has a bad value`},
		{"kafka://h:1?partitions=-1", "partitions is not 1 to 1000"},
		{"kafka://h:1?replication=-1000", "replication is not 1 to 100"},
		{"kafka://h:1?retention=1s", "retention is under a minute"},
		{"kafka://h:1?prefix=a/b", "prefix has characters"},
		{"kafka://h:1?tls=perhaps", `"tls" of the queue's URL has a bad value`},
		{"kafka://h:1?ca-file=/none", "ca-file cannot be read"},
		{"kafka://h:1?ca-file=" + secret, "ca-file holds no certificate"},
		{"kafka://h:1?cert-file=/none", "cert-file and key-file of the queue's URL go together"},
		{"kafka://h:1?cert-file=" + secret + "&key-file=" + secret, "cert-file and key-file cannot be used"},
		{"kafka://h:1?tls=true&sasl=gssapi&user=u&password-file=" + secret, "is not plain"},
		{"kafka://h:1?tls=true&sasl=plain", "go together"},
		{"kafka://h:1?tls=true&sasl=plain&user=u&password-file=" + public, "chmod 600"},
		{"kafka://h:1?cert-file=" + secret + "&key-file=" + public, "chmod 600"},
		{"kafka://h:1?user=u", "go together"},
		{"kafka://h:1?password-file=" + secret, "go together"},
		{"kafka://h:1?sasl=plain&user=u&password-file=" + secret, "needs tls=true"},
		{"kafka://localhost:1,h:1?sasl=plain&user=u&password-file=" + secret, "needs tls=true"},
		{"kafka://h:1?tls=true&sasl=plain&user=u&password-file=/none", "password file cannot be read"},
		{"kafka://h:1?tls=true&sasl=plain&user=u&password-file=" + empty, "password-file is empty"},
		{"kafka://h:1?oops=1&sasl=plain&partitions=x", `unknown option "oops"`},
	} {
		t.Run(strings.ReplaceAll(test.url, "/", "_"), func(t *testing.T) {
			t.Parallel()
			q, err := kafka.Open(t.Context(), test.url, kafka.Options{})
			if err == nil {
				q.Close()
			}
			if !errs.Is(err, errs.InvalidArgument) || !strings.Contains(errs.Public(err), test.want) {
				t.Fatalf("got %v, want InvalidArgument with %q", err, test.want)
			}
			if strings.Contains(errs.Public(err), "xyzzy") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

func TestOpenAccepts(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("xyzzy"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		"kafka://h", "kafka://h:1", "kafka://h:1/", "kafka://a:1,b,[::1]:2", "kafka://h?tls=true", "kafka://h?server-name=k",
		"kafka://h?partitions=3&replication=3&retention=1h&prefix=my.",
		"kafka://h?tls=true&sasl=plain&user=u&password-file=" + secret,
		"kafka://localhost,127.0.0.1:2?sasl=plain&user=u&password-file=" + secret,
		"kafka://h?sasl=scram-sha-256&user=u&password-file=" + secret,
	} {
		r := prometheus.NewRegistry()
		for range 2 { // Close takes the metrics along
			q, err := kafka.Open(t.Context(), url, kafka.Options{Registerer: r})
			if err != nil {
				t.Errorf("%s: %v", url, err)
				continue
			}
			if text := fmt.Sprintf("%+v", q); strings.Contains(text, "xyzzy") {
				t.Errorf("%s: a queue in a log shows the password", url)
			}
			q.Close()
		}
	}
	for _, o := range []kafka.Options{{Partitions: -1}, {MaxAttempts: -1}, {SessionTimeout: time.Millisecond}, {MinBackoff: time.Hour}, {MaxMessageBytes: 1 << 30}} {
		if _, err := kafka.Open(t.Context(), "kafka://h", o); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%+v: got %v, want InvalidArgument", o, err)
		}
	}
}

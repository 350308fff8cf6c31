package kafka_test

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/kafka"
	"github.com/opensds/gelato/internal/queue/queuetest"
	"github.com/opensds/gelato/internal/testbed"
)

const roleEnv = "KAFKA_TEST_MEMBER" // holds "URL PREFIX"

// TestMain lets this test binary play a member of a group that can be killed.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := playMember(strings.Fields(role)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestBroker is all that is proven on a real Apache Kafka, which starts once: first what goes on side by side, then what
// stops and kills it.
func TestBroker(t *testing.T) {
	s := testbed.Kafka(t, testbed.KafkaOptions{Secure: true})
	t.Run("Together", func(t *testing.T) {
		t.Run("Conformance", func(t *testing.T) {
			t.Parallel()
			queuetest.Run(t, queuetest.Harness{Open: func(t *testing.T) queue.Queue { return open(t, "kafka://"+s.Addr(), fresh()) }})
		})
		t.Run("Secure", func(t *testing.T) { t.Parallel(); testSecure(t, s) })
		t.Run("Death", func(t *testing.T) { t.Parallel(); testDeath(t, s) })
		for name, run := range behaviours {
			t.Run(name, func(t *testing.T) { t.Parallel(); run(t, s.Addr(), fresh()) })
		}
	})
	t.Run("Crash", func(t *testing.T) { testCrash(t, s) })
	t.Run("Away", func(t *testing.T) { testAway(t, s) })
}

// playMember is a member in a process of its own: it prints what it gets, and has messages that begin with "held" in hand for ever.
func playMember(role []string) error {
	q, err := kafka.Open(context.Background(), role[0], kafka.Options{Prefix: role[1], Partitions: 4, SessionTimeout: time.Second})
	if err != nil {
		return err
	}
	return q.Subscribe(context.Background(), "t", "g", 50, func(ctx context.Context, m queue.Message) error {
		fmt.Println(string(m.Value))
		if strings.HasPrefix(string(m.Value), "held") {
			select {}
		}
		return nil
	})
}

// startMember starts this binary as a member, whose deliveries go to c. They stop when it ends.
func startMember(t *testing.T, broker string, o kafka.Options, c *tally) *testbed.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=kafka://"+broker+" "+o.Prefix)
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	p := testbed.Run(t, cmd, nil)
	w.Close()
	go func() {
		defer out.Close()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.add(lines.Text())
		}
	}()
	return p
}

// testDeath kills a member that has work in hand, and freezes one: the others get what they had, and a member that wakes up
// goes on without harm.
func testDeath(t *testing.T, s *testbed.KafkaServer) {
	o := fresh()
	o.SessionTimeout = time.Second
	q := opened(t, s.Addr(), o)
	a, b, c := newTally(), newTally(), newTally()
	held := numbers("held ", 12)
	publish(t, q, "t", held...)
	victim := startMember(t, s.Addr(), o, a)
	a.await(t, "the victim has all in hand", all(held...))
	subscribe(t, q, "t", "g", 4, b.handle)
	b.await(t, "some partitions move", func(got map[string]int) bool { return len(got) > 0 })
	victim.Kill()
	b.await(t, "what the dead member had comes to the other one", all(held...))

	frozen := startMember(t, s.Addr(), o, c)
	join(t, q, c, "ping")
	if err := frozen.Pause(); err != nil {
		t.Fatal(err)
	}
	next := numbers("next ", 20)
	publish(t, q, "t", next...)
	b.await(t, "what the frozen member does not take comes to the other one", all(next...))
	if err := frozen.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	join(t, q, c, "pong")
}

// join publishes a message until the member with tally c gets it.
func join(t *testing.T, q queue.Queue, c *tally, value string) {
	t.Helper()
	for deadline := time.Now().Add(patience); c.count(value) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a member takes no part")
		}
		publish(t, q, "t", value)
	}
}

// testCrash kills the broker twice while messages are published and consumed: each acknowledged one is delivered.
func testCrash(t *testing.T, s *testbed.KafkaServer) {
	q := opened(t, s.Addr(), fresh())
	got := newTally()
	for range 2 {
		subscribe(t, q, "t", "g", 4, got.handle)
	}
	publish(t, q, "t", "start")
	got.await(t, "the group is there", all("start"))

	var mu sync.Mutex
	var acknowledged []string
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var publishers sync.WaitGroup
	for p := range 4 {
		publishers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				values := numbers(fmt.Sprint(p, "/", i, "/"), 3)
				messages := make([]queue.Message, len(values))
				for i, v := range values {
					messages[i] = queue.Message{Key: v, Value: []byte(v)}
				}
				if err := q.Publish(ctx, "t", messages...); err == nil {
					mu.Lock()
					acknowledged = append(acknowledged, values...)
					mu.Unlock()
				} else if ctx.Err() == nil {
					t.Errorf("publish: %v, want it to outlast the restart", err)
					return
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acknowledged) }
	for range 2 {
		for n := count(); count() < n+300; time.Sleep(time.Millisecond) {
			if t.Failed() {
				return
			}
		}
		s.Kill()
		s.Restart()
	}
	for n := count(); count() < n+300 && !t.Failed(); time.Sleep(time.Millisecond) {
	}
	stop()
	publishers.Wait()
	got.await(t, "all that was acknowledged is delivered", all(acknowledged...))
	twice := 0
	for _, v := range acknowledged {
		if got.count(v) > 1 {
			twice++
		}
	}
	t.Logf("%d messages acknowledged, all delivered, %d more than once", len(acknowledged), twice)
}

// testAway freezes and stops the broker: Publish fails with Unavailable within its deadline, members wait, and all goes on by itself.
func testAway(t *testing.T, s *testbed.KafkaServer) {
	q := opened(t, s.Addr(), fresh())
	got := newTally()
	subscribe(t, q, "t", "g", 2, got.handle)
	publish(t, q, "t", "before")
	got.await(t, "the group is there", all("before"))
	fails := func(q *kafka.Queue, how string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := q.Publish(ctx, "t", queue.Message{Value: []byte("lost")})
		if d := time.Since(start); !errs.Is(err, errs.Unavailable) || d > 2*time.Second {
			t.Errorf("publish to a broker that is %s: got %v after %v, want Unavailable after 500ms", how, err, d)
		}
	}
	s.Pause()
	fails(q, "frozen")
	s.Resume()
	publish(t, q, "t", "thawed")
	got.await(t, "it goes on once thawed", all("thawed"))
	s.Stop()
	fails(q, "stopped")
	later := opened(t, s.Addr(), fresh()) // a queue opens without its broker
	fails(later, "stopped from the start")
	stop := subscribe(t, later, "t", "g", 2, got.handle)
	stop() // at once, although nobody answers
	subscribe(t, later, "t", "g", 2, got.handle)
	s.Restart()
	publish(t, q, "t", "after")
	publish(t, later, "t", "after too")
	got.await(t, "it goes on once restarted", all("after", "after too"))
}

// testSecure talks to the broker over TLS with each SASL mechanism, and with wrong secrets.
func testSecure(t *testing.T, s *testbed.KafkaServer) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right, wrong := file("right", s.Password+"\n"), file("wrong", "a wrong secret")
	address := func(mechanism, user, password, ca string) string {
		v := url.Values{"tls": {"true"}, "sasl": {mechanism}, "user": {user}, "password-file": {password}}
		if ca != "" {
			v.Set("ca-file", ca)
		}
		return "kafka://" + s.SecureAddr() + "?" + v.Encode()
	}
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			q := open(t, address(mechanism, s.User, right, s.CAFile), fresh())
			defer q.Close()
			got := newTally()
			stop := subscribe(t, q, "t", "g", 1, got.handle)
			defer stop()
			publish(t, q, "t", "secret")
			got.await(t, "it is delivered", all("secret"))
		})
	}
	for name, test := range map[string]struct {
		url  string
		want errs.Code
	}{
		"wrong password of plain": {address("plain", s.User, wrong, s.CAFile), errs.Unauthenticated},
		"wrong password of scram": {address("scram-sha-512", s.User, wrong, s.CAFile), errs.Unauthenticated},
		"wrong user":              {address("scram-sha-256", "nobody", right, s.CAFile), errs.Unauthenticated},
		"wrong authority":         {address("plain", s.User, right, ""), errs.Unavailable},
		"no TLS":                  {"kafka://" + s.SecureAddr(), errs.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			q := open(t, test.url, fresh())
			defer q.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			err := q.Publish(ctx, "t", queue.Message{})
			if !errs.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, s.Password) || strings.Contains(text, "a wrong secret") {
				t.Errorf("the error shows the password: %s", text)
			}
		})
	}
}

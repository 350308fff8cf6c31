package mongo_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/mongo"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
)

// TestRefusedURLs gives URLs that cannot be meant: each is refused with what is wrong, and without the password.
func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	const user = "mongodb://gelato:s3cr%2Ft@127.0.0.1:1"
	for _, tt := range []struct{ url, want string }{
		{"", "does not begin with mongodb://"},
		{"pebble:", "does not begin with mongodb://"},
		{"http://gelato:s3cr%2Ft@127.0.0.1/db", "does not begin with mongodb://"},
		{user, "names no database"},
		{user + "/", "names no database"},
		{user + "/?w=majority", "names no database"},
		{user + "/admin", `names the database "admin", which is MongoDB's own`},
		{user + "/a.b", "which MongoDB does not allow"},
		{user + "/db?colour=red", `has the unknown option "colour"`},
		{user + "/db?w=1", `sets the option w to "1"; the state needs "majority"`},
		{user + "/db?w=all", `sets the option w to "all"`},
		{user + "/db?journal=false", `sets the option journal to "false"; the state needs "true"`},
		{user + "/db?readConcernLevel=local", `sets the option readConcernLevel to "local"; the state needs "majority"`},
		{user + "/db?readPreference=secondary", `sets the option readPreference to "secondary"; the state needs "primary"`},
		{user + "/db?maxPoolSize=many", "is not valid"},
		{"mongodb://gelato:s3cr%2Ft@/db", "is not valid"},
		{"mongodb://gelato:s3cr/t@127.0.0.1/db", "is not valid"},
		{"mongodb://gelato:s3cr%zzt@127.0.0.1/db", "is not valid"},
		{user + "/db?tlsCertificateKeyFilePassword=s3cr%2Ft&tls=maybe", "is not valid"},
		{user + "/db?tls=true&tlsCAFile=absent.pem", "is not valid"},
	} {
		s, err := mongo.Open(t.Context(), tt.url, mongo.Options{})
		if err == nil {
			t.Errorf("open %q: got no error", tt.url)
			_ = s.Close()
			continue
		}
		if !errs.Is(err, errs.InvalidArgument) || !strings.Contains(errs.Public(err), tt.want) {
			t.Errorf("open %q: got %v (%v), want InvalidArgument saying %q", tt.url, err, errs.CodeOf(err), tt.want)
		}
		for _, secret := range []string{"s3cr/t", "s3cr%2Ft", "s3cr%zzt"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("open %q: the error holds the password: %v", tt.url, err)
			}
		}
	}
}

// lines is a log that tests look into.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// TestOpenAway opens a database that is not there, and one that comes late.
func TestOpenAway(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	server.Kill()
	withUser := strings.Replace(server.URL("late"), "://", "://gelato:s3cret@", 1)
	var log lines
	_, err := mongo.Open(t.Context(), withUser, mongo.Options{Timeout: time.Second, Patience: 1500 * time.Millisecond, Logger: log.logger()})
	wantCode(t, "a server that is away", err, errs.Unavailable)
	if want := "the state server did not answer within 1.5s"; errs.Public(err) != want {
		t.Errorf("got message %q, want %q", errs.Public(err), want)
	}
	if !strings.Contains(log.String(), "waiting for the state server") {
		t.Errorf("got the log %q, want a line that says what Open waits for", &log)
	}
	if text := fmt.Sprintf("%v %+v %s", err, err, &log); strings.Contains(text, "s3cret") {
		t.Errorf("the password is in %s", text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = mongo.Open(ctx, withUser, mongo.Options{})
	wantCode(t, "cancelled while waiting", err, errs.Canceled)

	var wg sync.WaitGroup
	wg.Go(func() {
		s, err := mongo.Open(t.Context(), server.URL("late"), mongo.Options{Timeout: 3 * time.Second})
		if err != nil {
			t.Errorf("open while the server comes up: %v", err)
			return
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	server.Restart()
	wg.Wait()
}

// TestCredentials has a server refuse a password.
func TestCredentials(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	p := newProxy(t, server.Addr)
	refusal := bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 18}, {Key: "codeName", Value: "AuthenticationFailed"}, {Key: "errmsg", Value: "Authentication failed."}}
	p.behave(func(name string, _ bson.Raw) action {
		if name == "saslStart" {
			return action{drop: true, answer: refusal}
		}
		return action{}
	})
	var log lines
	start := time.Now()
	_, err := mongo.Open(t.Context(), strings.Replace(p.url("db"), "://", "://gelato:s3cret@", 1), mongo.Options{Logger: log.logger()})
	wantCode(t, "a wrong password", err, errs.Unauthenticated)
	if want := "the state server refused the credentials"; errs.Public(err) != want {
		t.Errorf("got message %q, want %q", errs.Public(err), want)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to say so", took)
	}
	if text := fmt.Sprint(err, &log); strings.Contains(text, "s3cret") {
		t.Errorf("the password is in %s", text)
	}
	p.behave(func(name string, _ bson.Raw) action {
		if name == "find" {
			return action{drop: true, answer: bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 13}, {Key: "codeName", Value: "Unauthorized"}, {Key: "errmsg", Value: "not authorized on db"}}}
		}
		return action{}
	})
	_, err = mongo.Open(t.Context(), p.url("db"), mongo.Options{})
	wantCode(t, "a user without the role", err, errs.PermissionDenied)
}

// TestOldServer meets a server that mongo-driver does not speak to.
func TestOldServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				for {
					m, err := message(c)
					if err != nil {
						return
					}
					if _, err := c.Write(oldHello(m)); err != nil {
						return
					}
				}
			})
		}
	})
	_, err = mongo.Open(t.Context(), "mongodb://"+l.Addr().String()+"/db", mongo.Options{})
	wantCode(t, "an old server", err, errs.FailedPrecondition)
	if err != nil && !strings.Contains(errs.Public(err), "MongoDB 4.4 is the oldest") {
		t.Errorf("got message %q", errs.Public(err))
	}
}

// TestSchema opens one database several times, and one that a newer Gelato wrote.
func TestSchema(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := mongo.Open(t.Context(), server.URL("schema"), mongo.Options{})
			if err != nil {
				t.Errorf("open side by side: %v", err)
				return
			}
			if err := s.Insert(t.Context(), "c", docstore.Doc{Key: string(docstore.NewRev(time.Now(), "")), Rev: docstore.NewRev(time.Now(), ""), Body: doc(t, "k").Body}); err != nil {
				t.Errorf("insert side by side: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	client, err := driver.Connect(options.Client().ApplyURI(server.URL("")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	schema := client.Database("schema").Collection("gelato.schema")
	var stored bson.D
	if err := schema.FindOne(t.Context(), bson.D{}).Decode(&stored); err != nil || fmt.Sprint(stored) != fmt.Sprint(bson.D{{Key: "_id", Value: "docstore"}, {Key: "version", Value: 1}}) {
		t.Errorf("got the schema document %v, %v", stored, err)
	}
	for version, want := range map[int]errs.Code{2: errs.FailedPrecondition, 0: errs.DataLoss} {
		if _, err := schema.ReplaceOne(t.Context(), bson.D{{Key: "_id", Value: "docstore"}}, bson.D{{Key: "version", Value: version}}); err != nil {
			t.Fatal(err)
		}
		_, err = mongo.Open(t.Context(), server.URL("schema"), mongo.Options{})
		wantCode(t, fmt.Sprintf("schema version %d", version), err, want)
		if err != nil && !strings.Contains(errs.Public(err), fmt.Sprintf(`the database "schema" has schema version %d`, version)) {
			t.Errorf("got message %q", errs.Public(err))
		}
	}
}

// TestForeignCollection finds a collection that somebody made in a way that cannot keep documents.
func TestForeignCollection(t *testing.T) {
	t.Parallel()
	url := testbed.FerretDB(t)
	client, err := driver.Connect(options.Client().ApplyURI(url("foreign")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	if err := client.Database("foreign").CreateCollection(t.Context(), "c", options.CreateCollection().SetCapped(true).SetSizeInBytes(1<<20)); err != nil {
		t.Fatal(err)
	}
	s := open(t, url("foreign"), mongo.Options{})
	err = s.Insert(t.Context(), "c", doc(t, "k"))
	wantCode(t, "a capped collection", err, errs.FailedPrecondition)
	if err != nil && !strings.Contains(errs.Public(err), `made with the option capped`) {
		t.Errorf("got message %q", errs.Public(err))
	}
	if err := s.Insert(t.Context(), "other", doc(t, "k")); err != nil {
		t.Error(err)
	}
}

// TestMetrics counts calls and connections, and leaves the registry as it was.
func TestMetrics(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	r := prometheus.NewRegistry()
	s, err := mongo.Open(t.Context(), server.URL("metrics"), mongo.Options{Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "c", "absent")
	wantCode(t, "get", err, errs.NotFound)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range families {
		got[f.GetName()] = fmt.Sprint(f.GetMetric()[0])
	}
	for name, want := range map[string]string{"gelato_docstore_call_seconds": `value:"not_found"`, "gelato_docstore_up": "value:1", "gelato_docstore_connections": "value:1"} {
		if !strings.Contains(got[name], want) {
			t.Errorf("metric %s: got %q, want %q in it", name, got[name], want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if families, err := r.Gather(); err != nil || len(families) != 0 {
		t.Errorf("after Close: got %d metrics, %v", len(families), err)
	}
}

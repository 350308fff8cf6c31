package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/catalog"
)

// Work that takes long answers 200 and blanks first; its failure is then an <Error> in the body.
func TestLongWork(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("slow", "")
	g.service.keepUp = time.Millisecond
	begun := make(chan struct{})
	var result error
	g.service.table = append([]operation{{name: "Slow", method: "PATCH", level: onObject, handler: func(s *Service, w http.ResponseWriter, r *request) error {
		return s.long(w, r, func() (func(*document), error) {
			<-begun // the client has the first blank
			return func(x *document) { x.text("Done", "yes") }, result
		})
	}}}, g.service.table...)
	for want, failure := range map[string]error{"<Done>yes</Done>": nil, "<Code>NoSuchUpload</Code>": fail("NoSuchUpload", "gone"), "<Code>InternalError</Code>": errors.New("secret cause")} {
		result, begun = failure, make(chan struct{})
		r := g.request(call{method: "PATCH", path: "/slow/k"})
		conn, err := net.Dial("tcp", r.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "PATCH /slow/k HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", r.Host)
		r.Header.WriteSubset(conn, map[string]bool{"Host": true, "Content-Length": true})
		fmt.Fprint(conn, "\r\n")
		var got bytes.Buffer
		chunk := make([]byte, 1024)
		for open := true; open; {
			n, err := conn.Read(chunk)
			got.Write(chunk[:n])
			if open = err == nil; open && strings.Contains(got.String(), xmlProlog) {
				select {
				case <-begun:
				default:
					close(begun)
				}
			}
		}
		conn.Close()
		if text := got.String(); !strings.HasPrefix(text, "HTTP/1.1 200 OK") || !strings.Contains(text, want) || strings.Contains(text, "secret") {
			t.Errorf("got %q, want a 200 with %s", text, want)
		}
	}
}

func TestAtOnce(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{MaxRequests: 1})
	g.bucket("atonce", "")
	g.service.slots <- struct{}{}
	if a := g.send(call{method: "GET", path: "/atonce"}); a.String() != "503 SlowDown" {
		t.Errorf("got %v, want 503 SlowDown", a)
	}
	<-g.service.slots
	if a := g.send(call{method: "GET", path: "/atonce"}); a.status != 200 {
		t.Errorf("got %v, want 200", a)
	}
}

// A panic answers InternalError, says nothing of the cause, and the server goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var log strings.Builder
	reg := prometheus.NewRegistry()
	g := newGateway(t, Options{Log: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil)), Metrics: reg})
	g.service.table = append([]operation{{name: "Panic", method: "PATCH", level: onObject, handler: func(*Service, http.ResponseWriter, *request) error { panic("secret cause") }}}, g.service.table...)
	g.bucket("panics", "")
	a := g.send(call{method: "PATCH", path: "/panics/k"})
	if a.String() != "500 InternalError" || bytes.Contains(a.body, []byte("secret")) {
		t.Errorf("got %v %s", a, a.body)
	}
	g.bucket("afterwards", "")
	mu.Lock()
	text := log.String()
	mu.Unlock()
	for _, want := range []string{"secret cause", "operation=Panic", "status=500", "operation=CreateBucket", "user=root"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, rootSecret) || strings.Contains(text, "Signature") {
		t.Errorf("the log has secrets:\n%s", text)
	}
	families, err := reg.Gather()
	if err != nil || !strings.Contains(fmt.Sprint(families), `value:"CreateBucket"`) {
		t.Errorf("metrics: %v, %v", families, err)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *strings.Builder
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// identity counts its calls.
type identity struct {
	identitypb.IdentityClient
	box     *seal.Box
	calls   int
	enabled bool
	err     error
}

func (i *identity) GetKey(_ context.Context, in *identitypb.GetKeyRequest, _ ...grpc.CallOption) (*identitypb.Key, error) {
	i.calls++
	return &identitypb.Key{AccessKey: in.AccessKey, User: "u", Enabled: i.enabled, SealedSecret: i.box.Seal("key/k", []byte("s"))}, i.err
}

// A key is asked for at most once in answerAge, also one that there is not, and a disabled one stops working within it. An identity service that is away is
// not taken for an unknown key.
func TestKeysAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box, err := seal.New(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		id := &identity{box: box, enabled: true}
		k := newKeys(id, box, time.Now, nil)
		step := func(after time.Duration, calls int, want errs.Code) {
			t.Helper()
			time.Sleep(after)
			got, err := k.lookup(t.Context(), "k")
			if errs.CodeOf(err) != want || id.calls != calls || err == nil && (got.Secret != "s" || got.User != "u") {
				t.Errorf("got %+v, %v after %d calls, want code %v after %d", got, err, id.calls, want, calls)
			}
		}
		step(0, 1, errs.Unknown)
		step(answerAge-1, 1, errs.Unknown)
		id.enabled = false
		step(1, 2, errs.NotFound)
		step(answerAge-1, 2, errs.NotFound)
		id.enabled, id.err = true, errs.Newf(errs.Unavailable, "away")
		step(1, 3, errs.Unavailable)
		id.err = nil
		step(0, 4, errs.Unknown)
		id.err, id.enabled = errs.Newf(errs.Unavailable, "away"), false // a good key goes on for a while
		step(answerAge, 5, errs.Unknown)
		step(answerAgain-1, 5, errs.Unknown)
		step(1, 6, errs.Unknown)
		step(answerGrace-answerAgain, 7, errs.Unavailable)
		id.err, id.enabled = nil, true
		step(0, 8, errs.Unknown)
		id.err, id.enabled = errs.Newf(errs.Unavailable, "away"), false
		step(answerAge, 9, errs.Unknown)
		id.err = nil // back: what it says counts at the next question
		step(answerAgain, 10, errs.NotFound)
		id.enabled = true
		step(answerAge, 11, errs.Unknown)
		if _, err := k.lookup(t.Context(), strings.Repeat("k", maxAccessKey+1)); !errs.Is(err, errs.NotFound) || id.calls != 11 || len(k.known.known) != 1 {
			t.Errorf("a key that is too long: got %v, %d calls, %d remembered", err, id.calls, len(k.known.known))
		}
		if _, err := k.lookup(t.Context(), "other"); !errs.Is(err, errs.DataLoss) { // sealed for another key
			t.Errorf("got %v, want DataLoss", err)
		}
	})
}

// renewals is a catalog that answers Renew only.
type renewals struct {
	catalog.API
	answers []error // the last one is repeated
	at      []time.Duration
	begun   time.Time
}

func (r *renewals) Renew(context.Context, *catalog.Write) error {
	r.at = append(r.at, time.Since(r.begun))
	err := r.answers[0]
	if len(r.answers) > 1 {
		r.answers = r.answers[1:]
	}
	return err
}

// A renewal that fails is tried again soon; a write that was given up ends its upload with the reason.
func TestRenewing(t *testing.T) {
	t.Parallel()
	away := errs.Newf(errs.Unavailable, "away")
	gone := errs.Newf(errs.Unavailable, "too late").Because(catalog.Expired)
	synctest.Test(t, func(t *testing.T) {
		c := &renewals{answers: []error{nil, away, away, nil}, begun: time.Now()}
		s := &Service{catalog: c, o: Options{Log: slog.New(slog.DiscardHandler)}}
		working, stop := s.renew(t.Context(), &catalog.Write{TTL: time.Minute})
		time.Sleep(time.Minute + 7*time.Second)
		if err := stop(); err != nil || working.Err() == nil {
			t.Errorf("got %v, %v, want no error and an ended context", err, working.Err())
		}
		want := []time.Duration{20 * time.Second, 40 * time.Second, 43 * time.Second, 46 * time.Second, 66 * time.Second}
		if !slices.Equal(c.at, want) {
			t.Errorf("renewed at %v, want %v", c.at, want)
		}
		c = &renewals{answers: []error{away, gone}, begun: time.Now()}
		s.catalog = c
		working, stop = s.renew(t.Context(), &catalog.Write{TTL: time.Minute})
		<-working.Done()
		if err := stop(); errs.ReasonOf(err) != catalog.Expired || time.Since(c.begun) != 23*time.Second {
			t.Errorf("got %v after %v, want %s after 23s", err, time.Since(c.begun), catalog.Expired)
		}
		s.catalog = &renewals{}
		if _, stop = s.renew(t.Context(), &catalog.Write{TTL: time.Minute}); stop() != nil {
			t.Error("a short write was given up")
		}
	})
}

// A write that began with a bucket as it was before its placement moved goes where it is placed now, as its body is at hand.
func TestPutFollowsThePlacement(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	name := g.bucket("bucket", "a")
	old, err := g.catalog.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.catalog.SetPlacement(t.Context(), name, "id-b"); err != nil {
		t.Fatal(err)
	}
	body := sourcePayload(strings.NewReader("hello"), 5, wants{md5: true}, nil)
	o, err := g.service.store(t.Context(), old, catalog.Object{Key: "key", Size: 5}, body, catalog.Condition{})
	if err != nil || o.Location.BackendID != "id-b" {
		t.Fatalf("put with the bucket of before: got one at %q, %v, want it at id-b", o.Location.BackendID, err)
	}
	if got := g.blobs("b"); len(got) != 1 {
		t.Errorf("b has %q, want one blob", got)
	}
}

// A bucket that is made on a backend while that is being removed is taken back.
func TestBucketsOnABackendThatGoes(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	asked := 0
	g.reg.asked = func(string) {
		if asked++; asked == 2 { // between the look for the backend and the look after the bucket was made
			g.reg.backends["id-b"].State = "draining"
		}
	}
	body := []byte("<CreateBucketConfiguration><LocationConstraint>b</LocationConstraint></CreateBucketConfiguration>")
	if a := g.send(call{method: "PUT", path: "/going", body: body}); a.String() != "503 ServiceUnavailable" {
		t.Errorf("got %v, want 503 ServiceUnavailable", a)
	}
	if a := g.send(call{method: "GET", path: "/going"}); a.String() != "404 NoSuchBucket" {
		t.Errorf("the bucket answers %v", a)
	}
	if a := g.send(call{method: "PUT", path: "/going", body: body}); a.String() != "400 InvalidLocationConstraint" {
		t.Errorf("got %v, want 400 InvalidLocationConstraint", a)
	}
}

// While the state is away every operation answers 503, which SDKs try again, and when it is back everything is as it was.
func TestStateAway(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	name := g.bucket("away", "")
	put := call{method: "PUT", path: "/" + name + "/k", body: []byte("hello")}
	if a := g.send(put); a.status != 200 {
		t.Fatal(a)
	}
	calls := []call{put, {method: "GET", path: "/" + name + "/k"}, {method: "HEAD", path: "/" + name + "/k"}, {method: "DELETE", path: "/" + name + "/other"},
		{method: "GET", path: "/" + name}, {method: "GET", path: "/"}, {method: "PUT", path: "/another"}, {method: "POST", path: "/" + name + "/k", query: "uploads="}}
	for _, on := range []bool{true, false} {
		g.docs.Away(on)
		for _, c := range calls {
			a := g.send(c)
			if on && a.status != 503 || on && c.method != "HEAD" && a.String() != "503 ServiceUnavailable" || !on && a.status/100 != 2 {
				t.Errorf("away %v: %s %s?%s answers %v", on, c.method, c.path, c.query, a)
			}
		}
	}
	if a := g.send(call{method: "GET", path: "/" + name + "/k"}); string(a.body) != "hello" {
		t.Errorf("afterwards the object is %v", a)
	}
}

package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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
)

// Work that takes long answers 200 and blanks first; its failure is then an <Error> in the body.
func TestLongWork(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.service.keepUp = time.Millisecond
	begun := make(chan struct{})
	var result error
	g.service.table = append([]operation{{"Slow", "PATCH", onObject, "", "", func(s *Service, w http.ResponseWriter, r *request) error {
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
	g.service.table = append([]operation{{"Panic", "PATCH", onObject, "", "", func(*Service, http.ResponseWriter, *request) error { panic("secret cause") }}}, g.service.table...)
	a := g.send(call{method: "PATCH", path: "/b/k"})
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
	box     *seal.Box
	calls   int
	enabled bool
	err     error
}

func (i *identity) GetKey(_ context.Context, in *identitypb.GetKeyRequest, _ ...grpc.CallOption) (*identitypb.Key, error) {
	i.calls++
	return &identitypb.Key{AccessKey: in.AccessKey, User: "u", Enabled: i.enabled, SealedSecret: i.box.Seal("key/k", []byte("s"))}, i.err
}

// A key is asked for at most every two seconds, also one that there is not, and a disabled one stops working within them. An identity service that is away is
// not taken for an unknown key.
func TestKeysAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box, err := seal.New(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		id := &identity{box: box, enabled: true}
		k := newKeys(id, box, time.Now)
		step := func(after time.Duration, calls int, want errs.Code) {
			t.Helper()
			time.Sleep(after)
			got, err := k.lookup(t.Context(), "k")
			if errs.CodeOf(err) != want || id.calls != calls || err == nil && (got.Secret != "s" || got.User != "u") {
				t.Errorf("got %+v, %v after %d calls, want code %v after %d", got, err, id.calls, want, calls)
			}
		}
		step(0, 1, errs.Unknown)
		step(keyAge-1, 1, errs.Unknown)
		id.enabled = false
		step(1, 2, errs.NotFound)
		step(keyAge-1, 2, errs.NotFound)
		id.enabled, id.err = true, errs.Newf(errs.Unavailable, "away")
		step(1, 3, errs.Unavailable)
		id.err = nil
		step(0, 4, errs.Unknown)
		if _, err := k.lookup(t.Context(), "other"); !errs.Is(err, errs.DataLoss) { // sealed for another key
			t.Errorf("got %v, want DataLoss", err)
		}
	})
}

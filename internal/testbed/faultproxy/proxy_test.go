package faultproxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo answers a request with its body, and keeps what it saw.
type echo struct {
	mu   sync.Mutex
	seen []string // method, host, URI, a header, and the body or how it broke
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	what := string(body)
	if err != nil {
		what = "broken"
	}
	e.mu.Lock()
	e.seen = append(e.seen, strings.Join([]string{r.Method, r.Host, r.RequestURI, r.Header.Get("X-Signed"), r.UserAgent(), what}, " "))
	e.mu.Unlock()
	w.Header().Set("X-Answer", "yes")
	_, _ = w.Write(body)
}

// saw returns what the server saw since the last call; a body that breaks is seen a moment after the client learns of it.
func (e *echo) saw(t *testing.T, n int) []string {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		e.mu.Lock()
		seen := e.seen
		if len(seen) >= n {
			e.seen = nil
		}
		e.mu.Unlock()
		if len(seen) >= n {
			return seen
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server saw %q, want %d requests", seen, n)
		}
	}
}

func newProxy(t *testing.T, d Dialect) (*Proxy, *echo, *http.Client) {
	e := &echo{}
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return New(t, srv.URL, d), e, &http.Client{Transport: tr}
}

// send sends a body to a path and returns the answer's.
func send(t *testing.T, c *http.Client, p *Proxy, path, body string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.URL+path, struct{ io.Reader }{strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	req.Host = "signed.example"
	req.Header.Set("X-Signed", "v")
	req.Header.Set("User-Agent", "")
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

func TestFaults(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789", 100_000)
	changed := body[:12345] + "4" + body[12346:] // '5' ^ 1
	const request = "PUT signed.example /a%2Fb//c?x=%20y&z v  "
	for _, c := range []struct {
		name   string
		fault  Fault
		status int
		got    string // of the answer's body
		broken bool   // for the client
		seen   string // by the server; "": nothing
	}{
		{"none", Fault{}, 200, body, false, request + body},
		{"delay", Delay(time.Millisecond), 200, body, false, request + body},
		{"answer", Answer(503), 503, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>a fault of the test</Message></Error>", false, ""},
		{"lose", Lose(), 0, "", true, request + body},
		{"cut the request", CutRequest(12345), 0, "", true, request + "broken"},
		{"cut the request at once", CutRequest(0), 0, "", true, request + "broken"},
		{"cut the request past its end", CutRequest(1 << 30), 200, body, false, request + body},
		{"cut the answer", CutResponse(12345), 200, body[:12345], true, request + body},
		{"cut the answer at once", CutResponse(0), 200, "", true, request + body},
		{"cut the answer's last byte", CutResponse(int64(len(body)) - 1), 200, body[:len(body)-1], true, request + body},
		{"corrupt the request", CorruptRequest(12345), 200, changed, false, request + changed},
		{"corrupt the answer", CorruptResponse(12345), 200, changed, false, request + body},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, e, client := newProxy(t, S3)
			p.Set(c.fault, 1, nil)
			status, got, err := send(t, client, p, "/a%2Fb//c?x=%20y&z", body)
			if status != c.status || got != c.got || (err != nil) != c.broken {
				t.Errorf("status %d, %d bytes, error %v, want %d, %d bytes, an error: %v", status, len(got), err, c.status, len(c.got), c.broken)
			}
			if hits := p.Clear(); hits != 1 {
				t.Errorf("%d requests met the fault, want 1", hits)
			}
			if c.seen == "" {
				if _, _, err := send(t, client, p, "/", "next"); err != nil {
					t.Fatal(err)
				}
				c.seen = "PUT signed.example / v  next"
			}
			if seen := e.saw(t, 1); !slices.Equal(seen, []string{c.seen}) {
				t.Errorf("the server saw %.100q, want %.100q", seen, c.seen)
			}
		})
	}
}

func TestWhichRequests(t *testing.T) {
	t.Parallel()
	p, _, client := newProxy(t, Azure)
	p.Set(Answer(429), 2, func(r *http.Request) bool { return r.URL.Path == "/bad" })
	var got []int
	for _, path := range []string{"/bad", "/good", "/bad", "/bad"} {
		status, _, err := send(t, client, p, path, "x")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if want := []int{429, 200, 429, 200}; !slices.Equal(got, want) {
		t.Errorf("two faults for /bad: %v, want %v", got, want)
	}
	p.Set(Answer(500), 0, nil)
	for range 3 {
		if status, _, err := send(t, client, p, "/", "x"); status != 500 || err != nil {
			t.Errorf("a fault for all: %d, %v, want 500", status, err)
		}
	}
	if hits := p.Clear(); hits != 3 {
		t.Errorf("%d requests met the fault, want 3", hits)
	}
	if status, _, err := send(t, client, p, "/", "x"); status != 200 || err != nil {
		t.Errorf("after Clear: %d, %v", status, err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	p, _, client := newProxy(t, S3)
	p.Stop()
	if _, _, err := send(t, client, p, "/", "x"); err == nil {
		t.Error("a stopped proxy answers")
	}
	p.Start()
	if status, _, err := send(t, client, p, "/", "x"); status != 200 || err != nil {
		t.Errorf("after Start: %d, %v", status, err)
	}
}

// TestEarlyAnswer has a server that answers before it has the body.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(srv.Close)
	p := New(t, srv.URL, S3)
	for range 3 {
		resp, err := http.Post(p.URL, "text/plain", bytes.NewReader(make([]byte, 8<<20)))
		if err != nil {
			continue // the rest of the body may break the connection before the answer is read
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("status %d, want 403", resp.StatusCode)
		}
	}
}

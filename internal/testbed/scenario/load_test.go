package scenario

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// liar is an S3 server of one bucket that keeps objects in memory and answers GET as the case says: what the load must notice.
type liar struct {
	mu       sync.Mutex
	now, old map[string][]byte
	get      func(w http.ResponseWriter, now, old []byte)
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch key := r.URL.Path; r.Method {
	case http.MethodPut, http.MethodDelete:
		body, _ := io.ReadAll(r.Body)
		l.old[key] = l.now[key]
		delete(l.now, key)
		if r.Method == http.MethodPut {
			l.now[key] = body
		}
	case http.MethodGet:
		l.get(w, l.now[key], l.old[key])
	}
}

func honest(w http.ResponseWriter, now, _ []byte) {
	if now == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(now))) // as S3 does
	_, _ = w.Write(now)
}

func TestLoadNoticesLies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		get  func(w http.ResponseWriter, now, old []byte)
		lies bool
	}{
		"honest": {honest, false},
		"the version before": {func(w http.ResponseWriter, now, old []byte) {
			if old != nil {
				now = old
			}
			honest(w, now, nil)
		}, true},
		"no object where one is": {func(w http.ResponseWriter, _, _ []byte) { w.WriteHeader(http.StatusNotFound) }, true},
		"a deleted one": {func(w http.ResponseWriter, now, old []byte) {
			if now == nil {
				now = old
			}
			honest(w, now, nil)
		}, true},
		"half of each": {func(w http.ResponseWriter, now, old []byte) {
			if now != nil && old != nil {
				now = append(bytes.Clone(now[:2048]), old[2048:]...)
			}
			honest(w, now, nil)
		}, true},
		"an error": {func(w http.ResponseWriter, _, _ []byte) { w.WriteHeader(http.StatusServiceUnavailable) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&liar{now: map[string][]byte{}, old: map[string][]byte{}, get: tc.get})
			defer server.Close()
			c, err := s3lite.New(s3lite.Endpoint{URL: server.URL, Access: "a", Secret: "s", Region: "r"})
			if err != nil {
				t.Fatal(err)
			}
			l := &Load{Client: c, Bucket: "b", Model: NewModel(time.Now), Outage: &Outage{}, Size: 4 << 10, Seed: 1}
			for _, o := range dataset.Small(4) {
				l.Keys, l.Write = append(l.Keys, o.Key), append(l.Write, o.Key)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			l.Run(ctx, 4, 2, 1000)
			n, err := l.Failures()
			if (n > 0) != tc.lies {
				t.Errorf("got %d failures (%v), want some: %v", n, err, tc.lies)
			}
			if l.Puts.Load() == 0 || l.Deletes.Load() == 0 || !tc.lies && l.Reads.Load() == 0 {
				t.Errorf("%d puts, %d deletes, %d reads: the load did nothing", l.Puts.Load(), l.Deletes.Load(), l.Reads.Load())
			}
		})
	}
}

func TestOutageExplains(t *testing.T) {
	t.Parallel()
	var o Outage
	now := time.Now()
	if o.Explains(now, now) {
		t.Error("no outage explains something")
	}
	for range 2 {
		before := time.Now()
		o.Begin()
		if !o.Explains(before, time.Now()) || o.Explains(now.Add(-time.Second), now) {
			t.Error("an outage under way explains what ends in it, and nothing earlier")
		}
		o.End()
		after := time.Now().Add(time.Second)
		if !o.Explains(before, after) || o.Explains(after, after) {
			t.Error("a past outage explains what overlaps it, and nothing later")
		}
	}
}

package adaptertest

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/wrap"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

// FaultHarness makes stores whose way to a real server goes through a proxy with faults.
type FaultHarness struct {
	// Target is the server, "http://HOST:PORT".
	Target string

	// Dialect is how it answers errors: faultproxy.S3 or faultproxy.Azure.
	Dialect faultproxy.Dialect

	// Open opens a store that holds no objects and no uploads, in a place of its own, with endpoint in the place of Target. It is called once
	// per group of cases, from several goroutines. The harness closes the store with t.Cleanup.
	Open func(t *testing.T, endpoint string) adapters.Store
}

// RunFaults tests what a store that is spoken to over HTTP makes of faults of the network and of the server: calls repeat or fail
// cleanly, no torn object is ever visible, corruption is detected, memory stays flat. The test that calls it must not be parallel,
// as it looks at the memory of the process.
//
// The rules, for any call that meets a fault:
//   - an error is errs.Retryable (DataLoss for corrupt bytes), and what the call was to change is as before or as after, nothing between;
//   - success means that it is done;
//   - repeated by wrap.Retry, as the services do, it succeeds once the fault is over.
func RunFaults(t *testing.T, h FaultHarness) {
	t.Run("Memory", func(t *testing.T) { testMemory(t, h) })
	for _, g := range []struct {
		name string
		test func(t *testing.T, h FaultHarness)
	}{
		{"Cold", testCold},
		{"Delayed", testDelayed},
		{"Refused", testRefused},
		{"UploadCut", testUploadCut},
		{"UploadCorrupt", testUploadCorrupt},
		{"DownloadCut", testDownloadCut},
		{"DownloadCorrupt", testDownloadCorrupt},
		{"AnswerCut", testAnswerCut},
		{"AnswerLost", testAnswerLost},
		{"ConditionLost", testConditionLost},
		{"Away", testAway},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.test(t, h)
		})
	}
}

// shortPauses are for tests.
var shortPauses = wrap.RetryOptions{Base: time.Millisecond, Max: 10 * time.Millisecond}

// faulty is a store behind a proxy.
type faulty struct {
	*faultproxy.Proxy
	bare adapters.Store
	sure adapters.Store // as the services use it, but with short pauses
	keys *atomic.Int64
}

func newFaulty(t *testing.T, h FaultHarness) faulty {
	t.Helper()
	p := faultproxy.New(t, h.Target, h.Dialect)
	s := h.Open(t, p.URL)
	return faulty{p, s, wrap.Retry(wrap.Limit(s, wrap.Limits{}), shortPauses), new(atomic.Int64)}
}

// newWarm makes a store that has found out what its server can do, so that faults meet the calls themselves.
func newWarm(t *testing.T, h FaultHarness) faulty {
	t.Helper()
	f := newFaulty(t, h)
	b := pattern(1, faultBytes)
	put(t, f.bare, "warm", b, adapters.PutOptions{})
	put(t, f.bare, "warm", b, adapters.PutOptions{CRC64: crc(b)})
	id := createUpload(t, f.bare, "warm", adapters.PutOptions{})
	putPart(t, f.bare, "warm", id, 1, b)
	if err := f.bare.AbortUpload(t.Context(), "warm", id); err != nil {
		t.Fatalf("AbortUpload: %v", err)
	}
	if err := f.bare.Delete(t.Context(), "warm", ""); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	return f
}

// judge checks a call that met a fault against the rules above.
func (o operation) judge(t *testing.T, f faulty, err error) {
	t.Helper()
	got := o.state(t, f.bare)
	if err == nil && got == before {
		t.Errorf("%s succeeded, and all is as before", o.name)
	}
	if err != nil && !errs.Retryable(err) {
		t.Errorf("%s: error %v (%v), want one that may be repeated", o.name, err, errs.CodeOf(err))
	}
}

// changes says whether state can tell what the call has done.
func (o operation) changes() bool {
	return o.name == "Put" || o.name == "Delete" || o.name == "Copy" || o.name == "CompleteUpload"
}

// wantDone checks a call that had to succeed.
func (o operation) wantDone(t *testing.T, f faulty, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: error %v (%v), want success", o.name, err, errs.CodeOf(err))
	}
	if got := o.state(t, f.bare); err == nil && got == before {
		t.Errorf("%s succeeded, and all is as before", o.name)
	}
}

// requests matches what the call is about: a write may be preceded by reads, which transports repeat by themselves.
func (o operation) requests() func(*http.Request) bool {
	if o.reads {
		return nil
	}
	return writes
}

// wantHit checks that the call has met the fault.
func (o operation) wantHit(t *testing.T, hits int) {
	t.Helper()
	if hits == 0 && !o.local {
		t.Errorf("%s met no fault", o.name)
	}
}

// wantRefused checks a call that could not get through.
func (o operation) wantRefused(t *testing.T, err error, codes ...errs.Code) {
	t.Helper()
	if err == nil && o.local {
		return
	}
	right := false
	for _, c := range codes {
		right = right || errs.Is(err, c)
	}
	if !right {
		t.Errorf("%s: error %v (%v), want %v", o.name, err, errs.CodeOf(err), codes)
	}
}

// key returns a key that was not used before.
func (f faulty) key(name string) string { return fmt.Sprintf("%s/%d", name, f.keys.Add(1)) }

// eachOperation runs a test with each call, prepared anew.
func eachOperation(t *testing.T, f faulty, test func(o operation)) {
	t.Helper()
	for name, prepare := range operations(f.bare.Capabilities()) {
		o := prepare(t, f.bare, f.key(name))
		o.name = name
		test(o)
		f.Clear()
	}
}

// writes matches the requests that change something.
func writes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// withBody matches requests that carry more than n bytes, so that a fault at n meets the bytes of an object.
func withBody(n int64) func(*http.Request) bool {
	return func(r *http.Request) bool { return writes(r) && (r.ContentLength > n || r.ContentLength < 0) }
}

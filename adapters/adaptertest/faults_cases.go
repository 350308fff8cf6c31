package adaptertest

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/wrap"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

// troubles are the error statuses of a server in trouble, and what they may mean.
var troubles = map[int][]errs.Code{
	http.StatusInternalServerError: {errs.Unavailable},
	http.StatusServiceUnavailable:  {errs.ResourceExhausted, errs.Unavailable},
	http.StatusTooManyRequests:     {errs.ResourceExhausted},
}

// testCold has faults meet the first calls of a store, when it still finds out what the server can do: it must draw no
// conclusions from them.
func testCold(t *testing.T, h FaultHarness) {
	for name, fault := range map[string]faultproxy.Fault{
		"500": faultproxy.Answer(500), "503": faultproxy.Answer(503), "429": faultproxy.Answer(429), "lost": faultproxy.Lose(),
		"cut": faultproxy.CutRequest(10), "corrupt": faultproxy.CorruptRequest(faultBytes / 2),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, h)
			f.Set(fault, 2, writes)
			b := pattern(1, faultBytes)
			_, err := f.sure.Put(t.Context(), "cold", bytes.NewReader(b), faultBytes, adapters.PutOptions{})
			if err != nil && !errs.Retryable(err) && !errs.Is(err, errs.DataLoss) {
				t.Errorf("the first Put: error %v (%v), want success, or DataLoss of a corrupt one", err, errs.CodeOf(err))
			}
			f.Clear()
			calm := h.Open(t, h.Target)
			want, got := put(t, calm, "calm", b, adapters.PutOptions{}), put(t, f.bare, "cold", b, adapters.PutOptions{})
			if got.Verified != want.Verified || got.Proof != want.Proof {
				t.Errorf("a Put after faults: proof %q, without any %q", got.Proof, want.Proof)
			}
			eachOperation(t, f, func(o operation) { o.wantDone(t, f, o.call(t.Context(), f.bare)) })
		})
	}
}

// testDelayed has answers come late: within the limits all succeeds, and past them the calls end.
func testDelayed(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	eachOperation(t, f, func(o operation) {
		f.Set(faultproxy.Delay(20*time.Millisecond), 0, nil)
		err := o.call(t.Context(), f.sure)
		o.wantHit(t, f.Clear())
		o.wantDone(t, f, err)
	})
	const limit = 250 * time.Millisecond
	late := wrap.Limit(f.bare, wrap.Limits{Call: limit, Stall: limit, Finish: limit, Complete: limit})
	eachOperation(t, f, func(o operation) {
		f.Set(faultproxy.Delay(time.Hour), 0, nil)
		start := time.Now()
		err := o.call(t.Context(), late)
		f.Clear() // on a crowded machine the limit may pass before the request is there
		if took := time.Since(start); took > 20*limit {
			t.Errorf("%s took %v with a limit of %v", o.name, took, limit)
		}
		o.wantRefused(t, err, errs.DeadlineExceeded)
		o.judge(t, f, err)
	})
}

// testRefused has the server refuse: for a while, which a repeated call survives, and for ever.
func testRefused(t *testing.T, h FaultHarness) {
	for status, codes := range troubles {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			f := newWarm(t, h)
			eachOperation(t, f, func(o operation) {
				for _, s := range []adapters.Store{f.bare, f.sure} {
					f.Set(faultproxy.Answer(status), 0, nil)
					err := o.call(t.Context(), s)
					o.wantHit(t, f.Clear())
					o.wantRefused(t, err, codes...)
					if got := o.state(t, f.bare); err != nil && got == after && o.changes() {
						t.Errorf("%s was refused and is done all the same", o.name)
					}
				}
				f.Set(faultproxy.Answer(status), 2, nil)
				o.wantDone(t, f, o.call(t.Context(), f.sure))
			})
		})
	}
}

// testAnswerCut cuts the answers short: nobody takes the beginning for the whole.
func testAnswerCut(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	for _, n := range []int64{0, 20, 100} {
		eachOperation(t, f, func(o operation) {
			f.Set(faultproxy.CutResponse(n), 1, nil)
			err := o.call(t.Context(), f.bare)
			o.wantHit(t, f.Clear())
			o.judge(t, f, err)
		})
		eachOperation(t, f, func(o operation) {
			f.Set(faultproxy.CutResponse(n), 1, nil)
			err := o.call(t.Context(), f.sure)
			o.wantHit(t, f.Clear())
			if o.name == "Get" { // to go on where a body broke is the reader's
				o.judge(t, f, err)
				return
			}
			o.wantDone(t, f, err)
		})
	}
}

// testAnswerLost has the server act and its answer vanish. The call may say so, and repeated it succeeds.
func testAnswerLost(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	eachOperation(t, f, func(o operation) {
		f.Set(faultproxy.Lose(), 1, o.requests())
		err := o.call(t.Context(), f.bare)
		o.wantHit(t, f.Clear())
		o.judge(t, f, err)
		if err != nil { // a transport repeats a GET by itself
			o.wantDone(t, f, o.call(t.Context(), f.bare))
		}
	})
	eachOperation(t, f, func(o operation) {
		f.Set(faultproxy.Lose(), 1, o.requests())
		err := o.call(t.Context(), f.sure)
		o.wantHit(t, f.Clear())
		o.wantDone(t, f, err)
	})
}

// testConditionLost loses the answers of conditional writes: repeated, they meet the object that they have made themselves.
func testConditionLost(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	c := f.bare.Capabilities()
	if !c.ConditionalPut {
		t.Log("ConditionalPut is declared missing")
	} else {
		b := pattern(1, faultBytes)
		f.Set(faultproxy.Lose(), 1, writes)
		_, err := f.sure.Put(t.Context(), "new", bytes.NewReader(b), faultBytes, adapters.PutOptions{IfNoneMatch: true})
		f.Clear()
		wantSuccessOrUnknown(t, "Put with IfNoneMatch", err)
		old := wantObject(t, f.bare, "new", b)

		b = pattern(2, faultBytes)
		f.Set(faultproxy.Lose(), 1, writes)
		_, err = f.sure.Put(t.Context(), "new", bytes.NewReader(b), faultBytes, adapters.PutOptions{IfMatch: old.ETag})
		f.Clear()
		wantSuccessOrUnknown(t, "Put with IfMatch", err)
		wantObject(t, f.bare, "new", b)

		if c.Multipart {
			id := createUpload(t, f.bare, "parts", adapters.PutOptions{})
			parts := []adapters.Part{putPart(t, f.bare, "parts", id, 1, b)}
			f.Set(faultproxy.Lose(), 1, writes)
			_, err = f.sure.CompleteUpload(t.Context(), "parts", id, parts, adapters.PutOptions{IfNoneMatch: true})
			f.Clear()
			wantSuccessOrUnknown(t, "CompleteUpload with IfNoneMatch", err)
			wantObject(t, f.bare, "parts", b)
		}
	}
	info := put(t, f.bare, "gone", []byte("x"), adapters.PutOptions{})
	f.Set(faultproxy.Lose(), 1, writes)
	err := f.sure.Delete(t.Context(), "gone", info.ETag)
	f.Clear()
	if err != nil {
		t.Errorf("Delete with IfMatch: %v", err)
	}
	wantAbsent(t, f.bare, "gone")
}

// wantSuccessOrUnknown checks a conditional write whose first answer was lost: it may not claim that the condition does not hold.
func wantSuccessOrUnknown(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil && errs.ReasonOf(err) != "OutcomeUnknown" {
		t.Errorf("%s: error %v (%v, reason %q), want success or the reason OutcomeUnknown", what, err, errs.CodeOf(err), errs.ReasonOf(err))
	}
}

// testAway has nobody listen: all calls fail soon, and succeed once the server is back.
func testAway(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	eachOperation(t, f, func(o operation) {
		f.Stop()
		start := time.Now()
		for _, s := range []adapters.Store{f.bare, f.sure} {
			o.wantRefused(t, o.call(t.Context(), s), errs.Unavailable)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %v to find nobody there", o.name, took)
		}
		f.Start()
		o.wantDone(t, f, o.call(t.Context(), f.sure))
	})
}

package adaptertest

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

// spooled is the size of a body that is too big for one request where its size is not known beforehand.
const spooled = 20 << 20

// nth matches the nth request of those that match.
func nth(n int, match func(*http.Request) bool) func(*http.Request) bool {
	return func(r *http.Request) bool { // called under the proxy's lock
		if match(r) {
			n--
		}
		return n == 0
	}
}

// testUploadCut breaks connections while a body goes up.
func testUploadCut(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	b := pattern(3, faultBytes)
	for _, at := range []int64{0, 1, faultBytes / 2, faultBytes - 1} {
		for _, o := range []operation{preparePut(t, f.bare, f.key("put")), preparePart(t, f.bare, f.key("part"))} {
			o.name = "an upload that is cut"
			f.Set(faultproxy.CutRequest(at), 0, withBody(at))
			err := o.call(t.Context(), f.bare)
			if hits := f.Clear(); hits == 0 {
				t.Fatalf("nothing was cut after %d bytes", at)
			}
			o.wantRefused(t, err, errs.Unavailable)
			if o.state(t, f.bare) == after {
				t.Errorf("an upload that was cut after %d bytes is done all the same", at)
			}
			f.Set(faultproxy.CutRequest(at), 2, withBody(at))
			o.wantDone(t, f, o.call(t.Context(), f.sure))
		}
		// A body that cannot be sent again fails once.
		key := f.key("stream")
		f.Set(faultproxy.CutRequest(at), 1, withBody(at))
		_, err := f.sure.Put(t.Context(), key, opaque{bytes.NewReader(b)}, faultBytes, adapters.PutOptions{CRC64: crc(b)})
		f.Clear()
		wantCode(t, "Put of a stream that is cut", err, errs.Unavailable)
		wantAbsent(t, f.bare, key)
	}
	testSpooledFault(t, f, "cut", faultproxy.CutRequest(1<<20), errs.Unavailable)
}

// testSpooledFault has a fault meet the second part of a body of unknown size.
func testSpooledFault(t *testing.T, f faulty, what string, fault faultproxy.Fault, want errs.Code) {
	t.Helper()
	key, b := f.key("spooled"), pattern(4, spooled)
	f.Set(fault, 1, nth(2, withBody(1<<20)))
	info, err := f.bare.Put(t.Context(), key, opaque{bytes.NewReader(b)}, -1, adapters.PutOptions{})
	if hits := f.Clear(); hits != 1 {
		t.Fatalf("%d requests of a body of unknown size were %s, want 1", hits, what)
	}
	if err == nil && want == errs.DataLoss && !info.Verified {
		return // nobody takes it for good
	}
	wantCode(t, "Put of unknown size that is "+what, err, want)
	wantAbsent(t, f.bare, key)
	if ids, err := openUploads(t.Context(), f.bare, key); err != nil || len(ids) != 0 {
		t.Errorf("after a Put of unknown size that is %s the uploads %q are open (%v)", what, ids, err)
	}
}

// testUploadCorrupt changes a byte on its way up: the write is refused, or does not count as verified.
func testUploadCorrupt(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	const at = faultBytes / 2
	b := pattern(3, faultBytes)
	for name, o := range map[string]adapters.PutOptions{"known": {CRC64: crc(b)}, "unknown": {}} {
		for _, s := range []adapters.Store{f.bare, f.sure} {
			for _, body := range []io.Reader{bytes.NewReader(b), opaque{bytes.NewReader(b)}} {
				key := f.key("put-" + name)
				f.Set(faultproxy.CorruptRequest(at), 0, withBody(at))
				info, err := s.Put(t.Context(), key, body, faultBytes, o)
				if hits := f.Clear(); hits == 0 {
					t.Fatal("no byte was changed")
				}
				wantDetected(t, "Put with a CRC64 that is "+name, info.Verified, err)
				if err != nil {
					wantAbsent(t, f.bare, key)
				}
			}
		}
		key := f.key("part-" + name)
		id := createUpload(t, f.bare, key, adapters.PutOptions{})
		f.Set(faultproxy.CorruptRequest(at), 0, withBody(at))
		part, err := f.bare.PutPart(t.Context(), key, id, 1, opaque{bytes.NewReader(b)}, faultBytes, adapters.Sums{CRC64: o.CRC64})
		f.Clear()
		wantDetected(t, "PutPart with a CRC64 that is "+name, part.Verified, err)
		if err == nil {
			info, err := f.bare.CompleteUpload(t.Context(), key, id, []adapters.Part{part}, adapters.PutOptions{CRC64: crc(b)})
			wantDetected(t, "CompleteUpload of a corrupt part", info.Verified, err)
		} else {
			part = putPart(t, f.bare, key, id, 1, b)
			complete(t, f.bare, key, id, []adapters.Part{part}, b)
			wantObject(t, f.bare, key, b)
		}
	}
	testSpooledFault(t, f, "corrupt", faultproxy.CorruptRequest(1<<20), errs.DataLoss)
}

// wantDetected checks a write whose bytes were changed on their way.
func wantDetected(t *testing.T, what string, verified bool, err error) {
	t.Helper()
	if err == nil && verified {
		t.Errorf("%s: a write of changed bytes counts as verified", what)
	}
	if err != nil && !errs.Is(err, errs.DataLoss) {
		t.Errorf("%s: error %v (%v), want DataLoss", what, err, errs.CodeOf(err))
	}
}

// testDownloadCut breaks connections while a body comes down: the reader gets what came, and then an error.
func testDownloadCut(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	b := pattern(3, faultBytes)
	put(t, f.bare, "down", b, adapters.PutOptions{})
	for _, r := range []adapters.Range{{}, {Offset: 1000}, {Offset: 1000, Length: faultBytes / 2}} {
		want := b[r.Offset:]
		if r.Length > 0 {
			want = want[:r.Length]
		}
		for _, at := range []int{0, 1, len(want) / 2, len(want) - 1} {
			for _, s := range []adapters.Store{f.bare, f.sure} {
				f.Set(faultproxy.CutResponse(int64(at)), 0, nil)
				body, info, err := s.Get(t.Context(), "down", r, "")
				if err == nil {
					var got []byte
					got, err = readPrefix(body)
					if len(got) > at || !bytes.HasPrefix(want, got) {
						t.Errorf("a body cut after %d bytes of %v gave %s", at, r, describe(got))
					}
					if info.Size != faultBytes {
						t.Errorf("Get = size %d, want %d", info.Size, faultBytes)
					}
				}
				f.Clear()
				if !errs.Retryable(err) {
					t.Errorf("a body cut after %d bytes of %v: error %v (%v), want one that may be repeated", at, r, err, errs.CodeOf(err))
				}
			}
		}
	}
	wantObject(t, f.bare, "down", b)
}

// testDownloadCorrupt changes a byte on its way down: the checksums that the store has, or the reader's own, tell.
func testDownloadCorrupt(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	b := pattern(3, faultBytes)
	wrote := put(t, f.bare, "down", b, adapters.PutOptions{CRC64: crc(b)})
	f.Set(faultproxy.CorruptResponse(faultBytes/2), 0, nil)
	got, info, err := get(t.Context(), f.bare, "down", adapters.Range{})
	f.Clear()
	if err != nil {
		wantCode(t, "Get of changed bytes", err, errs.DataLoss)
		return
	}
	if bytes.Equal(got, b) {
		t.Fatal("no byte was changed")
	}
	checkSums(t, "Get of changed bytes", info, b) // those of the object, not of what came
	if f.bare.Capabilities().StoresChecksum && info.CRC64 == nil {
		t.Error("Get of changed bytes has no CRC64 to compare with, and StoresChecksum is declared")
	}
	if info.ETag != wrote.ETag {
		t.Errorf("Get of changed bytes: ETag %q, want %q", info.ETag, wrote.ETag)
	}
}

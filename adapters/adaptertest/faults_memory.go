package adaptertest

import (
	"hash/crc64"
	"io"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
)

const (
	memoryBody = 256 << 20
	// memoryBound is how much more a transfer may hold than what was there before: buffers of parts (httpstore.SpoolMemory) and as
	// much that the collector has not come to yet.
	memoryBound = 128 << 20
)

// testMemory moves an object that is larger than what may be in memory.
func testMemory(t *testing.T, h FaultHarness) {
	f := newWarm(t, h)
	for name, size := range map[string]int64{"known": memoryBody, "unknown": -1} {
		gauge := newGauge()
		info, err := f.sure.Put(t.Context(), "big", gauge.watch(io.LimitReader(&stream{}, memoryBody)), size, adapters.PutOptions{})
		if err != nil {
			t.Fatalf("Put of %s size: %v", name, err)
		}
		if info.Size != memoryBody {
			t.Errorf("Put of %s size stored %d bytes, want %d", name, info.Size, memoryBody)
		}
		gauge.check(t, "Put of "+name+" size")
	}
	gauge := newGauge()
	body, _, err := f.sure.Get(t.Context(), "big", adapters.Range{}, "")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer body.Close()
	table := crc64.MakeTable(crc64.ISO)
	got, want := crc64.New(table), crc64.New(table)
	n, err := io.Copy(got, gauge.watch(body))
	if err != nil || n != memoryBody {
		t.Fatalf("Get gave %d bytes, %v", n, err)
	}
	if _, err := io.Copy(want, io.LimitReader(&stream{}, memoryBody)); err != nil {
		t.Fatal(err)
	}
	if got.Sum64() != want.Sum64() {
		t.Error("Get gave other bytes than Put took")
	}
	gauge.check(t, "Get")
	if err := f.bare.Delete(t.Context(), "big", ""); err != nil {
		t.Errorf("Delete: %v", err)
	}
}

// stream is bytes without end of which no two blocks are the same, at little cost.
type stream struct {
	block [64 << 10]byte
	at    int
}

func (s *stream) Read(p []byte) (int, error) {
	if s.at == 0 {
		for i := range 8 {
			if s.block[i]++; s.block[i] != 0 {
				break
			}
		}
	}
	n := copy(p, s.block[s.at:])
	s.at = (s.at + n) % len(s.block)
	return n, nil
}

// gauge follows the memory of the process's objects while a body passes.
type gauge struct {
	start uint64
	peak  atomic.Uint64
}

func newGauge() *gauge {
	runtime.GC()
	return &gauge{start: heap()}
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func (g *gauge) check(t *testing.T, what string) {
	t.Helper()
	grown := int64(g.peak.Load()) - int64(g.start)
	t.Logf("%s of %d MiB: %d MiB more memory", what, memoryBody>>20, grown>>20)
	if grown > memoryBound {
		t.Errorf("%s of %d MiB took %d MiB more memory, want at most %d", what, memoryBody>>20, grown>>20, memoryBound>>20)
	}
}

// watch looks at the memory each MiB.
func (g *gauge) watch(r io.Reader) io.Reader { return &watched{r: r, g: g} }

type watched struct {
	r    io.Reader
	g    *gauge
	next int64
	n    int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.n += int64(n); w.n >= w.next {
		w.next = w.n + 1<<20
		w.g.peak.Store(max(w.g.peak.Load(), heap()))
	}
	return n, err
}

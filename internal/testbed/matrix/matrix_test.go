package matrix

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
)

// matrix is a Gelato with a backend on each store.
type matrix struct {
	*testbed.Gelato
	objects []object
}

func TestMatrix(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	const n, bytes, largest = 200, 250 << 20, 64 << 20 // of each pair
	stores, others := servers(t, bytes)
	m := &matrix{objects: describe(dataset.Mixed(n, bytes, largest)), Gelato: testbed.StartGelato(t, testbed.GelatoOptions{
		Args: []string{"--garbage-grace", "1s", "--sweep-interval", "1s", "--log-level", "warn"},
	})}
	for _, s := range append(stores, others...) {
		s.backend["name"] = s.name
		if err := m.REST(t.Context(), http.MethodPost, "backends", s.backend, nil); err != nil {
			t.Fatalf("register %s: %v", s.name, err)
		}
	}
	began, pairs := time.Now(), 0
	t.Run("pair", func(t *testing.T) {
		run := func(from, to *store) {
			pairs++
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				t.Parallel() // as a job is over only when it has found nothing new for some time, and stores keep for a while what is deleted
				m.pair(t, from, to)
			})
		}
		for _, from := range stores {
			for _, to := range stores {
				if from != to {
					run(from, to)
				}
			}
		}
		for _, other := range others {
			run(stores[0], other)
			run(other, stores[0])
		}
	})
	t.Logf("figure: %d pairs with %d objects of %d MiB each in %v; VmHWM of gelato %d MiB", pairs, n, bytes>>20,
		time.Since(began).Round(time.Second), m.PeakMemory()>>20)
	if m.PeakMemory() >= 512<<20 { // two jobs at once, and librados in the same process
		t.Errorf("gelato took %d MiB of memory, want under 512", m.PeakMemory()>>20)
	}
}

// pair copies and relocates from one store to another. It leaves both as it found them.
func (m *matrix) pair(t *testing.T, from, to *store) {
	p := &pair{T: t, matrix: m, from: from, to: to, s3: m.Client(), began: time.Now()}
	// A bucket's name says whose it is where something is found that should have gone.
	p.source, p.copied = p.bucket("source", from), p.bucket("copied", to)
	p.write()
	p.step("write")

	id, err := m.Copy(t.Context(), "copy-"+p.copied, p.source, p.copied)
	if err != nil {
		t.Fatal(err)
	}
	p.wantJob(id)
	p.step("copy")
	p.wantBucket(p.copied, to)
	p.wantNative(p.copied, to)
	p.step("verify")
	p.empty(p.copied)

	id, err = m.Relocate(t.Context(), "relocate-"+p.source, p.source, to.name)
	if err != nil {
		t.Fatal(err)
	}
	p.wantJob(id)
	p.step("relocate")
	p.wantBucket(p.source, to)
	p.wantNative(p.source, to)
	p.step("verify")
	p.wantGone(p.source, from)
	p.empty(p.source)
	for _, bucket := range []string{p.source, p.copied} {
		p.wantGone(bucket, to)
	}
	p.step("delete")
	t.Logf("figure: %s; proofs %v", strings.Join(p.steps, ", "), p.proofs)
}

// step notes how long something took.
func (p *pair) step(name string) {
	now := time.Now()
	p.steps = append(p.steps, fmt.Sprintf("%s %.1f s", name, now.Sub(p.began).Seconds()))
	p.began = now
}

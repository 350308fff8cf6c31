package catalog

import (
	"testing"
	"time"
)

// TestPlantedBugs shows that the model checker notices when a safeguard of the protocol is left out.
func TestPlantedBugs(t *testing.T) {
	limit := 2 * time.Minute
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, c := range []struct {
		name string
		bug  fault
	}{
		{"the note is not written", fault{skipNote: true}},
		{"the note is not read again after the tombstone", fault{skipRecheck: true}},
		{"the head is not fenced before a note is settled", fault{skipFence: true}},
		{"the bucket is not read again after a put", fault{skipBucket: true}},
		{"garbage is deleted at once", fault{skipGrace: true}},
		{"a note is settled before the one that it builds on", fault{skipClose: true}},
		{"a commit of unknown outcome is taken for failed", fault{skipResolve: true}},
		{"a refused repetition is taken for a refusal", fault{trustRefusal: true}},
		{"applied notes are not remembered", fault{doubleUsage: true}},
		{"the blob of an upload's failed attempt is collected", fault{skipAnchor: true}},
		{"an upload is not finished before its object is replaced", fault{skipFinish: true}},
		{"the original of an adoption that is taken back is deleted", fault{deleteUndone: true}},
		{"a writer goes on though its note was closed", fault{ignoreClosed: true}},
		{"a head is replaced before its shift is finished", fault{skipShift: true}},
		{"a version is inserted without a slot", fault{skipSlot: true}},
		{"a slot is filled without a look at the head", fault{skipSlotCheck: true}},
		{"garbage is collected without a look at the versions", fault{skipVersions: true}},
		{"a note is settled without its event", fault{skipEvents: true}},
		{"a version is absent if the first look misses it", fault{skipSecond: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Now()
			for seed := uint64(1); time.Since(begun) < limit; seed++ {
				if r := interleave(t, seed, c.bug, false); len(r.broken) > 0 {
					t.Logf("noticed in interleaving %d: %s", seed, r.broken[0])
					return
				}
			}
			t.Errorf("not noticed in %v", limit)
		})
	}
}

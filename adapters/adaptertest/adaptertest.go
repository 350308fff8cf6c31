// Package adaptertest is the conformance suite of adapters.Store: what every store and every decorator must do,
// whatever cloud stands behind it.
//
// An implementation's test hands Run a Harness, in about 40 lines, and passes unchanged. Where clouds differ the suite reads
// Capabilities and tests what is declared: a thing that is declared missing must be refused with Unimplemented, so nothing is
// skipped silently. What only the server under test cannot hold (a key, say) is named by a hook of the Harness; then a
// clean refusal is demanded instead.
//
// Only tests import it.
package adaptertest

import (
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
)

// Harness makes the stores under test.
type Harness struct {
	// New opens a store that holds no objects and no uploads, in a place of its own. The suite calls it once per group of cases, from
	// several goroutines. The harness closes the store and clears the place with t.Cleanup.
	New func(t *testing.T) adapters.Store

	// Unstorable, when set, says why the server under test (not the adapter) cannot hold a key that the contract
	// allows, or "" when it can. For such keys the suite demands an error and that nothing appears. It is asked
	// for every key beside others: present lists the keys that the case has stored before.
	Unstorable func(key string, present []string) string

	// Uncopyable, when set, says why the server under test cannot copy from a key to another or the same, or "" when it can. The
	// suite demands Unimplemented for such a Copy.
	Uncopyable func(key, from string) string

	// Leftovers, when set, lists what a store made by New holds physically beside its objects and open uploads:
	// staged bytes, say. The suite demands that it is empty after failed writes.
	Leftovers func(t *testing.T, s adapters.Store) []string

	// Failing, when set, returns a store as New does and a function that makes its writes fail from now on after
	// about n bytes (a full disk, a broken connection), until it is called with -1. The suite demands that such a write leaves nothing.
	Failing func(t *testing.T) (s adapters.Store, failAfter func(n int64))

	// MixesETags says that the server under test looks at the ETag and at the bytes of a Get at different moments, so that while the object is
	// replaced an answer may have those of two objects.
	MixesETags bool

	// Slow says how long a call with a dead context may take. Zero means 5 seconds.
	Slow time.Duration
}

// Run tests the stores of h against the contract of adapters.Store.
func Run(t *testing.T, h Harness) {
	if h.Slow == 0 {
		h.Slow = 5 * time.Second
	}
	groups := []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"Capabilities", testCapabilities},
		{"Put", testPut},
		{"PutRefused", testPutRefused},
		{"PutFailing", testPutFailing},
		{"KnownMD5", testKnownMD5},
		{"Unproven", testUnproven},
		{"Get", testGet},
		{"Ranges", testRanges},
		{"Metadata", testMetadata},
		{"StorageClasses", testStorageClasses},
		{"Delete", testDelete},
		{"Keys", testKeys},
		{"KeysTogether", testKeysTogether},
		{"KeysRefused", testKeysRefused},
		{"ListOrder", testListOrder},
		{"ListPrefixAfter", testListPrefixAfter},
		{"ListBounds", testListBounds},
		{"Conditions", testConditions},
		{"ConditionsRaced", testConditionsRaced},
		{"Copy", testCopy},
		{"CopyRefused", testCopyRefused},
		{"CopyKeys", testCopyKeys},
		{"Multipart", testMultipart},
		{"MultipartParts", testMultipartParts},
		{"MultipartEnds", testMultipartEnds},
		{"MultipartRefused", testMultipartRefused},
		{"ConcurrentWriters", testConcurrentWriters},
		{"ReadersInFlight", testReadersInFlight},
		{"DeadContext", testDeadContext},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.test(t, h)
		})
	}
}

// RunFailing runs only what needs Harness.Failing, for places that are made to fail and are no good for the rest.
func RunFailing(t *testing.T, h Harness) { testPutFailing(t, h) }

func testCapabilities(t *testing.T, h Harness) {
	s := h.New(t)
	c := s.Capabilities()
	if c.MaxKeyBytes < 1 || c.MaxKeyBytes > 1024 {
		t.Errorf("MaxKeyBytes = %d, want 1 to 1,024", c.MaxKeyBytes)
	}
	if c.MaxPutSize < 1 || c.MaxObjectSize < c.MaxPutSize {
		t.Errorf("MaxPutSize = %d, MaxObjectSize = %d, want 1 <= MaxPutSize <= MaxObjectSize", c.MaxPutSize, c.MaxObjectSize)
	}
	if c.Multipart && (c.MaxParts < 1 || c.MinPartSize < 0 || c.MaxPartSize < 1 || c.MaxPartSize < c.MinPartSize) {
		t.Errorf("multipart declared with MaxParts %d, part sizes %d to %d", c.MaxParts, c.MinPartSize, c.MaxPartSize)
	}
	if c.ServerCopy != (c.MaxCopySize > 0) {
		t.Errorf("ServerCopy %v with MaxCopySize %d", c.ServerCopy, c.MaxCopySize)
	}
	if c.Multipart && c.MinPartSize > 16<<20 {
		t.Errorf("MinPartSize = %d, the suite expects 16 MiB at most", c.MinPartSize)
	}
}

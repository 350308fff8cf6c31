package matrix

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/blob"
)

// store is a real store. Its name is that of the backend, too.
type store struct {
	name    string
	backend map[string]any // what REST is told of it
	own     client
}

// client is a store's own client, which knows nothing of Gelato.
type client interface {
	// list returns the size of each native object whose key begins with a bucket's name and a slash.
	list(ctx context.Context, bucket string) (map[string]int64, error)
	// read writes a native object's bytes to w.
	read(ctx context.Context, key string, w io.Writer) error
}

// samples is how many native objects of a bucket are read with the store's own client.
const samples = 6

// wantNative demands one native object for each of the bucket's, of its size, and reads some of them, the largest among them.
func (p *pair) wantNative(bucket string, at *store) {
	p.Helper()
	natives, err := at.own.list(p.Context(), bucket)
	if err != nil {
		p.Fatalf("list %s with its own client: %v", at.name, err)
	}
	if len(natives) != len(p.objects) {
		p.Errorf("%s has %d native objects, want %d", at.name, len(natives), len(p.objects))
	}
	found := map[string]string{} // native keys by key
	for native := range natives {
		if !blob.IsOurs(native) {
			p.Errorf("%s has the native object %q, which has not the form of a blob", at.name, native)
			continue
		}
		found[native[len(bucket)+1:strings.LastIndexByte(native, '.')]] = native
	}
	var rest []int64 // sizes of objects whose native keys have a hash in place of the key
	var readable []object
	for _, o := range p.objects {
		native, ok := found[o.Key]
		if !ok {
			rest = append(rest, o.Size)
			continue
		}
		if natives[native] != o.Size {
			p.Errorf("%s has %d bytes for %q, want %d", at.name, natives[native], short(o.Key), o.Size)
		}
		delete(natives, native)
		readable = append(readable, o)
	}
	slices.Sort(rest)
	if left := slices.Sorted(maps.Values(natives)); !slices.Equal(left, rest) {
		p.Errorf("%s has native objects of %d bytes under hashed keys, want %d", at.name, left, rest)
	}
	slices.SortStableFunc(readable, func(a, b object) int { return int(a.Size - b.Size) })
	if len(readable) < samples {
		p.Fatalf("%s has %d native objects under their own keys, want %d at least", at.name, len(readable), samples)
	}
	for i := range samples { // from the smallest to the largest
		o := readable[i*(len(readable)-1)/(samples-1)]
		if err := o.same(func(w io.Writer) error { return at.own.read(p.Context(), found[o.Key], w) }); err != nil {
			p.Errorf("read %q with the client of %s: %v", short(found[o.Key]), at.name, err)
		}
	}
	if p.Failed() {
		p.FailNow()
	}
}

// collected bounds how long what is deleted may stay in the store: a second of grace, and what sweeps take on a crowded machine.
const collected = 2 * time.Minute

// wantGone waits until a store has nothing of a bucket any more.
func (p *pair) wantGone(bucket string, at *store) {
	p.Helper()
	for deadline := time.Now().Add(collected); ; time.Sleep(200 * time.Millisecond) {
		natives, err := at.own.list(p.Context(), bucket)
		if err != nil {
			p.Fatalf("list %s with its own client: %v", at.name, err)
		}
		if len(natives) == 0 {
			return
		}
		if time.Now().After(deadline) {
			keys := slices.Sorted(maps.Keys(natives))
			p.Fatalf("%v after it was emptied, %s has %d objects of %s, as %q", collected, at.name, len(keys), bucket, fmt.Sprintf("%.200s", keys[0]))
		}
	}
}

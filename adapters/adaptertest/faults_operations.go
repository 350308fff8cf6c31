package adaptertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// faultBytes is the size of an object that meets a fault: enough for the fault to be in its middle wherever frames begin and end.
const faultBytes = 300_000

// state is how far a call has come that changes something.
type state int

const (
	torn state = iota // neither of the others; the test has failed
	before
	after // of a call that only reads, always
)

// operation is one call that is to meet a fault.
type operation struct {
	name  string
	call  func(ctx context.Context, s adapters.Store) error
	state func(t *testing.T, s adapters.Store) state
	reads bool // it changes nothing
	local bool // some stores need not be asked for it
}

// operations prepares each call that a store declares, at a key of its own.
func operations(c adapters.Capabilities) map[string]func(t *testing.T, s adapters.Store, key string) operation {
	ops := map[string]func(t *testing.T, s adapters.Store, key string) operation{
		"Put": preparePut, "Delete": prepareDelete, "Get": prepareGet, "Head": prepareHead, "List": prepareList,
	}
	if c.Multipart {
		ops["CreateUpload"], ops["PutPart"], ops["CompleteUpload"] = prepareCreate, preparePart, prepareComplete
		ops["AbortUpload"], ops["ListUploads"] = prepareAbort, prepareListUploads
	}
	if c.ServerCopy {
		ops["Copy"] = prepareCopy
	}
	return ops
}

// stateOf finds out which of two contents an object has; nil is none.
func stateOf(t *testing.T, s adapters.Store, key string, old, changed []byte) state {
	t.Helper()
	got, _, err := get(t.Context(), s, key, adapters.Range{})
	if errs.Is(err, errs.NotFound) {
		got, err = nil, nil
		wantAbsent(t, s, key)
	}
	switch {
	case err != nil:
		t.Errorf("Get %q after a fault: %v", key, err)
		return torn
	case got != nil:
		wantObject(t, s, key, got) // whatever it is, all calls agree
	}
	switch {
	case bytes.Equal(got, changed) && (got == nil) == (changed == nil):
		return after
	case bytes.Equal(got, old) && (got == nil) == (old == nil):
		return before
	}
	t.Errorf("%q holds %s after a fault, want %s or %s", key, describe(got), describe(old), describe(changed))
	return torn
}

func always(*testing.T, adapters.Store) state { return after }

func preparePut(t *testing.T, s adapters.Store, key string) operation {
	old, changed := pattern(1, faultBytes-1), pattern(2, faultBytes)
	put(t, s, key, old, adapters.PutOptions{})
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			_, err := s.Put(ctx, key, bytes.NewReader(changed), faultBytes, adapters.PutOptions{})
			return err
		},
		state: func(t *testing.T, s adapters.Store) state { t.Helper(); return stateOf(t, s, key, old, changed) },
	}
}

func prepareDelete(t *testing.T, s adapters.Store, key string) operation {
	b := pattern(1, 1000)
	put(t, s, key, b, adapters.PutOptions{})
	return operation{
		call:  func(ctx context.Context, s adapters.Store) error { return s.Delete(ctx, key, "") },
		state: func(t *testing.T, s adapters.Store) state { t.Helper(); return stateOf(t, s, key, b, nil) },
	}
}

func prepareCopy(t *testing.T, s adapters.Store, key string) operation {
	old, changed := pattern(1, faultBytes-1), pattern(2, faultBytes)
	put(t, s, key, old, adapters.PutOptions{})
	put(t, s, key+"-source", changed, adapters.PutOptions{})
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			_, err := s.Copy(ctx, key, key+"-source", "", adapters.PutOptions{})
			return err
		},
		state: func(t *testing.T, s adapters.Store) state { t.Helper(); return stateOf(t, s, key, old, changed) },
	}
}

func prepareGet(t *testing.T, s adapters.Store, key string) operation {
	b := pattern(1, faultBytes)
	put(t, s, key, b, adapters.PutOptions{})
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			got, info, err := get(ctx, s, key, adapters.Range{})
			if err == nil && (!bytes.Equal(got, b) || info.Size != faultBytes) {
				t.Errorf("Get %q = %s, size %d, want %s", key, describe(got), info.Size, describe(b))
			}
			return err
		},
		state: always, reads: true,
	}
}

func prepareHead(t *testing.T, s adapters.Store, key string) operation {
	put(t, s, key, pattern(1, 1000), adapters.PutOptions{})
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			info, err := s.Head(ctx, key)
			if err == nil && info.Size != 1000 {
				t.Errorf("Head %q = size %d, want 1,000", key, info.Size)
			}
			return err
		},
		state: always, reads: true,
	}
}

func prepareList(t *testing.T, s adapters.Store, key string) operation {
	want := []string{key + "/1", key + "/2", key + "/3"}
	for _, k := range want {
		put(t, s, k, []byte(k), adapters.PutOptions{})
	}
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			page, err := s.List(ctx, key+"/", "", 10)
			if err == nil && (!slices.Equal(keysOf(page), want) || page.More) {
				t.Errorf("List %q = %q, more: %v, want %q", key, keysOf(page), page.More, want)
			}
			return err
		},
		state: always, reads: true,
	}
}

// openUploads lists the ids of the uploads of one key.
func openUploads(ctx context.Context, s adapters.Store, key string) ([]string, error) {
	uploads, err := s.ListUploads(ctx, key, 100)
	var ids []string
	for _, u := range uploads {
		ids = append(ids, u.ID)
	}
	return ids, err
}

func prepareCreate(_ *testing.T, _ adapters.Store, key string) operation {
	var id string
	return operation{
		local: true,
		call: func(ctx context.Context, s adapters.Store) (err error) {
			id, err = s.CreateUpload(ctx, key, adapters.PutOptions{})
			return err
		},
		state: func(t *testing.T, s adapters.Store) state {
			t.Helper()
			if id == "" {
				wantAbsent(t, s, key)
				return before
			}
			b := pattern(1, 1000)
			complete(t, s, key, id, []adapters.Part{putPart(t, s, key, id, 1, b)}, b)
			return after
		},
	}
}

func preparePart(t *testing.T, s adapters.Store, key string) operation {
	b := pattern(2, faultBytes)
	id := createUpload(t, s, key, adapters.PutOptions{})
	putPart(t, s, key, id, 1, pattern(1, faultBytes)) // replaced by the one that meets the fault
	var part adapters.Part
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			p, err := s.PutPart(ctx, key, id, 1, bytes.NewReader(b), faultBytes, adapters.Sums{})
			if err == nil {
				part = p
			}
			return err
		},
		state: func(t *testing.T, s adapters.Store) state {
			t.Helper()
			if part.N == 0 {
				wantAbsent(t, s, key)
				return before
			}
			complete(t, s, key, id, []adapters.Part{part}, b)
			return stateOf(t, s, key, nil, b)
		},
	}
}

func prepareComplete(t *testing.T, s adapters.Store, key string) operation {
	b := pattern(1, faultBytes)
	id := createUpload(t, s, key, adapters.PutOptions{})
	parts := []adapters.Part{putPart(t, s, key, id, 1, b)}
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			info, err := s.CompleteUpload(ctx, key, id, parts, adapters.PutOptions{CRC64: crc(b)})
			if err == nil {
				checkWritten(t, "CompleteUpload", info, key, b)
			}
			return err
		},
		state: func(t *testing.T, s adapters.Store) state { t.Helper(); return stateOf(t, s, key, nil, b) },
	}
}

func prepareAbort(t *testing.T, s adapters.Store, key string) operation {
	id := createUpload(t, s, key, adapters.PutOptions{})
	putPart(t, s, key, id, 1, pattern(1, 1000))
	return operation{
		local: true,
		call:  func(ctx context.Context, s adapters.Store) error { return s.AbortUpload(ctx, key, id) },
		state: func(t *testing.T, s adapters.Store) state {
			t.Helper()
			wantAbsent(t, s, key)
			return after // a store may keep what nobody asks for
		},
	}
}

func prepareListUploads(t *testing.T, s adapters.Store, key string) operation {
	id := createUpload(t, s, key, adapters.PutOptions{})
	putPart(t, s, key, id, 1, pattern(1, 1000))
	want, err := openUploads(t.Context(), s, key)
	if err != nil {
		t.Fatalf("ListUploads: %v", err)
	}
	return operation{
		call: func(ctx context.Context, s adapters.Store) error {
			ids, err := openUploads(ctx, s, key)
			if err == nil && !slices.Equal(ids, want) {
				t.Errorf("ListUploads %q = %q, want %q", key, ids, want)
			}
			return err
		},
		state: always, reads: true,
	}
}

// readPrefix reads until the body ends or breaks.
func readPrefix(body io.ReadCloser) ([]byte, error) {
	b, err := io.ReadAll(body)
	return b, errors.Join(err, body.Close())
}

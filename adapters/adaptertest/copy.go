package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// needCopy says whether the store copies; one that does not must refuse.
func needCopy(t *testing.T, h Harness, s adapters.Store) bool {
	t.Helper()
	c := s.Capabilities()
	if c.ServerCopy {
		if c.MaxCopySize < 1 || c.MaxCopySize > c.MaxObjectSize {
			t.Errorf("MaxCopySize = %d, want 1 to MaxObjectSize %d", c.MaxCopySize, c.MaxObjectSize)
		}
		return true
	}
	if c.MaxCopySize != 0 {
		t.Errorf("MaxCopySize = %d without ServerCopy, want 0", c.MaxCopySize)
	}
	t.Log("ServerCopy is declared missing: it must be refused")
	put(t, s, "from", []byte("x"), adapters.PutOptions{})
	_, err := s.Copy(t.Context(), "to", "from", "", adapters.PutOptions{})
	wantCode(t, "Copy", err, errs.Unimplemented)
	wantAbsent(t, s, "to")
	wantClean(t, h, s)
	return false
}

// copyOf copies and checks the answer and what is there then; b are the bytes of from. copied is false where the harness says that the server
// cannot, and it was refused.
func copyOf(t *testing.T, h Harness, s adapters.Store, key, from, ifMatch string, o adapters.PutOptions, b []byte) (info adapters.Info, copied bool) {
	t.Helper()
	info, err := s.Copy(t.Context(), key, from, ifMatch, o)
	if h.Uncopyable != nil {
		if why := h.Uncopyable(key, from); why != "" {
			t.Logf("the server cannot copy %q to %q (%s): a refusal is wanted", from, key, why)
			wantCode(t, "Copy", err, errs.Unimplemented)
			return adapters.Info{}, false
		}
	}
	if err != nil {
		t.Fatalf("Copy %q to %q: %v", from, key, err)
	}
	checkWritten(t, "Copy", info, key, b)
	head := wantObject(t, s, key, b)
	if info.ETag != head.ETag {
		t.Errorf("Copy %q to %q: ETag %q, Head says %q", from, key, info.ETag, head.ETag)
	}
	return info, true
}

func testCopy(t *testing.T, h Harness) {
	s := h.New(t)
	if !needCopy(t, h, s) {
		return
	}
	old := adapters.PutOptions{Headers: adapters.ContentHeaders{ContentType: "text/plain", ContentEncoding: "gzip", CacheControl: "no-store", Expires: "Wed, 21 Oct 2026 07:28:00 GMT"},
		Metadata: map[string]string{"old": "yes", "both": "old"}}
	fresh := adapters.PutOptions{Headers: adapters.ContentHeaders{ContentType: "image/png", ContentLanguage: "de", ContentDisposition: `attachment; filename="x"`},
		Metadata: map[string]string{"new": "Grüße 🍨", "both": " new", "empty": ""}}
	for i, size := range []int{0, 1, 4096, 1<<20 + 7, 6 << 20} {
		b := pattern(uint64(i+1), size)
		from := put(t, s, "copy/from", b, old)
		for name, o := range map[string]adapters.PutOptions{"nothing": {}, "other headers and metadata": fresh, "the CRC64": {CRC64: crc(b)}} {
			t.Run(fmt.Sprintf("%d bytes with %s", size, name), func(t *testing.T) {
				info, _ := copyOf(t, h, s, "copy/to", "copy/from", "", o, b)
				checkMetadata(t, s, "copy/to", o)
				if info.Verified && info.CRC64 == nil && info.MD5 == nil {
					t.Errorf("Copy is verified as %q without a checksum", info.Proof)
				}
				copyOf(t, h, s, "copy/to", "copy/from", from.ETag, o, b) // over an object
				wantObject(t, s, "copy/from", b)
				checkMetadata(t, s, "copy/from", old)
			})
		}
	}
	// The source is free to go, or to change, once the copy is made.
	b := pattern(9, 100<<10)
	put(t, s, "copy/from", b, old)
	copyOf(t, h, s, "copy/to", "copy/from", "", fresh, b)
	put(t, s, "copy/from", b[1:], old)
	wantObject(t, s, "copy/to", b)
	if err := s.Delete(t.Context(), "copy/from", ""); err != nil {
		t.Errorf("Delete: %v", err)
	}
	wantObject(t, s, "copy/to", b)

	// Onto itself: only what is beside the bytes changes.
	for _, o := range []adapters.PutOptions{old, {}} {
		if _, copied := copyOf(t, h, s, "copy/to", "copy/to", "", o, b); copied {
			checkMetadata(t, s, "copy/to", o)
		}
	}

	// An object made of parts.
	if s.Capabilities().Multipart {
		n1, n2, _ := partSizes(s)
		b := pattern(10, n1+n2)
		id := createUpload(t, s, "copy/parts", old)
		parts := []adapters.Part{putPart(t, s, "copy/parts", id, 1, b[:n1]), putPart(t, s, "copy/parts", id, 2, b[n1:])}
		complete(t, s, "copy/parts", id, parts, b)
		copyOf(t, h, s, "copy/whole", "copy/parts", "", adapters.PutOptions{CRC64: crc(b)}, b)
		checkMetadata(t, s, "copy/whole", adapters.PutOptions{})
	}
	wantClean(t, h, s)
}

func testCopyRefused(t *testing.T, h Harness) {
	s := h.New(t)
	if !needCopy(t, h, s) {
		return
	}
	ctx := t.Context()
	b := []byte("the source")
	first := put(t, s, "from", []byte("an earlier one"), adapters.PutOptions{})
	second := put(t, s, "from", b, adapters.PutOptions{})
	put(t, s, "there", []byte("there before"), adapters.PutOptions{Metadata: map[string]string{"kept": "yes"}})
	for _, key := range []string{"absent", "there"} {
		for _, c := range []struct {
			name, from, ifMatch string
			o                   adapters.PutOptions
			want                errs.Code
		}{
			{"an absent source", "nothing", "", adapters.PutOptions{}, errs.NotFound},
			{"an absent source and IfMatch", "nothing", second.ETag, adapters.PutOptions{}, errs.NotFound},
			{"a source with another ETag", "from", first.ETag, adapters.PutOptions{}, errs.FailedPrecondition},
			{"an empty source", "", "", adapters.PutOptions{}, errs.InvalidArgument},
			{"a source that is no key", "a\xffb", "", adapters.PutOptions{}, errs.InvalidArgument},
			{"both conditions", "from", "", adapters.PutOptions{IfNoneMatch: true, IfMatch: "x"}, errs.InvalidArgument},
			{"an unknown class", "from", "", adapters.PutOptions{StorageClass: "NO_SUCH_CLASS"}, errs.InvalidArgument},
		} {
			_, err := s.Copy(ctx, key, c.from, c.ifMatch, c.o)
			wantCode(t, "Copy of "+c.name, err, c.want)
		}
		// Only a store that computes one can tell a wrong CRC64; one that cannot verifies nothing.
		info, err := s.Copy(ctx, key, "from", "", adapters.PutOptions{CRC64: crc([]byte("something else"))})
		if err == nil && (info.Verified || s.Capabilities().StoresChecksum) {
			t.Errorf("Copy with a wrong CRC64 = %+v, want it refused", info)
		}
		if err != nil {
			wantCode(t, "Copy with a wrong CRC64", err, errs.DataLoss)
			if key == "absent" {
				wantAbsent(t, s, key)
			}
		} else if err := s.Delete(ctx, key, ""); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	for _, key := range []string{"", strings.Repeat("k", s.Capabilities().MaxKeyBytes+1), "a\xffb"} {
		_, err := s.Copy(ctx, key, "from", "", adapters.PutOptions{})
		wantCode(t, "Copy to a key that is none", err, errs.InvalidArgument)
	}
	wantObject(t, s, "from", b)

	// Conditions are those of the destination. A store that has them on Put may lack them here, and says so.
	there := put(t, s, "there", []byte("there before"), adapters.PutOptions{})
	unconditional := false
	refused := func(what string, o adapters.PutOptions, want errs.Code) {
		t.Helper()
		_, err := s.Copy(ctx, "there", "from", "", o)
		if unconditional = unconditional || errs.Is(err, errs.Unimplemented); unconditional || !s.Capabilities().ConditionalPut {
			want = errs.Unimplemented
		}
		wantCode(t, what, err, want)
		wantObject(t, s, "there", []byte("there before"))
	}
	refused("Copy with IfNoneMatch over an object", adapters.PutOptions{IfNoneMatch: true}, errs.AlreadyExists)
	refused("Copy with a wrong IfMatch", adapters.PutOptions{IfMatch: "0123456789abcdef"}, errs.FailedPrecondition)
	if s.Capabilities().ConditionalPut && !unconditional {
		copyOf(t, h, s, "new", "from", "", adapters.PutOptions{IfNoneMatch: true}, b)
		copyOf(t, h, s, "there", "from", second.ETag, adapters.PutOptions{IfMatch: there.ETag}, b)
	}
	wantClean(t, h, s)
}

// testCopyKeys copies from and to keys that must be escaped right.
func testCopyKeys(t *testing.T, h Harness) {
	s := h.New(t)
	if !s.Capabilities().ServerCopy {
		t.Log("ServerCopy is declared missing")
		return
	}
	var present []string
	for i, key := range []string{
		"plain", "a b", "a+b", "a%20b", "a%2Bb", "%", "100%", "a?b", "a?versionId=1", "a#b", "a&b=c", "é", "e\u0301", "漢字/かな", "🍨", "~!*'();:@$,[]", `back\slash "quoted" <tag>`,
		"/lead", "a//b", "./a", "../a", "a/../b", "end/", "tab\tline\nreturn\r", "low\x01\x1f\x7f", "\ufffe", strings.Repeat("k", s.Capabilities().MaxKeyBytes),
	} {
		copied := fmt.Sprintf("copies/%02d", i)
		if unstorable(h, key, present) != "" {
			put(t, s, copied, []byte("x"), adapters.PutOptions{})
			_, err := s.Copy(t.Context(), key, copied, "", adapters.PutOptions{})
			if err == nil {
				t.Errorf("Copy to %q succeeded, though the server cannot hold it", key)
			}
			present = append(present, copied)
			continue
		}
		b := []byte("the bytes of " + key)
		put(t, s, key, b, adapters.PutOptions{})
		present = append(present, key)
		if _, ok := copyOf(t, h, s, copied, key, "", adapters.PutOptions{}, b); !ok {
			continue
		}
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Errorf("Delete %q: %v", key, err)
		}
		copyOf(t, h, s, key, copied, "", adapters.PutOptions{}, b)
		present = append(present, copied)
	}
	slices.Sort(present)
	if got := listAll(t, s, "", 100); !slices.Equal(got, present) {
		t.Errorf("List = %q, want %q", got, present)
	}
}

package adaptertest

import (
	"maps"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// testStorageClasses stores with each class declared, by both its names where it has two, so the server under test must have them all; others are refused.
func testStorageClasses(t *testing.T, h Harness) {
	s := h.New(t)
	ctx, c := t.Context(), s.Capabilities()
	shown := maps.Clone(c.S3Classes) // by the name that is given
	if shown == nil {
		shown = map[string]string{}
	}
	for i, class := range c.StorageClasses { // without any, what is answered is of no meaning
		if shown[class] = class; i == 0 {
			shown[""] = class
		}
	}
	for class, want := range shown {
		o := adapters.PutOptions{StorageClass: class}
		check := func(what, key string, info adapters.Info) {
			t.Helper()
			head := wantObject(t, s, key, []byte("bytes"))
			_, got, err := get(ctx, s, key, adapters.Range{})
			page, lerr := s.List(ctx, key, "", 1)
			if err != nil || lerr != nil || len(page.Objects) != 1 {
				t.Fatalf("%s with class %q: Get: %v, List: %+v, %v", what, class, err, page, lerr)
			}
			for op, in := range map[string]string{what: info.StorageClass, "Head": head.StorageClass, "Get": got.StorageClass, "List": page.Objects[0].StorageClass} {
				if in != want && (class != "" || in != "") { // "" is the default, where a store does not tell in each answer
					t.Errorf("%s with class %q: %s says %q, want %q", what, class, op, in, want)
				}
			}
		}
		check("Put", "put", put(t, s, "put", []byte("bytes"), o))
		if c.Multipart {
			id := createUpload(t, s, "parts", o)
			part := putPart(t, s, "parts", id, 1, []byte("bytes"))
			info, err := s.CompleteUpload(ctx, "parts", id, []adapters.Part{part}, adapters.PutOptions{})
			if err != nil {
				t.Fatalf("CompleteUpload with class %q: %v", class, err)
			}
			check("CompleteUpload", "parts", info)
		}
		if c.ServerCopy {
			info, err := s.Copy(ctx, "copy", "put", "", o)
			if err != nil {
				t.Fatalf("Copy with class %q: %v", class, err)
			}
			check("Copy", "copy", info)
			if info, copied := copyOf(t, h, s, "copy", "copy", "", o, []byte("bytes")); copied {
				check("Copy onto itself", "copy", info)
			}
		}
	}
	for _, key := range []string{"put", "parts", "copy"} {
		if err := s.Delete(ctx, key, ""); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	unknown := adapters.PutOptions{StorageClass: "NO_SUCH_CLASS"}
	_, err := s.Put(ctx, "put", strings.NewReader("x"), 1, unknown)
	wantCode(t, "Put with an unknown class", err, errs.InvalidArgument)
	if c.Multipart {
		_, err = s.CreateUpload(ctx, "parts", unknown)
		wantCode(t, "CreateUpload with an unknown class", err, errs.InvalidArgument)
	}
	wantNothing(t, h, s)
}

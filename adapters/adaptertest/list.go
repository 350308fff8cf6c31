package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// ordered are keys whose order a store gets wrong when it compares folders, characters, UTF-16 units or words of a language.
var ordered = []string{
	"!", "0", "10", "9", "A", "B", "Z", "a", "a!", "a!/x", "a-", "a.", "a/", "a/!", "a/0", "a/b", "a/b!", "a/b-c", "a/b/", "a/b/c", "a/b0", "a/z", "a0", "aa", "b/1", "b/10", "b/2", "b",
	"m/\uff5e", "m/\U0001f600", "m/\ue000", "m/\U00010000", "m/\uffff", "m/\U0010ffff", "m/é", "m/e\u0301", "m/z", "m/Z", "m/~",
	"\uff5e", "\U0001f600", "\ue000", "é", "z", "~", "\uff5e/x", "\U0001f600/x", "漢", "漢/字", "漢!", "dir/sub/x", "dir/sub-x", "dir/sub.x", "dir/sub0x", "dir-a", "dir.a", "dir0", "dir", "dir/",
}

func testListOrder(t *testing.T, h Harness) {
	s := h.New(t)
	var keys []string
	for _, key := range ordered {
		if why := unstorable(h, key, keys); why != "" {
			wantRefused(t, s, key, why)
			continue
		}
		put(t, s, key, []byte(key), adapters.PutOptions{})
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, limit := range []int{1, 2, 3, 7, len(keys) - 1, len(keys), len(keys) + 1, 1000} {
		if got := listAll(t, s, "", limit); !slices.Equal(got, keys) {
			t.Errorf("List by pages of %d = %q\nwant %q", limit, got, keys)
		}
	}
	page, err := s.List(t.Context(), "", "", len(keys))
	if err != nil || page.More {
		t.Errorf("List of exactly all: More = %v, %v, want false", page.More, err)
	}
	page, err = s.List(t.Context(), "", "", len(keys)-1)
	if err != nil || !page.More {
		t.Errorf("List of all but one: More = %v, %v, want true", page.More, err)
	}
	for _, o := range page.Objects {
		if o.Size != int64(len(o.Key)) || o.ETag == "" || o.ModTime.IsZero() {
			t.Errorf("List: %q has size %d, ETag %q, time %v", o.Key, o.Size, o.ETag, o.ModTime)
		}
	}
}

func testListPrefixAfter(t *testing.T, h Harness) {
	s := h.New(t)
	var keys []string
	for _, key := range ordered {
		if unstorable(h, key, keys) == "" {
			put(t, s, key, nil, adapters.PutOptions{})
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	probes := slices.Concat(keys, []string{"", "absent", "a/b/c/d", "a/b/c/", "/", "zzz", "\U0010ffff\U0010ffff", "d", "di", "dir/s", "dir/sub", "dir/sub/", "m", "m/", "漢/", "\x01", "a/\xff"})
	for i, prefix := range probes {
		if strings.Contains(prefix, "\xff") {
			continue
		}
		for j, after := range probes {
			if i%3 != 0 && j%4 != i%4 { // a third of the prefixes with every after, the rest with a quarter
				continue
			}
			var want []string
			for _, k := range keys {
				if strings.HasPrefix(k, prefix) && k > after {
					want = append(want, k)
				}
			}
			page, err := s.List(t.Context(), prefix, after, 4)
			if err != nil {
				if strings.Contains(after, "\xff") && errs.Is(err, errs.InvalidArgument) {
					continue
				}
				t.Errorf("List %q after %q: %v", prefix, after, err)
				continue
			}
			if got := keysOf(page); !slices.Equal(got, want[:min(4, len(want))]) || page.More != (len(want) > 4) {
				t.Errorf("List %q after %q, limit 4 = %q, more %v; want %q of %d", prefix, after, got, page.More, want[:min(4, len(want))], len(want))
			}
		}
	}
}

func testListBounds(t *testing.T, h Harness) {
	s := h.New(t)
	if got := listAll(t, s, "", 1000); len(got) != 0 {
		t.Errorf("List of an empty store = %q", got)
	}
	for _, limit := range []int{0, -1, 1001} {
		_, err := s.List(t.Context(), "", "", limit)
		wantCode(t, fmt.Sprintf("List with limit %d", limit), err, errs.InvalidArgument)
	}
	// More than one page of 1,000, in one folder and in many.
	var want []string
	for i := range 1050 {
		key := fmt.Sprintf("flat/%04d", i)
		put(t, s, key, nil, adapters.PutOptions{})
		want = append(want, key)
	}
	for i := range 40 {
		key := fmt.Sprintf("nested/%02d/%d/x", i, i%3)
		put(t, s, key, nil, adapters.PutOptions{})
		want = append(want, key)
	}
	for _, limit := range []int{1000, 999, 333} {
		if got := listAll(t, s, "", limit); !slices.Equal(got, want) {
			t.Errorf("List by pages of %d: %d keys, want %d", limit, len(got), len(want))
		}
	}
	if got := listAll(t, s, "nested/1", 7); !slices.Equal(got, want[1060:1070]) {
		t.Errorf("List of nested/1 = %q, want %q", got, want[1060:1070])
	}
	// Keys that come and go while somebody pages: what was there all the time is listed once.
	after := ""
	var got []string
	for i := 0; ; i++ {
		page, err := s.List(t.Context(), "flat/", after, 100)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		got = append(got, keysOf(page)...)
		if !page.More {
			break
		}
		after = got[len(got)-1]
		put(t, s, fmt.Sprintf("flat/%04d-new", i*100), nil, adapters.PutOptions{})
		if err := s.Delete(t.Context(), fmt.Sprintf("flat/%04d-new", (i-1)*100), ""); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	got = slices.DeleteFunc(got, func(k string) bool { return strings.HasSuffix(k, "-new") })
	if !slices.Equal(got, want[:1050]) {
		t.Errorf("List while keys come and go: %d of the keys that stayed, want each of %d once", len(got), 1050)
	}
	// A page shows at once what was written and deleted just before.
	for i := range 30 {
		key := fmt.Sprintf("fresh/%02d", i)
		put(t, s, key, nil, adapters.PutOptions{})
		if got := listAll(t, s, "fresh/", 1000); !slices.Equal(got, []string{key}) {
			t.Errorf("List after Put = %q, want %q", got, key)
		}
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		if got := listAll(t, s, "fresh/", 1000); len(got) != 0 {
			t.Errorf("List after Delete = %q, want nothing", got)
		}
	}
}

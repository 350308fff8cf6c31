package blob

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFormIsRecognised(t *testing.T) {
	t.Parallel()
	ours, theirs := TagOf("one"), TagOf("two")
	key, hashed := NativeKey("b", "some/key", New(ours), 1024)
	if hashed || !IsOurs(key) || !HasTag(key, ours) || HasTag(key, theirs) {
		t.Fatalf("%q: hashed %v, IsOurs %v, HasTag %v, other tag %v", key, hashed, IsOurs(key), HasTag(key, ours), HasTag(key, theirs))
	}
	for i := len(key) - idLen; i < len(key); i++ { // any one changed character breaks the form
		for _, c := range alphabet {
			if changed := key[:i] + string(c) + key[i+1:]; changed != key && IsOurs(changed) {
				t.Fatalf("%q was taken for ours beside %q", changed, key)
			}
		}
	}
	for _, foreign := range []string{"", "photo.jpg", "b/key", "b/key.g", "b/key." + strings.Repeat("g", idLen), string(New(ours)), "." + string(New(ours))} {
		if IsOurs(foreign) {
			t.Errorf("%q was taken for ours", foreign)
		}
	}
}

func TestLongKeysAreHashed(t *testing.T) {
	t.Parallel()
	id := New(TagOf("one"))
	for _, key := range []string{strings.Repeat("a", 1024), strings.Repeat("é", 512), strings.Repeat("😀", 256)} {
		for _, limit := range []int{1024, 900, 255} {
			got, hashed := NativeKey("bucket", key, id, limit)
			if !hashed || len(got) > limit || !utf8.ValidString(got) || !IsOurs(got) {
				t.Errorf("limit %d: %d bytes, hashed %v, valid %v, ours %v", limit, len(got), hashed, utf8.ValidString(got), IsOurs(got))
			}
			other, _ := NativeKey("bucket", key[:len(key)-4]+"zzzz", id, limit)
			if other == got {
				t.Errorf("limit %d: two keys share %q", limit, got)
			}
		}
	}
}

func TestKeysThatNotEveryStoreHolds(t *testing.T) {
	t.Parallel()
	id := New(TagOf("one"))
	for _, c := range []struct {
		key  string
		head string // of a hashed key, else empty
	}{
		{"plain/key.txt", ""}, {"trailing/", ""}, {"..", ""}, {"a/..b", ""}, {"ü ber/%2F+", ""}, {".", ""}, {strings.Repeat("k", 255-32), ""},
		{"a//b", "a/"}, {"/lead", ""}, {"a/./b", "a/"}, {"a/../../b", "a/"}, {"../up", ""}, {"//", ""},
		{"new\nline", "new"}, {"x/\uffff", "x/"}, {"d/" + strings.Repeat("k", 256) + "/x", "d/"}, {strings.Repeat("k", 255-31), strings.Repeat("k", 179)},
		{"dot.", ""}, {"x/dots../y", "x/"}, {`back\slash`, "back"}, {"del\x7f", "del"}, {"c1\u0085", "c1"}, {strings.Repeat("d/", 198) + "x", ""},
		{strings.Repeat("d/", 199) + "x", strings.Repeat("d/", 198) + "d"},
	} {
		got, hashed := NativeKey("bucket", c.key, id, 1024)
		want := "bucket/" + c.key + "." + string(id)
		wantHashed := portable(want) < len(want)
		if wantHashed {
			hash := got[len(got)-len(id)-1-hashLen : len(got)-len(id)-1]
			want = "bucket/" + c.head + "~" + hash + "." + string(id)
		}
		if got != want || hashed != wantHashed || portable(got) != len(got) {
			t.Errorf("%q: got %q, hashed %v, want %q", c.key, got, hashed, want)
		}
		if wantHashed != (c.head != "" || strings.HasPrefix(c.key, "/") || strings.HasPrefix(c.key, "../")) {
			t.Errorf("%q: hashed %v", c.key, hashed)
		}
	}
}

func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[ID]bool{}
	for range 10_000 {
		id := New(TagOf("one"))
		if len(id) != idLen || seen[id] {
			t.Fatalf("id %q: %d bytes, seen %v", id, len(id), seen[id])
		}
		seen[id] = true
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	id := New(TagOf("one"))
	for _, c := range []struct{ key, want string }{
		{"a b/c", "bucket=bucket&version=null"},
		{strings.Repeat("k", 1024), "bucket=bucket&key=" + strings.Repeat("k", 1024) + "&version=null"},
		{strings.Repeat("漢", 341), "bucket=bucket&key64=" + strings.Repeat("5ryi", 341) + "&version=null"},
	} {
		user := map[string]string{"a": "1"}
		native, _ := NativeKey("bucket", c.key, id, 1024)
		got := Describe(user, "bucket", c.key, "null", native)
		if len(got) != 2 || got["a"] != "1" || got[Metadata] != c.want || len(user) != 1 {
			t.Errorf("%.20s: got %v, want the entry %q", c.key, got, c.want)
		}
	}
}

// S3 allows 2 KiB: of what is more, the catalog's entry stays, and as much of the user's as fits.
func TestDescribeCuts(t *testing.T) {
	t.Parallel()
	user := map[string]string{"a": "1", "b": strings.Repeat("x", 500), "c": strings.Repeat("\u00e9", 400)}
	key := strings.Repeat("\u6f22", 341)
	native, _ := NativeKey("bucket", key, New(TagOf("one")), 1024)
	got := Describe(user, "bucket", key, "null", native)
	if want := "bucket=bucket&cut=1&key64=" + strings.Repeat("5ryi", 341) + "&version=null"; got[Metadata] != want || got["a"] != "1" || got["b"] != user["b"] || len(got) != 3 {
		t.Errorf("got %v", got)
	}
	if n := sizeOf(got); n > maxDescription {
		t.Errorf("got %d bytes, want %d at most", n, maxDescription)
	}
	if got = Describe(map[string]string{"a": strings.Repeat("x", 2048)}, "bucket", "key", "null", "bucket/key.id"); len(got) != 1 || got[Metadata] != "bucket=bucket&cut=1&version=null" {
		t.Errorf("got %v", got)
	}
	if len(user) != 3 {
		t.Error("the user's metadata was changed")
	}
}

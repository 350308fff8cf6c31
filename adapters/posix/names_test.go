package posix

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/opensds/gelato/adapters"
)

var awkward = []string{
	"a", "photos/a.jpg", "/", "//", "a/", "a//b", ".", "..", "../..", "a/../b", "./.", reserved, reserved + "x", escFile + "a", escFolder + "a/b", escGroup + "x/" + escFile + "y", storeDir + "/tmp/x",
	strings.Repeat("k", 246), strings.Repeat("k", 247), strings.Repeat("k", 255), strings.Repeat("k", 256), strings.Repeat("k", 1024), strings.Repeat("ä", 512), strings.Repeat("🍨", 256), strings.Repeat("/", 1024), "x" + strings.Repeat("漢", 300) + "/y",
	reserved + strings.Repeat("r", 300), strings.Repeat("l", 300) + "/" + strings.Repeat("l", 300), "\uff5e/b", "\U0001f600",
}

// steps are the entries that lead to a key: a walk meets keys in the order of these.
func steps(key string) []string {
	parts := strings.SplitAfter(key, "/")
	return parts
}

// unescape reads a path on disk back, as a walk does.
func unescape(t *testing.T, p place) (key string) {
	t.Helper()
	group := ""
	var names []string
	if p.folder != "." {
		names = strings.Split(p.folder, "/")
	}
	for i, name := range append(names, p.name) {
		if part, ok := strings.CutPrefix(name, escGroup); ok && i < len(names) {
			group += part
			continue
		}
		e, ok := decode(group, name, i < len(names))
		if !ok {
			t.Fatalf("%q in %+v means nothing", name, p)
		}
		key, group = key+e.sort, ""
	}
	return key
}

func checkPlace(t *testing.T, key string, p place) {
	t.Helper()
	names := []string{p.name}
	if p.folder != "." {
		names = append(strings.Split(p.folder, "/"), p.name)
	}
	for _, name := range names {
		if name == "" || name == "." || name == ".." || len(name) > maxName || strings.ContainsAny(name, "/\x00") || !utf8.ValidString(name) {
			t.Errorf("key %q is at %+v: %q is no safe name", key, p, name)
		}
	}
	if names[0] == storeDir {
		t.Errorf("key %q is in the hidden folder: %+v", key, p)
	}
	if got := unescape(t, p); got != key {
		t.Errorf("key %q is at %+v, which reads as %q", key, p, got)
	}
}

func checkNames(t *testing.T, a, b string) {
	t.Helper()
	for _, key := range []string{a, b} {
		plain, aside := places(key)
		checkPlace(t, key, plain)
		checkPlace(t, key, aside)
		if _, seg := splitKey(key); natural(seg) == (plain == aside) {
			t.Errorf("key %q is at %+v and %+v", key, plain, aside)
		}
	}
	if a == b {
		return
	}
	if got, want := slices.Compare(steps(a), steps(b)), cmp.Compare(a, b); got != want {
		t.Errorf("a walk orders %q and %q as %d, keys as %d", a, b, got, want)
	}
	ap, aa := places(a)
	bp, ba := places(b)
	for _, x := range []place{ap, aa} {
		for _, y := range []place{bp, ba} {
			if x == y {
				t.Errorf("keys %q and %q are both at %+v", a, b, x)
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, a := range awkward {
		for _, b := range awkward {
			checkNames(t, a, b)
		}
	}
	for _, key := range []string{"photos/a.jpg", "a b/ü.txt", ".hidden", "...", strings.Repeat("n", 255), ".gelato-backend"} {
		if plain, _ := places(key); plain != join(".", key) {
			t.Errorf("key %q is at %+v, want its own path", key, plain)
		}
	}
}

func FuzzNames(f *testing.F) {
	for i, a := range awkward {
		f.Add(a, awkward[(i+1)%len(awkward)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, key := range []string{a, b} {
			if adapters.CheckKey(key, maxKeyBytes) != nil {
				return
			}
		}
		checkNames(t, a, b)
	})
}

// FuzzDecode: whatever name is found on the disk stands for no key, or for one whose object is looked for under that very name.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"a", ".", reserved, escFile, escFolder, escGroup + "a", escFile + "a", escFolder + "a", escFolder + "..", escFile + strings.Repeat("x", 246), "\xff"} {
		f.Add("", name, false)
		f.Add("", name, true)
		f.Add(strings.Repeat("g", maxEscaped), name, false)
		f.Add("short", name, true)
	}
	f.Fuzz(func(t *testing.T, group, name string, isFolder bool) {
		if name == "" || len(name) > maxName || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." || !utf8.ValidString(group) || strings.ContainsAny(group, "/\x00") || len(group) > 2000 {
			return
		}
		e, ok := decode(group, name, isFolder)
		if !ok {
			return
		}
		var rel string
		if isFolder {
			rel = folderSegment(strings.TrimSuffix(e.sort, "/"))
		} else {
			plain, aside := places(e.sort)
			rel = aside.name
			if plain.name == name {
				rel = plain.name
			}
		}
		if last := rel[strings.LastIndexByte(rel, '/')+1:]; last != name || e.isFolder() != isFolder {
			t.Errorf("%q in group %q stands for %+v, which is looked for at %q", name, group, e, rel)
		}
	})
}

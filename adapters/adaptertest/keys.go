package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// torture are keys that trip stores, each by itself.
func torture(maxBytes int) []string {
	keys := []string{
		"a", "plain.txt", "dir/file.txt", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
		" ", " lead", "trail ", "in ner", "dir /sp ace", "\u00a0nbsp", "\u2003em",
		"/", "//", "///", "/lead", "//lead", "a/", "a//", "a//b", "a///b", "a/b/", "/a/", "//a//b//",
		".", "..", "...", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "../../../../etc/passwd", "a/../../b", "/../a", "./", "../", ".hidden", "..hidden", "a/.hidden/b",
		"%", "%%", "%2F", "a%2Fb", "%2e%2e", "a%00b", "100%", "%zz", "a%25b", "%E2%98%83", "a+b", "+", "a b+c%20d",
		"?", "a?b=c&d", "#frag", "a#b", "&", "a&amp;b", "=", ";", ":", "a:b", "@", "$", "!", "'", `"`, "`", "(x)", "[x]", "{x}", "<x>", "|", "^", "~", "~a", "*", "a*b", `\`, `a\b`, `..\a`, ",",
		"]]>", "<![CDATA[", "&#10;", "con", "nul", "aux.txt", "CON", "C:", "a.", "-", "-rf", "--help", "a=b", "versionId", "?uploads", "a?uploadId=1",
		"umlaut-äöü", "e\u0301-and-\u00e9", "漢字/かな", "русский", "עברית", "🍨", "🧊/🍨.txt", "a\u200db", "\ufeffbom", "\u202ertl", "\uffff", "\ufffd", "\U0010ffff", "\ue000", "日本語 名前+%.txt",
		".gelato", ".gelato-backend", ".gelato~", ".gelato~d", ".gelato~f", ".gelato~fa", ".gelato~d/x", ".gelato~g/.gelato~fx", ".gelato~tmp/x", ".gelato~uploads/x", "a/.gelato~fa", ".sgwtmp/x", ".minio.sys/x", "lost+found",
		"\x01", "a\x01b", "tab\tx", "line\nfeed", "cr\rx", "crlf\r\nx", "\x1b[31m", "\x7f", "\u0080", "\u0085", "\u2028",
	}
	for _, n := range []int{254, 255, 256, 257, 511, 512, 1023, 1024} {
		if n <= maxBytes {
			keys = append(keys, strings.Repeat("k", n))
		}
	}
	fill := func(unit string) string { return strings.Repeat(unit, maxBytes/len(unit)) }
	return append(keys, fill("ä"), fill("漢"), fill("🍨"), fill("/"), fill("a/"), fill("."), fill("./"), fill("../"), fill("%"), fill(" "), fill("0123456789abcdef/"), fill(strings.Repeat("x", 255)+"/"))
}

func testKeys(t *testing.T, h Harness) {
	s := h.New(t)
	maxBytes := s.Capabilities().MaxKeyBytes
	for i, key := range torture(maxBytes) {
		if len(key) > maxBytes {
			t.Logf("%d bytes of key are over this store's limit of %d", len(key), maxBytes)
			continue
		}
		name := key
		if len(name) > 24 {
			name = fmt.Sprintf("%s...%d", strings.ToValidUTF8(key[:16], ""), len(key))
		}
		t.Run(fmt.Sprintf("%03d %q", i, name), func(t *testing.T) {
			if why := unstorable(h, key, nil); why != "" {
				wantRefused(t, s, key, why)
				return
			}
			wantAbsent(t, s, key)
			b := []byte("the bytes of " + key)
			put(t, s, key, b, adapters.PutOptions{})
			wantObject(t, s, key, b)
			if got := listAll(t, s, "", 10); !slices.Equal(got, []string{key}) {
				t.Errorf("List = %q, want only %q", got, key)
			}
			put(t, s, key, b[1:], adapters.PutOptions{})
			wantObject(t, s, key, b[1:])
			if s.Capabilities().Multipart {
				id, err := s.CreateUpload(t.Context(), key, adapters.PutOptions{})
				if err != nil {
					t.Fatalf("CreateUpload: %v", err)
				}
				part := putPart(t, s, key, id, 1, b)
				if _, err := s.CompleteUpload(t.Context(), key, id, []adapters.Part{part}, adapters.PutOptions{}); err != nil {
					t.Fatalf("CompleteUpload: %v", err)
				}
				wantObject(t, s, key, b)
			}
			if err := s.Delete(t.Context(), key, ""); err != nil {
				t.Errorf("Delete: %v", err)
			}
			wantAbsent(t, s, key)
		})
	}
	wantNothing(t, h, s)
}

func unstorable(h Harness, key string, present []string) string {
	if h.Unstorable == nil {
		return ""
	}
	return h.Unstorable(key, present)
}

// wantRefused checks that a key that the server cannot hold is refused and appears nowhere.
func wantRefused(t *testing.T, s adapters.Store, key, why string) {
	t.Helper()
	t.Logf("the server cannot hold %q (%s): a refusal is wanted", key, why)
	before := listAll(t, s, "", 100)
	if _, err := s.Put(t.Context(), key, strings.NewReader("x"), 1, adapters.PutOptions{}); err == nil {
		t.Errorf("Put %q succeeded, though the harness says that the server cannot hold it: %s", key, why)
	}
	if after := listAll(t, s, "", 100); !slices.Equal(before, after) {
		t.Errorf("a refused Put changed the listing from %q to %q", before, after)
	}
}

// testKeysTogether stores keys that get in each other's way where keys are mapped to something else.
func testKeysTogether(t *testing.T, h Harness) {
	long := strings.Repeat("l", 250)
	for _, together := range [][]string{
		{"a", "a/", "a/b", "a/b/c", "a//", "a//b", "a/b/c/d/", "ab", "a!", "a.", "a-b", "a0"},
		{"Case", "case", "CASE", "dir/x", "Dir/x", "DIR/x", "stra\u00dfe", "strasse", "STRASSE"},
		{"\u00e9", "e\u0301", "\u00c9", "\u212b", "\u00c5", "A\u030a", "\ufb01", "fi"},
		{".", "..", "./.", "../..", "./..", "../a", "a", "./a", "/a", "//a", "a/./b", "a/../b", "a/b", "b"},
		{"x y", "x+y", "x%20y", "x%2By", "x%y", "x  y", "x", "x ", " x"},
		{"/", "//", "///", "//a", "/a/", "/a", "/a//"},
		{"n", ".gelato~fn", ".gelato~dn/x", "n/x", ".gelato~gn/.gelato~fx", ".gelato~f.gelato~fn", ".gelato~f", ".gelato~f/", ".gelato~d/.gelato~f"},
		{long, long + "/x", long + "mmmmm", long + "mmmmm/x", long + "mmmmmmmmmmmmmm", long + "mmmmmmmmmmmmmm/x", long + "\u00e9\u00e9\u00e9\u00e9/", long + long, long + long + "/" + long + long, long + "/" + long},
		{"con", "CON", "nul.txt", "a:b", "a\\b", "a", "a/b "},
	} {
		for _, order := range []string{"ascending", "descending"} {
			t.Run(fmt.Sprintf("%.20q %s", together[0], order), func(t *testing.T) {
				t.Parallel()
				keys := slices.Clone(together)
				slices.Sort(keys)
				if order == "descending" {
					slices.Reverse(keys)
				}
				storeTogether(t, h, keys)
			})
		}
	}
}

func storeTogether(t *testing.T, h Harness, keys []string) {
	s := h.New(t)
	keys = slices.DeleteFunc(keys, func(k string) bool { return len(k) > s.Capabilities().MaxKeyBytes })
	var present []string
	for _, key := range keys {
		if why := unstorable(h, key, present); why != "" {
			wantRefused(t, s, key, why)
			continue
		}
		put(t, s, key, []byte("bytes of "+key), adapters.PutOptions{})
		present = append(present, key)
	}
	check := func(present []string) {
		t.Helper()
		want := slices.Sorted(slices.Values(present))
		for _, limit := range []int{1, 2, 1000} {
			if got := listAll(t, s, "", limit); !slices.Equal(got, want) {
				t.Errorf("List by pages of %d = %q, want %q", limit, got, want)
			}
		}
		for _, key := range present {
			wantObject(t, s, key, []byte("bytes of "+key))
		}
	}
	check(present)
	// Overwrite all, in the other order; then delete every second, and look at the rest; then put those again.
	for _, key := range slices.Backward(present) {
		put(t, s, key, []byte("other"), adapters.PutOptions{})
		put(t, s, key, []byte("bytes of "+key), adapters.PutOptions{})
	}
	check(present)
	var kept, gone []string
	for i, key := range present {
		if i%2 == 0 {
			kept = append(kept, key)
			continue
		}
		gone = append(gone, key)
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Errorf("Delete %q: %v", key, err)
		}
	}
	check(kept)
	for _, key := range gone {
		wantAbsent(t, s, key)
	}
	for _, key := range gone {
		if why := unstorable(h, key, kept); why != "" {
			continue
		}
		put(t, s, key, []byte("bytes of "+key), adapters.PutOptions{})
		kept = append(kept, key)
	}
	check(kept)
	for _, key := range kept {
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Errorf("Delete %q: %v", key, err)
		}
		wantAbsent(t, s, key)
	}
	wantNothing(t, h, s)
}

func testKeysRefused(t *testing.T, h Harness) {
	s := h.New(t)
	put(t, s, "there", []byte("x"), adapters.PutOptions{})
	for name, key := range map[string]string{
		"empty": "", "too long": strings.Repeat("k", s.Capabilities().MaxKeyBytes+1), "NUL": "a\x00b", "not UTF-8": "a\xffb", "half a rune": "\xe6\xbc", "surrogate": "\xed\xa0\x80", "overlong": "\xc0\xaf",
	} {
		ctx := t.Context()
		_, err := s.Put(ctx, key, strings.NewReader("x"), 1, adapters.PutOptions{})
		wantCode(t, "Put with a key that is "+name, err, errs.InvalidArgument)
		_, _, err = get(ctx, s, key, adapters.Range{})
		wantCode(t, "Get with a key that is "+name, err, errs.InvalidArgument)
		_, err = s.Head(ctx, key)
		wantCode(t, "Head with a key that is "+name, err, errs.InvalidArgument)
		wantCode(t, "Delete with a key that is "+name, s.Delete(ctx, key, ""), errs.InvalidArgument)
		if s.Capabilities().Multipart {
			_, err = s.CreateUpload(ctx, key, adapters.PutOptions{})
			wantCode(t, "CreateUpload with a key that is "+name, err, errs.InvalidArgument)
		}
	}
	if got := listAll(t, s, "", 10); !slices.Equal(got, []string{"there"}) {
		t.Errorf("List = %q, want only what was there", got)
	}
}

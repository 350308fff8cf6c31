package docstore

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestJoin compares joined keys with the lists that they were made of: same order, nothing lost.
func TestJoin(t *testing.T) {
	t.Parallel()
	alphabet := []string{"\x00", "\x01", "\x02", "\x03", "\x04", "a", "b", "/", "\u00e4", "\uffff", "\U0010ffff"}
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		var b strings.Builder
		for range r.IntN(4) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	var lists [][]string
	for range 600 {
		l := make([]string, 1+r.IntN(3))
		for i := range l {
			l[i] = word()
		}
		lists = append(lists, l)
	}
	sign := func(n int) int { return min(1, max(-1, n)) }
	for _, a := range lists {
		key := Join(a...)
		if got := Split(key); !reflect.DeepEqual(got, a) {
			t.Fatalf("Split(Join(%q)) = %q", a, got)
		}
		if strings.IndexByte(key, 0) >= 0 || !utf8.ValidString(key) {
			t.Fatalf("Join(%q) = %q holds NUL or is not UTF-8", a, key)
		}
		for _, b := range lists {
			if got, want := sign(strings.Compare(key, Join(b...))), sign(slices.Compare(a, b)); got != want {
				t.Fatalf("Join(%q) against Join(%q): got %d, want %d", a, b, got, want)
			}
			from, to := Under(a...)
			in := len(b) > len(a) && slices.Equal(b[:len(a)], a)
			if got := within(Join(b...), from, to); got != in {
				t.Fatalf("Under(%q) holds Join(%q): got %v, want %v", a, b, got, in)
			}
			from, to = WithPrefix(a...)
			n := len(a) - 1
			in = len(b) == len(a) && slices.Equal(b[:n], a[:n]) && strings.HasPrefix(b[n], a[n])
			if got := within(Join(b...), from, to); got != in && len(b) == len(a) {
				t.Fatalf("WithPrefix(%q) holds Join(%q): got %v, want %v", a, b, got, in)
			}
		}
	}
}

func within(key, from, to string) bool { return key >= from && (to == "" || key < to) }

func TestPrefixEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ prefix, want string }{
		{"", ""},
		{"a", "b"},
		{"a\x7f", "a\u0080"},
		{"a\ud7ff", "a\ue000"},
		{"a\U0010ffff", "b"},
		{"\U0010ffff\U0010ffff", ""},
	} {
		got := PrefixEnd(tt.prefix)
		if got != tt.want {
			t.Errorf("PrefixEnd(%q) = %q, want %q", tt.prefix, got, tt.want)
		}
		if got != "" && (got <= tt.prefix+"\U0010ffff\U0010ffff" || !utf8.ValidString(got)) {
			t.Errorf("PrefixEnd(%q) = %q does not bound", tt.prefix, got)
		}
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	if got := After("a"); got <= "a" || got > "a\x01" {
		t.Errorf("After(a) = %q", got)
	}
}

package azureblob

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Azure documents that it lists in "alphabetical order". Azurite compares UTF-16 units; Azure itself does that, or compares code points, which is the
// order of UTF-8. The two differ only where one name has a character above U+FFFF (two units from U+D800 on) and the other one from
// U+E000 to U+FFFF. Such characters are called high here. Names that share all before a high character, a group, lie together in both orders, at the end of
// what has their prefix; so a listing is put right group by group: in memory where a group is within what was read, else each class by itself.

// class says which of the characters behind a span's prefix belong to it.
type class int

const (
	anyClass  class = iota
	lowerHigh       // U+E000 to U+FFFF: first in UTF-8, second in UTF-16
	upperHigh       // above U+FFFF
)

const (
	firstLower = "\ue000"
	firstUpper = "\U00010000"
)

func classOf(r rune) class {
	switch {
	case r > 0xffff:
		return upperHigh
	case r >= 0xe000:
		return lowerHigh
	}
	return anyClass
}

// span is a run of names that both orders have in one piece, apart from the groups in it.
type span struct {
	prefix string
	class  class
	from   string // where it starts, inclusively; "" at its beginning
	over   string // names up to this one have been listed; "" for none
	skip   string // names with this prefix have been listed; "" for none
}

// has says whether a name is in the span.
func (sp span) has(name string) bool {
	rest, ok := strings.CutPrefix(name, sp.prefix)
	if !ok || name < sp.from || sp.skips(name) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return sp.class == anyClass || classOf(r) == sp.class && rest != ""
}

// skips says whether a name has been listed.
func (sp span) skips(name string) bool {
	return name <= sp.over || sp.skip != "" && strings.HasPrefix(name, sp.skip)
}

// base is how many bytes of a name of the span are the same in both orders.
func (sp span) base(name string) int {
	if sp.class == anyClass {
		return len(sp.prefix)
	}
	_, n := utf8.DecodeRuneInString(name[len(sp.prefix):])
	return len(sp.prefix) + n
}

// classSpan is all of a group that is of a class.
func classSpan(prefix string, c class) span {
	if c == lowerHigh {
		return span{prefix: prefix, class: c, from: prefix + firstLower}
	}
	return span{prefix: prefix, class: c, from: prefix + firstUpper}
}

// behind is what is left of the span after all names with a longer prefix than its own, if anything can be.
func (sp span) behind(prefix string) []span {
	if len(prefix) == len(sp.prefix) {
		return nil
	}
	sp.from, sp.over, sp.skip = prefix+"\ufffd", "", prefix
	if r, n := utf8.DecodeLastRuneInString(prefix); utf8.ValidRune(r+1) && classOf(r) == classOf(r+1) {
		sp.from = prefix[:len(prefix)-n] + string(r+1)
	}
	return []span{sp}
}

// highAt returns where the first high character of a name from an offset on is, or -1.
func highAt(name string, from int) int {
	if i := strings.IndexFunc(name[from:], func(r rune) bool { return classOf(r) != anyClass }); i >= 0 {
		return from + i
	}
	return -1
}

// rest splits what was read of a span that goes on: how many of the names are complete groups, and the spans that are left.
func (sp span) rest(names []string) (keep int, left []span) {
	last := names[len(names)-1]
	at := highAt(last, sp.base(last))
	if at < 0 {
		sp.from, sp.over = last, last
		return len(names), []span{sp}
	}
	group := last[:at]
	keep = slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, group) && highAt(name, at) == at })
	return keep, append([]span{classSpan(group, lowerHigh), classSpan(group, upperHigh)}, sp.behind(group)...)
}

// spansAfter returns what is to be listed of a prefix after a name, in the order of UTF-8.
func spansAfter(prefix, after string) []span {
	top := span{prefix: prefix}
	switch {
	case after == "" || after < prefix:
		return []span{top}
	case !strings.HasPrefix(after, prefix):
		return nil
	}
	// The groups that after is in, from the outermost.
	var spans []span
	for at := highAt(after, len(prefix)); at >= 0; {
		r, n := utf8.DecodeRuneInString(after[at:])
		inner := span{prefix: after[:at], class: classOf(r)}
		left := top.behind(after[:at])
		if inner.class == lowerHigh {
			left = slices.Concat([]span{classSpan(after[:at], upperHigh)}, left)
		}
		spans = slices.Concat(left, spans)
		top, at = inner, highAt(after, at+n)
	}
	top.from, top.over = after, after
	if i := oddCharacter(after); i >= 0 {
		top.from = after[:i] // the store need not take the rest
	}
	return append([]span{top}, spans...)
}

// ordered says whether names ascend, in one of the two orders.
func ordered(names []string) bool {
	in8, in16 := true, true
	for i := 1; i < len(names); i++ {
		in8 = in8 && names[i-1] < names[i]
		in16 = in16 && compare16(names[i-1], names[i]) < 0
	}
	return in8 || in16
}

// belowInBoth says that a sorts before b in both orders.
func belowInBoth(a, b string) bool { return a < b && compare16(a, b) < 0 }

// compare16 compares by UTF-16 units.
func compare16(a, b string) int {
	if highAt(a, 0) < 0 || highAt(b, 0) < 0 {
		return strings.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

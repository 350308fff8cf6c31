package policy

import "strings"

type partKind uint8

const (
	literal  partKind = iota + 1
	anyOne            // ?
	anyRun            // *
	variable          // ${key}
)

// part is a piece of a pattern.
type part struct {
	kind       partKind
	text       string // of a literal; the default of a variable
	key        Key    // of a variable
	hasDefault bool
}

// pattern is a text with wildcards and policy variables.
type pattern struct {
	parts     []part
	variables bool
}

// newPattern parses a pattern. Wildcards and variables are text where they do not count: in StringEquals the ones, in policies of version 2008-10-17 the others.
func newPattern(text string, wildcards, variables bool) (pattern, error) {
	var p pattern
	var run strings.Builder
	flush := func() {
		if run.Len() > 0 {
			p.parts = append(p.parts, part{kind: literal, text: run.String()})
			run.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case wildcards && c == '*':
			flush()
			if n := len(p.parts); n == 0 || p.parts[n-1].kind != anyRun {
				p.parts = append(p.parts, part{kind: anyRun})
			}
		case wildcards && c == '?':
			flush()
			p.parts = append(p.parts, part{kind: anyOne})
		case variables && c == '$' && strings.HasPrefix(text[i:], "${"):
			name, _, closed := strings.Cut(text[i+2:], "}")
			if !closed {
				return pattern{}, malformed("Invalid policy variable: %q is not closed", short(text[i:]))
			}
			i += len(name) + 2
			if name == "*" || name == "?" || name == "$" {
				run.WriteString(name)
				continue
			}
			v, err := newVariable(name)
			if err != nil {
				return pattern{}, err
			}
			flush()
			p.parts = append(p.parts, v)
			p.variables = true
		default:
			run.WriteByte(c)
		}
	}
	flush()
	return p, nil
}

// newVariable parses what stands in ${}: a key, and perhaps a default in single quotes.
func newVariable(text string) (part, error) {
	name, fallback, has := strings.Cut(text, ",")
	if name = strings.TrimSpace(name); name == "" {
		return part{}, malformed("Invalid policy variable: ${%s}", short(text))
	}
	v := part{kind: variable, key: newKey(name), hasDefault: has}
	if has {
		quoted := strings.TrimSpace(fallback)
		inner, left := strings.CutPrefix(quoted, "'")
		inner, right := strings.CutSuffix(inner, "'")
		if !left || !right {
			return part{}, malformed("Invalid policy variable: the default of ${%s} must be in single quotes", short(text))
		}
		v.text = inner
	}
	return v, nil
}

// resolve gives the pattern with the request's values in place of variables; values have no wildcards. It is not known when the request lacks one.
func (p *pattern) resolve(c Context) (parts []part, known bool, err error) {
	if !p.variables {
		return p.parts, true, nil
	}
	parts = make([]part, len(p.parts))
	for i, x := range p.parts {
		if x.kind == variable {
			values, err := c.Values(x.key)
			switch {
			case err != nil:
				return nil, false, err
			case len(values) == 1:
				x = part{kind: literal, text: values[0]}
			case len(values) == 0 && x.hasDefault:
				x = part{kind: literal, text: x.text}
			default:
				return nil, false, nil
			}
		}
		parts[i] = x
	}
	return parts, true, nil
}

// fill puts the request's values in place of variables.
func (p *pattern) fill(c Context) (known bool, err error) {
	p.parts, known, err = p.resolve(c)
	return known, err
}

// text joins the literals of a pattern that has nothing else.
func text(parts []part) string {
	if len(parts) == 1 {
		return parts[0].text
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
	}
	return b.String()
}

// matches reports whether a whole text matches. After a mismatch only what follows the last asterisk is tried again, one character further: what an earlier one
// could take, the last one can take too.
func matches[T string | []byte](parts []part, s T) bool {
	i, p := 0, 0
	resume, from := -1, 0 // the part behind the last asterisk, and where it was last tried
	for {
		ok := false
		switch {
		case p == len(parts):
			if i == len(s) {
				return true
			}
		case parts[p].kind == anyRun:
			if p++; p == len(parts) {
				return true
			}
			resume, from = p, i
			continue
		case parts[p].kind == anyOne:
			if i < len(s) {
				i, ok = next(s, i), true
			}
		default:
			n := len(parts[p].text)
			if ok = len(s)-i >= n && string(s[i:i+n]) == parts[p].text; ok {
				i += n
			}
		}
		if ok {
			p++
			continue
		}
		if resume < 0 || from >= len(s) {
			return false
		}
		from = next(s, from)
		i, p = from, resume
	}
}

// next is the position behind the character at i.
func next[T string | []byte](s T, i int) int {
	for i++; i < len(s) && s[i]&0xC0 == 0x80; i++ { // continuation bytes of UTF-8
	}
	return i
}

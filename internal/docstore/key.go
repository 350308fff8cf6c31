package docstore

import (
	"strings"
	"unicode/utf8"
)

// Bytes of a joined key. The separator sorts before every byte of an escaped part, so that joined keys compare
// as their parts do, one after the other: ("a", "z") < ("a\x01", "") < ("ab", ""). All are ASCII: UTF-8 stays UTF-8.
const (
	separator = 0x01
	escape    = 0x02 // stands before the byte plus 2, for the bytes NUL, separator and escape
)

// Join makes one key of parts, which may hold any bytes. Keys compare bytewise as the lists of parts do, and Split is the inverse.
func Join(parts ...string) string {
	if len(parts) == 1 && !needsEscape(parts[0]) {
		return parts[0]
	}
	n := len(parts)
	for _, p := range parts {
		n += len(p)
	}
	var b strings.Builder
	b.Grow(n)
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(separator)
		}
		if !needsEscape(p) {
			b.WriteString(p)
			continue
		}
		for j := 0; j < len(p); j++ {
			if p[j] <= escape {
				b.WriteByte(escape)
				b.WriteByte(p[j] + 2)
			} else {
				b.WriteByte(p[j])
			}
		}
	}
	return b.String()
}

func needsEscape(p string) bool {
	for i := 0; i < len(p); i++ {
		if p[i] <= escape {
			return true
		}
	}
	return false
}

// Split returns the parts that Join made key of. A malformed key gives parts that Join does not turn into it again.
func Split(key string) []string {
	parts := strings.Split(key, string(rune(separator)))
	for i, p := range parts {
		if strings.IndexByte(p, escape) < 0 {
			continue
		}
		b := make([]byte, 0, len(p))
		for j := 0; j < len(p); j++ {
			if p[j] == escape && j+1 < len(p) {
				j++
				b = append(b, p[j]-2)
			} else {
				b = append(b, p[j])
			}
		}
		parts[i] = string(b)
	}
	return parts
}

// Under returns the bounds of all keys that Join makes of parts and at least one more part.
func Under(parts ...string) (from, to string) {
	key := Join(parts...)
	return key + string(rune(separator)), key + string(rune(escape))
}

// WithPrefix returns the bounds of all keys that Join makes of parts whose last part begins with the last of the given ones.
func WithPrefix(parts ...string) (from, to string) {
	if n := len(parts); n > 1 && parts[n-1] == "" {
		return Under(parts[:n-1]...)
	}
	from = Join(parts...)
	return from, PrefixEnd(from)
}

// PrefixEnd returns the smallest UTF-8 string that sorts after every string with the given UTF-8 prefix,
// or "" when there is none: as Range.To it bounds the keys with this prefix.
func PrefixEnd(prefix string) string {
	for len(prefix) > 0 {
		r, n := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-n]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF: // the surrogates are no runes
			r = 0xE000
		default:
			r++
		}
		return prefix + string(r)
	}
	return ""
}

// After returns the smallest key that sorts after key: as Range.From it goes on behind key.
func After(key string) string { return key + string(rune(separator)) }

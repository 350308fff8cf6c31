package azureblob

import (
	"strings"
	"unicode/utf16"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// A key is the name of its blob, with the backend's prefix in front. Only a key that begins with reserved gets another "~" behind it: that keeps
// all names in the order of their keys, and leaves room for blobs of the adapter's own, which begin with hidden.
const (
	reserved = ".gelato~~"
	hidden   = reserved + "!"
)

// maxSegments is how many parts between slashes a name may have (Microsoft Learn, "Naming and referencing containers, blobs, and metadata").
const maxSegments = 254

func encodeKey(key string) string {
	if rest, ok := strings.CutPrefix(key, reserved); ok {
		return reserved + "~" + rest
	}
	return key
}

// decodeKey is the reverse, without the backend's prefix; false for the adapter's own blobs, and for what nobody may put beside them.
func decodeKey(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, reserved)
	if !ok {
		return name, name != ""
	}
	rest, ok = strings.CutPrefix(rest, "~")
	return reserved + rest, ok
}

// native checks a key and returns the name of its blob. storable is why Azure would not hold the name exactly, or nil.
func (s *Store) native(key string) (name string, storable, err error) {
	if err := adapters.CheckKey(key, s.caps.MaxKeyBytes); err != nil {
		return "", nil, err
	}
	name = s.prefix + encodeKey(key)
	if why := unstorable(name); why != "" {
		storable = errs.Newf(errs.InvalidArgument, "Azure cannot hold this key exactly: %s", why).Because("KeyNotStorable")
	}
	return name, storable, nil
}

// notFound is the answer for a key that cannot be there; what Azure would answer with is another object.
func notFound(storable error) error {
	return errs.New(errs.NotFound, "the store cannot hold this key", storable).Because("NoSuchKey")
}

// unstorable says why Azure would refuse a name or take it for another, or "". By its documentation and what rclone's authors measured
// (github.com/rclone/rclone, backend/azureblob): control characters are refused, a backslash becomes a slash, dots at the end of a segment are dropped. No
// escape would keep the order of keys: it would have to sort between its neighbours, where all characters are taken.
func unstorable(name string) string {
	switch {
	case len(name) > maxKeyBytes && len(utf16.Encode([]rune(name))) > maxKeyBytes:
		return "the name has more than 1,024 characters"
	case strings.Count(name, "/") >= maxSegments:
		return "the name has more than 254 segments"
	case strings.HasSuffix(name, ".") || strings.Contains(name, "./"):
		return "a segment ends in a dot"
	}
	if oddCharacter(name) >= 0 {
		return "a control character, a backslash, or a character that XML does not have"
	}
	return ""
}

// oddCharacter returns where the first character is that no name in Azure has, or -1.
func oddCharacter(name string) int {
	return strings.IndexFunc(name, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r <= 0x9f || r == '\\' || r == '\ufffe' || r == '\uffff'
	})
}

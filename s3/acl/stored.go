package acl

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// A stored list is a version byte, then for each grant one byte (kind<<4 | permission), which the 32 bytes of the canonical id follow for users.
const (
	storedVersion = 1
	idBytes       = 32
)

// Encode is the stored form of a list. That of nil is nil.
func (l List) Encode() ([]byte, error) {
	if l == nil {
		return nil, nil
	}
	out := []byte{storedVersion}
	for _, g := range l {
		out = append(out, byte(g.Grantee.Kind)<<4|byte(g.Permission))
		if g.Grantee.Kind != User {
			continue
		}
		id, err := hex.DecodeString(g.Grantee.Name)
		if err != nil || len(id) != idBytes {
			return nil, fmt.Errorf("encode grant: %q is no canonical id", g.Grantee.Name)
		}
		out = append(out, id...)
	}
	return out, nil
}

// Decode reads a stored list. That of nothing is nil.
func Decode(stored []byte) (List, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	if stored[0] != storedVersion {
		return nil, fmt.Errorf("decode access control list: version %d is not known", stored[0])
	}
	out := List{}
	for rest := stored[1:]; len(rest) > 0; {
		g := Grant{Grantee{Kind: Kind(rest[0] >> 4)}, Permission(rest[0] & 15)}
		rest = rest[1:]
		switch {
		case g.Permission < Read || g.Permission > FullControl:
			return nil, errors.New("decode access control list: a permission is not known")
		case g.Grantee.Kind == User && len(rest) >= idBytes:
			g.Grantee.Name, rest = hex.EncodeToString(rest[:idBytes]), rest[idBytes:]
		case g.Grantee.Kind.URI() == "":
			return nil, errors.New("decode access control list: a grantee is not known")
		}
		out = append(out, g)
	}
	return out, nil
}

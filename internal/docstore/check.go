package docstore

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
)

// Limits that drivers enforce before they touch anything.
const (
	MaxKeyBytes  = 3000
	MaxBodyBytes = 8 << 20 // of one document; what callers may count on is in the design: 1 MiB
)

// CheckKey refuses, with InvalidArgument, what is no document key.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errs.Newf(errs.InvalidArgument, "a document key is empty")
	case len(key) > MaxKeyBytes:
		return errs.Newf(errs.InvalidArgument, "a document key has %d bytes, more than %d", len(key), MaxKeyBytes)
	case strings.IndexByte(key, 0) >= 0:
		return errs.Newf(errs.InvalidArgument, "a document key contains NUL")
	case !utf8.ValidString(key):
		return errs.Newf(errs.InvalidArgument, "a document key is not UTF-8")
	}
	return nil
}

// CheckCollection refuses, with InvalidArgument, what is no collection name: 1 to 64 of a-z, 0-9, '_', '-'.
func CheckCollection(name string) error {
	ok := len(name) > 0 && len(name) <= 64
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
	}
	if !ok {
		return errs.Newf(errs.InvalidArgument, "%q is no collection name", name)
	}
	return nil
}

// CheckRev refuses, with InvalidArgument, what NewRev did not make.
func CheckRev(r Rev) error {
	if len(r) == revLen {
		if _, err := hex.DecodeString(string(r)); err == nil && strings.ToLower(string(r)) == string(r) {
			return nil
		}
	}
	return errs.Newf(errs.InvalidArgument, "%q is no revision", string(r))
}

// CheckRange refuses, with InvalidArgument, a Range that no driver serves.
func CheckRange(r Range) error {
	if r.Limit <= 0 {
		return errs.Newf(errs.InvalidArgument, "the limit of a listing is %d, not positive", r.Limit)
	}
	return nil
}

// CheckOp refuses, with InvalidArgument, an Op that no driver carries out.
func CheckOp(op Op) error {
	if err := CheckCollection(op.Collection); err != nil {
		return err
	}
	if err := CheckKey(op.Doc.Key); err != nil {
		return err
	}
	switch op.Kind {
	case OpInsert, OpReplace, OpDelete:
	default:
		return errs.Newf(errs.InvalidArgument, "%d is no kind of operation", op.Kind)
	}
	if op.Kind == OpInsert && op.Old != "" {
		return errs.Newf(errs.InvalidArgument, "an insert expects no revision")
	}
	if op.Kind != OpInsert {
		if err := CheckRev(op.Old); err != nil {
			return err
		}
	}
	if op.Kind == OpDelete {
		return nil
	}
	if err := CheckRev(op.Doc.Rev); err != nil {
		return err
	}
	if op.Doc.Rev == op.Old {
		return errs.Newf(errs.InvalidArgument, "a revision is used twice")
	}
	if len(op.Doc.Body) > MaxBodyBytes {
		return errs.Newf(errs.InvalidArgument, "a document has %d bytes, more than %d", len(op.Doc.Body), MaxBodyBytes)
	}
	if n := len(op.Doc.Body); n < 5 || uint32(n) != binary.LittleEndian.Uint32(op.Doc.Body) || op.Doc.Body[n-1] != 0 {
		return errs.Newf(errs.InvalidArgument, "a document body is no BSON document")
	}
	return nil
}

// CheckOps refuses, with InvalidArgument, a batch that touches a key twice. Its single operations are not checked.
func CheckOps(ops []Op) error {
	type place struct{ collection, key string }
	seen := make(map[place]struct{}, len(ops))
	for _, op := range ops {
		seen[place{op.Collection, op.Doc.Key}] = struct{}{}
	}
	if len(seen) != len(ops) {
		return errs.Newf(errs.InvalidArgument, "a batch touches a key twice")
	}
	return nil
}

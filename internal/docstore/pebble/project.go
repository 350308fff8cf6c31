package pebble

import (
	"encoding/binary"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/opensds/gelato/internal/errs"
)

// project copies the named top-level fields of a document into a new one, in the order of the document.
func project(body bson.Raw, fields []string) (bson.Raw, error) {
	out := make([]byte, 4, 256)
	rest := []byte(body[4:])
	for len(rest) > 0 && rest[0] != 0 {
		e, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return nil, errs.Newf(errs.DataLoss, "a stored document is malformed")
		}
		name, err := e.KeyBytesErr()
		if err != nil {
			return nil, errs.New(errs.DataLoss, "a stored document is malformed", err)
		}
		if slices.ContainsFunc(fields, func(f string) bool { return f == string(name) }) {
			out = append(out, e...)
		}
		rest = after
	}
	out = append(out, 0)
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	return out, nil
}

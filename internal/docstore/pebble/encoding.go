package pebble

import (
	"encoding/hex"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const revBytes = 12 // a docstore.Rev in binary

// dbKey appends the place of a document to b. Collection names hold no byte that sorts before NUL, so collections do not mix.
func dbKey(b []byte, collection, key string) []byte {
	b = append(b, collection...)
	b = append(b, 0)
	return append(b, key...)
}

// upperBound returns the exclusive bound of a listing; an empty to means the end of the collection.
func upperBound(collection, to string) []byte {
	if to == "" {
		return append([]byte(collection), 1)
	}
	return dbKey(nil, collection, to)
}

func revOf(value []byte) (docstore.Rev, error) {
	if len(value) < revBytes+5 {
		return "", errs.Newf(errs.DataLoss, "a stored document is cut short")
	}
	var text [2 * revBytes]byte
	hex.Encode(text[:], value[:revBytes])
	return docstore.Rev(text[:]), nil
}

// docOf makes a document of what is stored, copying from value. With fields, the body has only those.
func docOf(key string, value []byte, fields []string) (docstore.Doc, error) {
	rev, err := revOf(value)
	if err != nil {
		return docstore.Doc{}, err
	}
	body := bson.Raw(value[revBytes:])
	if len(fields) == 0 {
		return docstore.Doc{Key: key, Rev: rev, Body: slices.Clone(body)}, nil
	}
	body, err = project(body, fields)
	return docstore.Doc{Key: key, Rev: rev, Body: body}, err
}

// Package docstore keeps ordered documents with compare-and-set. It is the only way in
// which services keep state; drivers are pebble (embedded) and, later, mongo.
//
// Rules that every driver obeys and docstoretest checks:
//   - A document is (collection, key, revision, BSON body). Keys are valid UTF-8, 1 to 3,000 bytes, without
//     NUL, compared bytewise. A collection exists as soon as it is named.
//   - Writes are durable when they return nil, and visible to every later read (linearizable).
//   - Exactly one of several concurrent writers with the same expectation wins.
//   - After an error of code Unavailable or DeadlineExceeded the outcome is unknown: re-read;
//     one's own revision there means success. The write may also be done later, when a server that stood still goes on: that
//     a repetition is refused says nothing of the first one.
//   - Batches save round trips only: each operation has its own outcome, a crash may keep any subset.
//
// Any service may import it; adapters may not.
package docstore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Doc is one stored document. The zero Rev never occurs on a stored document.
type Doc struct {
	Key  string
	Rev  Rev
	Body bson.Raw
}

// Range selects the keys From <= key < To, in order. An empty To means to the end of the collection.
// Limit must be positive. Fields, when set, names the top-level body fields to return (a summary
// projection): a driver may return more, never fewer.
type Range struct {
	From, To string
	Limit    int
	Fields   []string
}

// OpKind says what an Op does.
type OpKind uint8

// The kinds of operations. The zero value is refused.
const (
	OpInsert OpKind = iota + 1
	OpReplace
	OpDelete
)

// Op is one write. Insert and Replace store Doc; Replace and Delete need Old to be the stored revision.
type Op struct {
	Kind       OpKind
	Collection string
	Doc        Doc // Delete needs the Key only
	Old        Rev
	// Relaxed says that the write need not be durable yet when it is acknowledged: a crash may undo it, and with it whatever was written after it, until a later
	// write that is not relaxed is acknowledged, of whichever process. It is visible at once all the same. A driver may make it durable anyway.
	Relaxed bool
}

// Store is a driver. All methods are safe for concurrent use.
type Store interface {
	// Get returns the document. NotFound when it is absent.
	Get(ctx context.Context, collection, key string) (Doc, error)
	// GetMany returns the documents in the order of keys; an absent one has an empty Rev.
	GetMany(ctx context.Context, collection string, keys []string) ([]Doc, error)
	// Insert stores a new document under a revision that the caller chose. AlreadyExists when the key is taken.
	Insert(ctx context.Context, collection string, d Doc) error
	// Replace stores d where the stored revision is old. FailedPrecondition when it is another one or the key is absent.
	Replace(ctx context.Context, collection string, d Doc, old Rev) error
	// Delete removes the document where the stored revision is old. FailedPrecondition when it is
	// another one or the key is absent.
	Delete(ctx context.Context, collection, key string, old Rev) error
	// List returns up to r.Limit documents of the range in key order. It is no snapshot, but what was stored before
	// the call and not changed during it is there exactly once.
	List(ctx context.Context, collection string, r Range) ([]Doc, error)
	// Batch does each operation by itself, in any order, and returns their outcomes in the order of ops; the second result
	// is set when nothing can be said of any of them. Operations of one batch must not touch the same key.
	Batch(ctx context.Context, ops []Op) ([]error, error)
	// Close releases the driver; further calls fail with Unavailable.
	Close() error
}

package docstoretest

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

func testInsert(t *testing.T, s docstore.Store) {
	wantAbsent(t, s, "c", "k")
	d := insert(t, s, "c", "k")
	wantDoc(t, s, "c", d)
	wantCode(t, "insert again", s.Insert(t.Context(), "c", NewDoc(t, "k", bson.D{})), errs.AlreadyExists)
	wantDoc(t, s, "c", d)
}

func testReplace(t *testing.T, s docstore.Store) {
	wantCode(t, "replace the absent", s.Replace(t.Context(), "c", NewDoc(t, "k", bson.D{}), docstore.NewRev(time.Now(), "")), errs.FailedPrecondition)
	wantAbsent(t, s, "c", "k")
	d := insert(t, s, "c", "k")
	next := docstore.Doc{Key: "k", Rev: docstore.NewRev(time.Now(), d.Rev), Body: Body(t, bson.D{{Key: "n", Value: 2}})}
	if err := s.Replace(t.Context(), "c", next, d.Rev); err != nil {
		t.Fatal(err)
	}
	wantDoc(t, s, "c", next)
	wantCode(t, "replace a stale revision", s.Replace(t.Context(), "c", NewDoc(t, "k", bson.D{}), d.Rev), errs.FailedPrecondition)
	wantDoc(t, s, "c", next)
}

func testDelete(t *testing.T, s docstore.Store) {
	wantCode(t, "delete the absent", s.Delete(t.Context(), "c", "k", docstore.NewRev(time.Now(), "")), errs.FailedPrecondition)
	d := insert(t, s, "c", "k")
	wantCode(t, "delete another revision", s.Delete(t.Context(), "c", "k", docstore.NewRev(time.Now(), "")), errs.FailedPrecondition)
	wantDoc(t, s, "c", d)
	if err := s.Delete(t.Context(), "c", "k", d.Rev); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, "c", "k")
	wantCode(t, "delete again", s.Delete(t.Context(), "c", "k", d.Rev), errs.FailedPrecondition)
	wantDoc(t, s, "c", insert(t, s, "c", "k"))
}

// testRevisions makes a key again: the revision of its former life does not fit any more.
func testRevisions(t *testing.T, s docstore.Store) {
	first := insert(t, s, "c", "k")
	if err := s.Delete(t.Context(), "c", "k", first.Rev); err != nil {
		t.Fatal(err)
	}
	second := insert(t, s, "c", "k")
	if second.Rev <= first.Rev {
		t.Errorf("got revision %s after %s, want a later one", second.Rev, first.Rev)
	}
	wantCode(t, "delete the former life", s.Delete(t.Context(), "c", "k", first.Rev), errs.FailedPrecondition)
	wantDoc(t, s, "c", second)
}

// testRefused gives what no driver accepts: it is refused before anything changes.
func testRefused(t *testing.T, s docstore.Store) {
	good := NewDoc(t, "k", bson.D{})
	bad := func(change func(d *docstore.Doc)) docstore.Doc { d := good; change(&d); return d }
	for name, d := range map[string]docstore.Doc{
		"no revision":        bad(func(d *docstore.Doc) { d.Rev = "" }),
		"malformed revision": bad(func(d *docstore.Doc) { d.Rev = "0123456789abcdefghijklmn" }),
		"no body":            bad(func(d *docstore.Doc) { d.Body = nil }),
		"body cut short":     bad(func(d *docstore.Doc) { d.Body = d.Body[:len(d.Body)-1] }),
		"empty key":          bad(func(d *docstore.Doc) { d.Key = "" }),
	} {
		wantCode(t, name, s.Insert(t.Context(), "c", d), errs.InvalidArgument)
	}
	for _, collection := range []string{"", "UPPER", "a b", "a\x00", "a.b", "$a"} {
		wantCode(t, "collection "+collection, s.Insert(t.Context(), collection, good), errs.InvalidArgument)
		_, err := s.Get(t.Context(), collection, "k")
		wantCode(t, "get in collection "+collection, err, errs.InvalidArgument)
	}
	wantCode(t, "replace without a revision", s.Replace(t.Context(), "c", good, ""), errs.InvalidArgument)
	wantCode(t, "replace by the same revision", s.Replace(t.Context(), "c", good, good.Rev), errs.InvalidArgument)
	wantCode(t, "delete without a revision", s.Delete(t.Context(), "c", "k", ""), errs.InvalidArgument)
	wantAbsent(t, s, "c", "k")
}

func testCancelled(t *testing.T, s docstore.Store) {
	d := insert(t, s, "c", "k")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, "c", "k")
	wantCode(t, "get", err, errs.Canceled)
	_, err = s.List(ctx, "c", docstore.Range{Limit: 1})
	wantCode(t, "list", err, errs.Canceled)
	wantCode(t, "insert", s.Insert(ctx, "c", NewDoc(t, "other", bson.D{})), errs.Canceled)
	wantCode(t, "delete", s.Delete(ctx, "c", "k", d.Rev), errs.Canceled)
	wantDoc(t, s, "c", d)
	wantAbsent(t, s, "c", "other")
}

func testBatch(t *testing.T, s docstore.Store) {
	a, b, c := insert(t, s, "c", "a"), insert(t, s, "c", "b"), insert(t, s, "c", "c")
	newA, newB, other, taken := NewDoc(t, "a", bson.D{{Key: "n", Value: 2}}), NewDoc(t, "b", bson.D{}), NewDoc(t, "a", bson.D{}), NewDoc(t, "c", bson.D{})
	stale := docstore.NewRev(time.Now(), "")
	ops := []docstore.Op{
		{Kind: docstore.OpReplace, Collection: "c", Doc: newA, Old: a.Rev},
		{Kind: docstore.OpReplace, Collection: "c", Doc: newB, Old: stale},
		{Kind: docstore.OpInsert, Collection: "other", Doc: other},
		{Kind: docstore.OpInsert, Collection: "c", Doc: taken},
		{Kind: docstore.OpDelete, Collection: "c", Doc: docstore.Doc{Key: "absent"}, Old: stale},
		{Collection: "c", Doc: NewDoc(t, "no-kind", bson.D{})},
		{Kind: docstore.OpInsert, Collection: "c", Doc: docstore.Doc{Key: "no-body", Rev: stale}},
	}
	want := []errs.Code{errs.Unknown, errs.FailedPrecondition, errs.Unknown, errs.AlreadyExists, errs.FailedPrecondition, errs.InvalidArgument, errs.InvalidArgument}
	got, err := s.Batch(t.Context(), ops)
	if err != nil || len(got) != len(ops) {
		t.Fatalf("got %d outcomes, %v, want %d", len(got), err, len(ops))
	}
	for i, e := range got {
		if errs.CodeOf(e) != want[i] || (e == nil) != (want[i] == errs.Unknown) {
			t.Errorf("outcome %d: got %v, want code %v", i, e, want[i])
		}
	}
	wantDoc(t, s, "c", newA)
	wantDoc(t, s, "c", b)
	wantDoc(t, s, "c", c)
	wantDoc(t, s, "other", other)
	wantAbsent(t, s, "c", "no-kind")
	if got, err := s.Batch(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("empty batch: got %v, %v", got, err)
	}
	_, err = s.Batch(t.Context(), []docstore.Op{
		{Kind: docstore.OpDelete, Collection: "c", Doc: docstore.Doc{Key: "c"}, Old: c.Rev},
		{Kind: docstore.OpInsert, Collection: "c", Doc: NewDoc(t, "c", bson.D{})},
	})
	wantCode(t, "a key twice", err, errs.InvalidArgument)
	wantDoc(t, s, "c", c)
}

func testClose(t *testing.T, s docstore.Store) {
	d := insert(t, s, "c", "k")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Get(t.Context(), "c", "k")
	wantCode(t, "Get", err, errs.Unavailable)
	_, err = s.GetMany(t.Context(), "c", []string{"k"})
	wantCode(t, "GetMany", err, errs.Unavailable)
	_, err = s.List(t.Context(), "c", docstore.Range{Limit: 1})
	wantCode(t, "List", err, errs.Unavailable)
	wantCode(t, "Insert", s.Insert(t.Context(), "c", NewDoc(t, "x", bson.D{})), errs.Unavailable)
	wantCode(t, "Replace", s.Replace(t.Context(), "c", NewDoc(t, "k", bson.D{}), d.Rev), errs.Unavailable)
	wantCode(t, "Delete", s.Delete(t.Context(), "c", "k", d.Rev), errs.Unavailable)
	_, err = s.Batch(t.Context(), []docstore.Op{{Kind: docstore.OpInsert, Collection: "c", Doc: NewDoc(t, "x", bson.D{})}})
	wantCode(t, "Batch", err, errs.Unavailable)
	if err := s.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

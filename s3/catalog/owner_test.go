package catalog

import "testing"

// Who owns an object is shown by listings too, and who began an upload by the upload.
func TestOwnersAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.bucket("b")
	wr, o := w.begin(b, "k", "content")
	o.Owner, o.ACL = "ann", []byte{1}
	if _, err := w.Commit(t.Context(), wr, o, nil, Condition{}); err != nil {
		t.Fatal(err)
	}
	page, err := w.List(t.Context(), Listing{Bucket: b, Limit: 10})
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Owner != "ann" {
		t.Errorf("listed %+v, %v", page.Objects, err)
	}
	if got, err := w.Get(t.Context(), b, "k", ""); err != nil || got.Owner != "ann" || string(got.ACL) != "\x01" {
		t.Errorf("read %+v, %v", got, err)
	}
	u, err := w.CreateUpload(t.Context(), Upload{Bucket: b, Key: "k", Initiator: "bob", Attributes: Attributes{Owner: "ann"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Upload(t.Context(), b, "k", u.ID); err != nil || got.Initiator != "bob" || got.Owner != "ann" {
		t.Errorf("upload %+v, %v", got, err)
	}
}

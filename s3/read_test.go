package s3

import (
	"bytes"
	"io"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

// head is the current head of a key.
func (g *gateway) head(bucket, key string) (catalog.Bucket, catalog.Object) {
	g.t.Helper()
	b, err := g.catalog.Bucket(g.t.Context(), bucket)
	if err != nil {
		g.t.Fatal(err)
	}
	o, err := g.catalog.Get(g.t.Context(), b, key, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return b, o
}

func (g *gateway) store(backend string) adapters.Store {
	g.t.Helper()
	s, err := g.pool.Store(g.t.Context(), "id-"+backend)
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// relocate moves an object to a backend as a mover does, and removes the old blob at once.
func (g *gateway) relocate(bucket, key, from, to string) {
	g.t.Helper()
	ctx := g.t.Context()
	b, o := g.head(bucket, key)
	grant := g.catalog.BeginMany(ctx, []catalog.Intent{{Bucket: b, Key: key, BackendID: "id-" + to, Size: o.BlobSize()}})[0]
	if grant.Err != nil {
		g.t.Fatal(grant.Err)
	}
	body, _, err := g.store(from).Get(ctx, o.Location.NativeKey, adapters.Range{}, "")
	if err != nil {
		g.t.Fatal(err)
	}
	defer body.Close()
	info, err := g.store(to).Put(ctx, grant.Location.NativeKey, body, o.BlobSize(), adapters.PutOptions{})
	if err != nil {
		g.t.Fatal(err)
	}
	grant.Location.NativeETag = info.ETag
	done := g.catalog.CommitMany(ctx, []catalog.CommitItem{{WriteID: grant.WriteID, Location: grant.Location, Relocate: &catalog.Relocate{From: o.Location, CRC64: *o.CRC64}}})[0]
	if done.Err != nil {
		g.t.Fatal(done.Err)
	}
	if err := g.store(from).Delete(ctx, o.Location.NativeKey, ""); err != nil {
		g.t.Fatal(err)
	}
}

// A read goes on at the same byte when its blob moves away under it, also twice, and when the connection to the store breaks.
func TestReadFollowsTheVersion(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, want := g.bucket("moving", "a"), data(6, 3<<20)
	put(t, g.root(), bucket, "k", want)
	b, o := g.head(bucket, "k")
	r, err := g.service.open(t.Context(), b, o, 10, o.Size-10)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, len(want)-10)
	read := func(from, to int) {
		t.Helper()
		if _, err := io.ReadFull(r, got[from:to]); err != nil {
			t.Fatal(err)
		}
	}
	read(0, 1<<20)
	g.relocate(bucket, "k", "a", "b")
	r.body.Close() // the store lets the connection go
	read(1<<20, 2<<20)
	r.body.Close() // without a move
	read(2<<20, 2<<20+5)
	g.relocate(bucket, "k", "b", "a")
	r.body.Close()
	read(2<<20+5, len(got))
	if !bytes.Equal(got, want[10:]) {
		t.Error("got other bytes")
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// A head read before a move names a blob that is gone: the GET starts again.
func TestGetAfterAMove(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.bucket("moved", "a")
	put(t, g.root(), bucket, "k", []byte("bytes"))
	b, o := g.head(bucket, "k")
	g.relocate(bucket, "k", "a", "b")
	if _, err := g.service.open(t.Context(), b, o, 0, o.Size); !errs.Is(err, errs.NotFound) {
		t.Fatalf("the old head: %v, want NotFound", err)
	}
	got, head := get(t, g.root(), bucket, "k")
	if string(got) != "bytes" || *head.ETag != quoted(o.ETag) || !head.LastModified.Equal(o.Modified.Truncate(1e9)) {
		t.Errorf("got %q, %+v", got, head)
	}
	if a := g.send(call{method: "GET", path: "/moved/k"}); a.header.Get("X-Gelato-Backend") != "b" {
		t.Errorf("X-Gelato-Backend: %q, want b", a.header.Get("X-Gelato-Backend"))
	}
	// A copy whose source moved since its head was read finds it too.
	src, err := g.service.openSource(t.Context(), copySource{bucket: b, object: o}, byteRange{0, o.Size}, wants{md5: true})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if text, err := io.ReadAll(src); err != nil || string(text) != "bytes" {
		t.Errorf("source of a copy: %q, %v", text, err)
	}
}

// A read never goes on with another version, and says so when bytes are lost.
func TestReadNeverMixesVersions(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.bucket("mixing", "a")
	for name, k := range map[string]struct {
		spoil func(catalog.Object)
		want  errs.Code
	}{
		"replaced": {func(catalog.Object) { put(t, g.root(), bucket, "replaced", data(2, 1<<20)) }, errs.Unknown},
		"deleted":  {func(catalog.Object) { g.send(call{method: "DELETE", path: "/mixing/deleted"}) }, errs.Unknown},
		"lost":     {func(o catalog.Object) {}, errs.DataLoss},
	} {
		put(t, g.root(), bucket, name, data(1, 1<<20))
		b, o := g.head(bucket, name)
		r, err := g.service.open(t.Context(), b, o, 0, o.Size)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		k.spoil(o)
		if err := g.store("a").Delete(t.Context(), o.Location.NativeKey, ""); err != nil {
			t.Fatal(err)
		}
		r.body.Close()
		_, err = io.ReadAll(r)
		if err == nil || k.want != errs.Unknown && !errs.Is(err, k.want) {
			t.Errorf("%s: got %v, want a failure", name, err)
		}
	}
	// The client of a GET that cannot go on sees it: InternalError before the first byte.
	if a := g.send(call{method: "GET", path: "/mixing/lost"}); a.String() != "500 InternalError" {
		t.Errorf("lost: got %v, want 500 InternalError", a)
	}
}

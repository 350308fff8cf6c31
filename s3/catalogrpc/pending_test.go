package catalogrpc_test

import (
	"testing"

	"github.com/opensds/gelato/proto/catalogpb"
)

func TestPendingWritesAreThoseThatMayStillAppearElsewhere(t *testing.T) {
	t.Parallel()
	client, c := serve(t, memory(t))
	bucket(t, c, "b")
	bucket(t, c, "other")
	pending := func(backend string, want int64) {
		t.Helper()
		r, err := client.PendingWrites(t.Context(), &catalogpb.PendingWritesRequest{Bucket: "b", BackendId: backend})
		if err != nil || r.Count != want {
			t.Errorf("beside %s: %v, %v; want %d", backend, r, err, want)
		}
	}
	put(t, client, "b", 5)
	put(t, client, "b", 5) // replaced, but in the chain of their heads
	pending("z", 0)
	r, err := client.Begin(t.Context(), &catalogpb.BeginRequest{Intents: []*catalogpb.Intent{
		{Bucket: "b", Key: "k0000", Size: 4}, {Bucket: "b", Key: "new", Size: 4}, {Bucket: "b", Key: "moved", BackendId: "z", Size: 4}, {Bucket: "other", Key: "x", Size: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	pending("z", 2)
	pending("a", 1)
	put(t, client, "b", 1) // overtakes a write, which may be committed all the same
	pending("z", 2)
	if _, err := client.Abandon(t.Context(), &catalogpb.AbandonRequest{WriteIds: []string{r.Grants[0].WriteId}}); err != nil {
		t.Fatal(err)
	}
	pending("z", 1)
	commit := func(g *catalogpb.Grant) {
		t.Helper()
		crc := uint64(7)
		done, err := client.Commit(t.Context(), &catalogpb.CommitRequest{Items: []*catalogpb.CommitRequest_Item{{WriteId: g.WriteId, Location: g.Location,
			Change: &catalogpb.CommitRequest_Item_Put{Put: &catalogpb.CommitRequest_Put{Object: &catalogpb.Object{Size: 4, Etag: "e", Crc64: &crc}}}}}})
		if err != nil || done.Results[0].Failure.GetCode() != "" {
			t.Fatal(done, err)
		}
	}
	commit(r.Grants[1])
	pending("z", 0)
	if r, err = client.Begin(t.Context(), &catalogpb.BeginRequest{Intents: []*catalogpb.Intent{{Bucket: "b", Key: "k0000", Size: 4}}}); err != nil {
		t.Fatal(err)
	}
	put(t, client, "b", 1)
	pending("z", 1)
	commit(r.Grants[0]) // though it was overtaken
	pending("z", 0)
}

package catalogrpc_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/catalogrpc"
)

// nowhere opens stores that nothing is ever asked of: these tests move no bytes.
type nowhere struct{ adapters.Store }

func (nowhere) Capabilities() adapters.Capabilities { return adapters.Capabilities{MaxKeyBytes: 1024} }

type stores struct{}

func (stores) Store(_ context.Context, id string) (adapters.Store, error) {
	if id == "none" {
		return nil, errs.Newf(errs.NotFound, "there is no such backend")
	}
	return nowhere{}, nil
}

// serve runs a catalog over pebble behind gRPC.
func serve(tb testing.TB, docs docstore.Store) (catalogpb.CatalogClient, *catalog.Catalog) {
	tb.Helper()
	c, err := catalog.New(docs, stores{}, blob.TagOf("test"), catalog.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	g := rpc.NewServer(rpc.ServerOptions{})
	catalogrpc.New(c, catalogrpc.Options{}).Register(g)
	listener, conn := rpc.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(listener) }()
	tb.Cleanup(func() {
		_ = conn.Close()
		rpc.Stop(g, time.Second)
		<-done
	})
	return catalogpb.NewCatalogClient(grpc.ClientConnInterface(conn)), c
}

func memory(tb testing.TB) docstore.Store {
	tb.Helper()
	docs, err := pebble.Open("state", pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = docs.Close() })
	return docs
}

func bucket(tb testing.TB, c *catalog.Catalog, name string) {
	tb.Helper()
	if _, err := c.CreateBucket(tb.Context(), catalog.Bucket{Name: name, Owner: "u", BackendID: "a"}, nil); err != nil {
		tb.Fatal(err)
	}
}

// put writes n objects through the service and returns the grants.
func put(tb testing.TB, client catalogpb.CatalogClient, name string, n int) {
	tb.Helper()
	ctx := tb.Context()
	begin := &catalogpb.BeginRequest{}
	for i := range n {
		begin.Intents = append(begin.Intents, &catalogpb.Intent{Bucket: name, Key: fmt.Sprintf("k%04d", i), Size: 4})
	}
	grants, err := client.Begin(ctx, begin)
	if err != nil {
		tb.Fatal(err)
	}
	commit := &catalogpb.CommitRequest{}
	for _, g := range grants.GetGrants() {
		if g.GetFailure() != nil {
			tb.Fatal(g.GetFailure())
		}
		crc := uint64(7)
		commit.Items = append(commit.Items, &catalogpb.CommitRequest_Item{WriteId: g.GetWriteId(), Location: g.GetLocation(),
			Change: &catalogpb.CommitRequest_Item_Put{Put: &catalogpb.CommitRequest_Put{Object: &catalogpb.Object{Size: 4, Etag: "e", Crc64: &crc, Metadata: map[string]string{"m": "v"}, Tags: map[string]string{"t": "w"}}}}})
	}
	results, err := client.Commit(ctx, commit)
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range results.GetResults() {
		if r.GetFailure() != nil || r.GetRev() == "" {
			tb.Fatal(r)
		}
	}
}

// relocate moves all listed objects to a backend and returns how many.
func relocate(tb testing.TB, client catalogpb.CatalogClient, name, to string) int {
	tb.Helper()
	ctx := tb.Context()
	page, err := client.List(ctx, &catalogpb.ListRequest{Bucket: name, Limit: 1000})
	if err != nil {
		tb.Fatal(err)
	}
	begin := &catalogpb.BeginRequest{}
	for _, o := range page.GetObjects() {
		begin.Intents = append(begin.Intents, &catalogpb.Intent{Bucket: name, Key: o.GetKey(), BackendId: to, Size: o.GetSize()})
	}
	grants, err := client.Begin(ctx, begin)
	if err != nil {
		tb.Fatal(err)
	}
	commit := &catalogpb.CommitRequest{}
	for i, g := range grants.GetGrants() {
		from := page.GetObjects()[i]
		commit.Items = append(commit.Items, &catalogpb.CommitRequest_Item{WriteId: g.GetWriteId(), Location: g.GetLocation(),
			Change: &catalogpb.CommitRequest_Item_Relocate{Relocate: &catalogpb.CommitRequest_Relocate{FromBackendId: from.GetLocation().GetBackendId(),
				FromNativeKey: from.GetLocation().GetNativeKey(), Crc64: from.GetCrc64()}}})
	}
	results, err := client.Commit(ctx, commit)
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range results.GetResults() {
		if r.GetFailure() != nil {
			tb.Fatal(r.GetFailure())
		}
	}
	return len(results.GetResults())
}

func TestRelocateAcrossTheWire(t *testing.T) {
	t.Parallel()
	client, c := serve(t, memory(t))
	bucket(t, c, "b")
	put(t, client, "b", 1000)
	if n := relocate(t, client, "b", "z"); n != 1000 {
		t.Errorf("%d objects moved, want 1000", n)
	}
	got, err := client.Get(t.Context(), &catalogpb.GetRequest{Bucket: "b", Keys: []string{"k0003", "none"}, Parts: true})
	if err != nil {
		t.Fatal(err)
	}
	o := got.GetItems()[0].GetObject()
	if o.GetLocation().GetBackendId() != "z" || o.GetMetadata()["m"] != "v" || o.GetTags()["t"] != "w" || o.GetCrc64() != 7 {
		t.Errorf("got %v", o)
	}
	if f := got.GetItems()[1].GetFailure(); f.GetCode() != "not_found" || f.GetReason() != "NoSuchKey" || f.GetMessage() == "" {
		t.Errorf("absent key: %v", f)
	}
	page, err := client.List(t.Context(), &catalogpb.ListRequest{Bucket: "b", Prefix: "k00", Limit: 10, After: "k0004"})
	if err != nil || !page.GetMore() || page.GetNextAfter() != "k0014" || len(page.GetObjects()) != 10 {
		t.Errorf("page %v, %v", page, err)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	client, c := serve(t, memory(t))
	bucket(t, c, "b")
	put(t, client, "b", 3)
	ctx := t.Context()
	page, err := client.List(ctx, &catalogpb.ListRequest{Bucket: "b", Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := client.Delete(ctx, &catalogpb.DeleteRequest{Bucket: "b", Items: []*catalogpb.DeleteRequest_Item{
		{Key: "k0000", IfRev: page.GetObjects()[0].GetRev()}, {Key: "k0001", IfRev: "x"}, {Key: "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "failed_precondition", ""} {
		if got := deleted.GetFailures()[i].GetCode(); got != want {
			t.Errorf("delete %d: %q, want %q", i, got, want)
		}
	}
	grants, err := client.Begin(ctx, &catalogpb.BeginRequest{Intents: []*catalogpb.Intent{
		{Bucket: "none", Key: "k"}, {Bucket: "b", Key: "k", BackendId: "none"}, {Bucket: "b", Key: "k0002"}, {Bucket: "b", Key: "k0002"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"NoSuchBucket", "", "", ""} {
		if got := grants.GetGrants()[i].GetFailure().GetReason(); got != want {
			t.Errorf("grant %d: %q, want %q", i, got, want)
		}
	}
	ids := []string{grants.GetGrants()[2].GetWriteId(), "nonsense"}
	renewed, err := client.Renew(ctx, &catalogpb.RenewRequest{WriteIds: ids})
	if err != nil || renewed.GetFailures()[0].GetCode() != "" || renewed.GetFailures()[1].GetCode() != "invalid_argument" || renewed.GetTtlMillis() == 0 {
		t.Errorf("renew: %v, %v", renewed, err)
	}
	if _, err := client.Abandon(ctx, &catalogpb.AbandonRequest{WriteIds: ids}); err != nil {
		t.Error(err)
	}
	committed, err := client.Commit(ctx, &catalogpb.CommitRequest{Items: []*catalogpb.CommitRequest_Item{
		{WriteId: ids[0], Location: grants.GetGrants()[2].GetLocation(), Change: &catalogpb.CommitRequest_Item_Put{Put: &catalogpb.CommitRequest_Put{Object: &catalogpb.Object{}}}}}})
	if err != nil || committed.GetResults()[0].GetFailure().GetReason() != "WriteExpired" {
		t.Errorf("commit of an abandoned write: %v, %v", committed, err)
	}
	_, err = client.List(ctx, &catalogpb.ListRequest{Bucket: "none", Limit: 3})
	if errs.CodeOf(err) != errs.NotFound || errs.ReasonOf(err) != "NoSuchBucket" {
		t.Errorf("list of no bucket: %v", err)
	}
	_, err = client.Begin(ctx, &catalogpb.BeginRequest{Intents: make([]*catalogpb.Intent, 1001)})
	if !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("1,001 intents: %v", err)
	}
	adopted, err := client.Adopt(ctx, &catalogpb.AdoptRequest{Bucket: "b", BackendId: "a", Natives: []*catalogpb.AdoptRequest_Native{
		{NativeKey: "n", Key: "n", Size: 9, NativeEtag: "e"}, {NativeKey: "m", Key: "k0001"}, {NativeKey: "n", Key: "n2"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "Exists", "Claimed"} {
		if got := adopted.GetFailures()[i].GetReason(); got != want {
			t.Errorf("adopt %d: %q, want %q", i, got, want)
		}
	}
	in, err := client.BackendInUse(ctx, &catalogpb.BackendInUseRequest{BackendId: "a"})
	if err != nil || !in.GetInUse() || in.GetWhy() != "it is the placement of bucket b" {
		t.Errorf("in use: %v, %v", in, err)
	}
	list, err := client.ListBuckets(ctx, &catalogpb.ListBucketsRequest{Limit: 10})
	if err != nil || len(list.GetBuckets()) != 1 || list.GetBuckets()[0].GetOwner() != "u" {
		t.Errorf("buckets: %v, %v", list, err)
	}
}

// TestJobsDoNotWritePlainBytesIntoBucketsThatEncrypt asks for grants in a bucket with an encryption configuration.
func TestJobsDoNotWritePlainBytesIntoBucketsThatEncrypt(t *testing.T) {
	t.Parallel()
	client, c := serve(t, memory(t))
	bucket(t, c, "plain")
	if _, err := c.CreateBucket(t.Context(), catalog.Bucket{Name: "sealed", Owner: "u", BackendID: "a"}, map[string][]byte{catalog.EncryptionSetting: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	grants, err := client.Begin(t.Context(), &catalogpb.BeginRequest{Intents: []*catalogpb.Intent{
		{Bucket: "plain", Key: "k"}, {Bucket: "sealed", Key: "k"}, {Bucket: "sealed", Key: "k", Encrypted: true}, {Bucket: "sealed", Key: "k", BackendId: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "BucketEncrypts", "", ""} {
		if got := grants.GetGrants()[i].GetFailure().GetReason(); got != want {
			t.Errorf("grant %d: %q, want %q", i, got, want)
		}
	}
}

// BenchmarkRelocate moves the pointers of 1,000 objects to and fro, begin and commit through gRPC, on a disk with sync.
func BenchmarkRelocate(b *testing.B) {
	docs, err := pebble.Open(b.TempDir(), pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer docs.Close()
	client, c := serve(b, docs)
	bucket(b, c, "b")
	put(b, client, "b", 1000)
	n := 0
	for b.Loop() {
		n += relocate(b, client, "b", []string{"a", "z"}[n/1000%2])
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "commits/s")
}

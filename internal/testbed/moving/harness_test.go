package moving

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/backend"
	"github.com/opensds/gelato/dataflow"
	"github.com/opensds/gelato/datamover"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/embedded"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/catalogrpc"
	"github.com/opensds/gelato/scheduler"
)

// rig is a whole Gelato without its edges: S3 objects are written through the catalog, plans through dataflow.
type rig struct {
	t       *testing.T
	docs    docstore.Store
	queue   queue.Queue
	pool    *pool.Pool
	catalog *catalog.Catalog
	heads   catalogpb.CatalogClient

	headsConn *grpc.ClientConn // that heads goes over
	tag       blob.Tag
	backends  backendpb.BackendsClient
	flow      dataflowpb.DataflowClient
	flowConn  *swapConn // that flow goes over
	faults    *faults
	log       *slog.Logger
	stops     []func()
	uploads   time.Duration // scheduler.Options.Uploads
}

type options struct {
	leaseTTL  time.Duration
	movers    int // 0: one
	mover     datamover.Options
	noMover   bool
	limited   map[string]*adaptertest.Limited // stores of limits, which r.limit registers by these names
	noLeader  bool
	openTasks int
	grace     time.Duration
	writeTTL  time.Duration
	docs      func(docstore.Store) docstore.Store // wraps what the services see of their state
	queue     func(queue.Queue) queue.Queue       // and of the queue
}

func newRig(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{t: t, faults: &faults{}, log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
	docs, err := pebble.OpenMemory()
	r.check(err)
	t.Cleanup(func() { docs.Close() })
	r.docs, r.queue = docs, embedded.New(embedded.Options{})
	t.Cleanup(func() { r.queue.Close() })
	if o.docs != nil {
		r.docs, r.queue = o.docs(r.docs), o.queue(r.queue)
	}
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	r.check(err)
	id, err := cluster.ID(t.Context(), docs)
	r.check(err)
	types := adapters.Registry{posix.Type: r.faults.descriptor(posix.Descriptor())}
	for name, l := range o.limited {
		l.Store, err = posix.Open(t.Context(), adapters.Config{Type: posix.Type, BucketName: t.TempDir(), Options: map[string]string{"sync": "false"}}, adapters.Deps{})
		r.check(err)
		types[adapters.Type("limited-"+name)] = adapters.Descriptor{Fields: []adapters.Field{{Name: "bucketName"}}, Capabilities: l.Can,
			Open: func(context.Context, adapters.Config, adapters.Deps) (adapters.Store, error) { return lasting{l}, nil }}
		t.Cleanup(func() { l.Store.Close() })
	}

	l, conn := rpc.Pipe()
	r.headsConn, r.tag = conn, blob.TagOf(id)
	r.heads, r.backends = catalogpb.NewCatalogClient(conn), backendpb.NewBackendsClient(conn)
	r.pool = pool.New(r.backends, box, types, pool.Options{})
	if o.grace == 0 {
		o.grace = time.Hour
	}
	r.catalog, err = catalog.New(r.docs, r.pool, blob.TagOf(id), catalog.Options{Log: r.log, GarbageGrace: o.grace, TTL: o.writeTTL})
	r.check(err)
	places, err := backend.New(t.Context(), r.docs, box, types, backend.Peers{Catalog: r.heads}, backend.Options{Logger: r.log})
	r.check(err)
	r.serve(l, conn, func(g grpc.ServiceRegistrar) {
		places.Register(g)
		catalogrpc.New(r.catalog, catalogrpc.Options{Log: r.log}).Register(g)
	})
	t.Cleanup(func() { r.pool.Close() })
	r.flowConn = newSwapConn(nil)
	r.flow = dataflowpb.NewDataflowClient(r.flowConn)
	r.restartDataflow(o)
	r.start(r.catalog.Run)
	if !o.noLeader {
		r.lead()
	}
	for n := 0; !o.noMover && n < max(1, o.movers); n++ {
		r.mover(o.mover, r.flow)
	}
	return r
}

// serve serves on l until the test ends.
func (r *rig) serve(l net.Listener, conn *grpc.ClientConn, register func(grpc.ServiceRegistrar)) {
	g := rpc.NewServer(rpc.ServerOptions{Logger: r.log})
	register(g)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	r.t.Cleanup(func() {
		conn.Close()
		rpc.Stop(g, time.Second)
		if err := <-done; err != nil && err != grpc.ErrServerStopped {
			r.t.Error(err)
		}
	})
}

// restartDataflow has a new dataflow process take over from whatever was there.
func (r *rig) restartDataflow(o options) {
	r.t.Helper()
	flow, err := dataflow.New(r.docs, r.heads, r.backends, dataflow.Options{Logger: r.log, LeaseTTL: o.leaseTTL, MaxOpenTasks: o.openTasks})
	r.check(err)
	l, conn := rpc.Pipe()
	r.serve(l, conn, flow.Register)
	r.flowConn.swap(conn)
	r.start(flow.Run)
}

// start runs a part until the test ends, or stop is called, and waits for it.
func (r *rig) start(run func(context.Context) error) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("a part ended with %v", err)
		}
	})
	r.t.Cleanup(stop)
	r.stops = append(r.stops, stop)
	return stop
}

// finish stops every part and waits for all that they do.
func (r *rig) finish() {
	for i := len(r.stops) - 1; i >= 0; i-- {
		r.stops[i]()
	}
}

func (r *rig) lead() (stop func()) {
	s, err := scheduler.New(scheduler.Deps{Docs: r.docs, Queue: r.queue, Dataflow: r.flow, Catalog: r.heads, Backends: r.backends, Stores: r.pool},
		scheduler.Options{Logger: r.log, Poll: 20 * time.Millisecond, LeaseTTL: 2 * time.Second, Uploads: r.uploads})
	r.check(err)
	return r.start(s.Run)
}

func (r *rig) mover(o datamover.Options, flow dataflowpb.DataflowClient) (stop func()) {
	o.Logger = r.log
	m, err := datamover.New(datamover.Deps{Queue: r.queue, Dataflow: flow, Catalog: r.heads, Backends: r.backends, Stores: r.pool}, o)
	r.check(err)
	return r.start(m.Run)
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// backend registers a directory.
func (r *rig) backend(name string) *backendpb.Backend {
	r.t.Helper()
	b, err := r.backends.Create(r.t.Context(), &backendpb.CreateRequest{SkipProbe: true, Backend: &backendpb.Backend{Name: name, Type: string(posix.Type),
		BucketName: r.t.TempDir(), Options: map[string]string{"sync": "false"}}})
	r.check(err)
	return b
}

// lasting is a store that several openers share.
type lasting struct{ adapters.Store }

func (lasting) Close() error { return nil }

// limit registers a store of options.limited.
func (r *rig) limit(name string) *backendpb.Backend {
	r.t.Helper()
	b, err := r.backends.Create(r.t.Context(), &backendpb.CreateRequest{SkipProbe: true, Backend: &backendpb.Backend{Name: name, Type: "limited-" + name, BucketName: name}})
	r.check(err)
	return b
}

func (r *rig) mustBackend(name string) *backendpb.Backend {
	r.t.Helper()
	b, err := r.backends.Get(r.t.Context(), &backendpb.GetRequest{IdOrName: name})
	r.check(err)
	return b
}

func deleteOf(bucket, key string) *catalogpb.DeleteRequest {
	return &catalogpb.DeleteRequest{Bucket: bucket, Items: []*catalogpb.DeleteRequest_Item{{Key: key}}}
}

func (r *rig) store(b *backendpb.Backend) adapters.Store {
	r.t.Helper()
	s, err := r.pool.Store(r.t.Context(), b.Id)
	r.check(err)
	return s
}

func (r *rig) bucket(name string, b *backendpb.Backend) catalog.Bucket {
	r.t.Helper()
	made, err := r.catalog.CreateBucket(r.t.Context(), catalog.Bucket{Name: name, Owner: "root", BackendID: b.Id}, nil)
	r.check(err)
	return made
}

// put writes an object as the S3 front end does.
func (r *rig) put(b catalog.Bucket, key string, data []byte) catalog.Object {
	r.t.Helper()
	o, err := r.tryPut(r.t.Context(), b, key, data)
	r.check(err)
	return o
}

func (r *rig) tryPut(ctx context.Context, b catalog.Bucket, key string, data []byte) (catalog.Object, error) {
	commit, err := r.upload(ctx, b, key, data)
	if err != nil {
		return catalog.Object{}, err
	}
	return commit()
}

// beginPut does all of a put but its commit, which it returns.
func (r *rig) beginPut(b catalog.Bucket, key string, data []byte) (commit func()) {
	r.t.Helper()
	end, err := r.upload(r.t.Context(), b, key, data)
	r.check(err)
	return func() {
		r.t.Helper()
		_, err := end()
		r.check(err)
	}
}

func (r *rig) upload(ctx context.Context, b catalog.Bucket, key string, data []byte) (commit func() (catalog.Object, error), err error) {
	b, err = r.catalog.Bucket(ctx, b.Name)
	if err != nil {
		return nil, err
	}
	w, err := r.catalog.Begin(ctx, b, key, "", int64(len(data)))
	if err != nil {
		return nil, err
	}
	store, err := r.pool.Store(ctx, w.Location.BackendID)
	if err != nil {
		return nil, err
	}
	crc := sum64(data)
	user := map[string]string{"colour": "blue", "unicode": "é"}
	headers := adapters.ContentHeaders{ContentType: "text/plain", CacheControl: "no-cache"}
	info, err := store.Put(ctx, w.Location.NativeKey, bytes.NewReader(data), int64(len(data)), adapters.PutOptions{CRC64: &crc, Headers: headers,
		Metadata: blob.Describe(user, b.Name, key, "null", w.Location.NativeKey)})
	if err != nil {
		return nil, err
	}
	loc := w.Location
	loc.NativeETag = info.ETag
	digest := md5.Sum(data)
	o := catalog.Object{Key: key, Location: loc, Size: int64(len(data)), ETag: hex.EncodeToString(digest[:]), CRC64: &crc,
		Checksums: map[string][]byte{"CRC64NVME": checksum.Bytes64(crc)}, ChecksumType: "FULL_OBJECT", Headers: headers, Metadata: user, Attributes: catalog.Attributes{Tags: map[string]string{"team": "a"}}}
	return func() (catalog.Object, error) { return r.catalog.Commit(ctx, w, o, nil, catalog.Condition{}) }, nil
}

func sum64(data []byte) uint64 {
	h := crc64nvme.New()
	h.Write(data)
	return h.Sum64()
}

// raw writes a native object.
func (r *rig) raw(b *backendpb.Backend, key string, data []byte) {
	r.t.Helper()
	_, err := r.store(b).Put(r.t.Context(), key, bytes.NewReader(data), int64(len(data)), adapters.PutOptions{
		Headers: adapters.ContentHeaders{ContentType: "image/png"}, Metadata: map[string]string{"who": "native"}})
	r.check(err)
}

// object reads an object of a bucket whole and checks its checksum. It is nil when there is none.
func (r *rig) object(b catalog.Bucket, key string) ([]byte, catalog.Object) {
	r.t.Helper()
	o, err := r.catalog.Get(r.t.Context(), b, key, "")
	if errs.Is(err, errs.NotFound) {
		return nil, o
	}
	r.check(err)
	store, err := r.pool.Store(r.t.Context(), o.Location.BackendID)
	r.check(err)
	body, info, err := store.Get(r.t.Context(), o.Location.NativeKey, adapters.Range{}, o.Location.NativeETag)
	r.check(err)
	defer body.Close()
	data, err := io.ReadAll(body)
	r.check(err)
	if o.CRC64 == nil || sum64(data) != *o.CRC64 || int64(len(data)) != o.Size {
		r.t.Errorf("%s: the bytes are not what the head says", key)
	}
	if o.Location.BlobID != "" && info.Metadata[blob.Metadata] == "" {
		r.t.Errorf("%s: the blob does not say what it is", key)
	}
	return data, o
}

// objectUnchecked is object for adopted objects, whose checksum nobody knows yet.
func (r *rig) objectUnchecked(b catalog.Bucket, key string) ([]byte, catalog.Object) {
	r.t.Helper()
	o, err := r.catalog.Get(r.t.Context(), b, key, "")
	r.check(err)
	for _, name := range []string{"old", "a"} {
		if p, err := r.backends.Get(r.t.Context(), &backendpb.GetRequest{IdOrName: name}); err == nil && p.Id == o.Location.BackendID {
			d, _ := r.native(p, o.Location.NativeKey)
			return d, o
		}
	}
	return nil, o
}

// native reads a native object; nil when there is none.
func (r *rig) native(b *backendpb.Backend, key string) ([]byte, adapters.Info) {
	r.t.Helper()
	body, info, err := r.store(b).Get(r.t.Context(), key, adapters.Range{}, "")
	if errs.Is(err, errs.NotFound) {
		return nil, info
	}
	r.check(err)
	defer body.Close()
	data, err := io.ReadAll(body)
	r.check(err)
	return data, info
}

// natives lists the native keys of a backend that are Gelato's blobs, or those that are not.
func (r *rig) natives(b *backendpb.Backend, ours bool) (keys []string) {
	r.t.Helper()
	for after := ""; ; {
		p, err := r.store(b).List(r.t.Context(), "", after, 1000)
		r.check(err)
		for _, o := range p.Objects {
			after = o.Key
			if blob.IsOurs(o.Key) == ours && o.Key != blob.Marker {
				keys = append(keys, o.Key)
			}
		}
		if !p.More {
			return keys
		}
	}
}

func bucketEnd(name, prefix string) *dataflowpb.Endpoint {
	return &dataflowpb.Endpoint{Bucket: name, Prefix: prefix}
}

func backendEnd(name, prefix string) *dataflowpb.Endpoint {
	return &dataflowpb.Endpoint{Backend: name, Prefix: prefix}
}

func relocate(bucket, to string) *dataflowpb.Plan {
	return &dataflowpb.Plan{Name: "relocate " + bucket + " to " + to, Mode: "relocate", Source: bucketEnd(bucket, ""), Destination: backendEnd(to, "")}
}

// launch makes a plan and runs it.
func (r *rig) launch(p *dataflowpb.Plan) *dataflowpb.Job {
	r.t.Helper()
	if p.Source != nil { // else it is there
		_, err := r.flow.CreatePlan(r.t.Context(), p)
		r.check(err)
	}
	j, err := r.flow.RunPlan(r.t.Context(), &dataflowpb.RunPlanRequest{IdOrName: p.Name})
	r.check(err)
	return j
}

// run makes a plan, runs it and waits.
func (r *rig) run(p *dataflowpb.Plan) *dataflowpb.Job {
	r.t.Helper()
	return r.wait(r.launch(p).Id)
}

// wait polls a job until it is over; it is the interface that users have.
func (r *rig) wait(id string) *dataflowpb.Job {
	r.t.Helper()
	return r.until(id, func(j *dataflowpb.Job) bool { return j.Status != "running" && j.Status != "pending" })
}

func (r *rig) until(id string, reached func(*dataflowpb.Job) bool) *dataflowpb.Job {
	r.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; {
		j, err := r.flow.GetJob(r.t.Context(), &dataflowpb.ByName{IdOrName: id})
		r.check(err)
		if reached(j) {
			return j
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the job stays %v", j)
		}
		time.Sleep(5 * time.Millisecond) // the poll of a client
	}
}

// report reads the report of a job: by key, and the version id behind it where there is one.
func (r *rig) report(id string) map[string]*dataflowpb.Outcome {
	r.t.Helper()
	stream, err := r.flow.Report(r.t.Context(), &dataflowpb.ReportRequest{JobId: id})
	r.check(err)
	all := make(map[string]*dataflowpb.Outcome)
	for {
		o, err := stream.Recv()
		if err == io.EOF {
			return all
		}
		r.check(err)
		name := o.Key
		if o.VersionId != "" && o.VersionId != catalog.NullVersion {
			name += " " + o.VersionId
		}
		if all[name] != nil {
			r.t.Errorf("the report names %q twice: %v, %v", name, all[name], o)
		}
		all[name] = o
	}
}

// want checks how a job ended.
func (r *rig) want(j *dataflowpb.Job, status string, copied, skipped, failed int64) {
	r.t.Helper()
	c := j.Counters
	if j.Status != status || c.PassedCount != copied || c.SkippedCount != skipped || c.FailedCount != failed || c.TotalCount != copied+skipped+failed || !j.TotalsFinal {
		r.t.Errorf("the job ended %s (%q) with %v; want %s with %d copied, %d skipped, %d failed", j.Status, j.Error, c, status, copied, skipped, failed)
	}
}

// data makes n bytes that depend on seed.
func data(seed string, n int) []byte {
	b := []byte(strings.Repeat(fmt.Sprintf("%s/%d|", seed, n), n/(len(seed)+3)+1))
	return b[:n]
}

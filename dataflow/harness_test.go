package dataflow

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// buckets and backends answer for the two services that dataflow asks whether things exist.
type buckets struct {
	catalogpb.UnimplementedCatalogServer
}

type backends struct {
	backendpb.UnimplementedBackendsServer
}

func (buckets) GetBucket(_ context.Context, r *catalogpb.GetBucketRequest) (*catalogpb.Bucket, error) {
	if r.GetName() == "photos" || r.GetName() == "archive" {
		return &catalogpb.Bucket{Name: r.GetName()}, nil
	}
	return nil, errs.Newf(errs.NotFound, "there is no such bucket").Because("NoSuchBucket")
}

func (backends) Get(_ context.Context, r *backendpb.GetRequest) (*backendpb.Backend, error) {
	for id, name := range map[string]string{"1": "a", "2": "b", "3": "archive"} {
		if r.GetIdOrName() == id || r.GetIdOrName() == name {
			return &backendpb.Backend{Id: id, Name: name, Options: map[string]string{"readOnly": strconv.FormatBool(name == "archive")}}, nil
		}
	}
	return nil, errs.Newf(errs.NotFound, "there is no such backend")
}

func listen(t *testing.T, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	t.Helper()
	var l net.Listener
	l, conn := rpc.Pipe()
	g := rpc.NewServer(rpc.ServerOptions{})
	register(g)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	t.Cleanup(func() {
		conn.Close()
		rpc.Stop(g, time.Second)
		if err := <-done; err != nil && err != grpc.ErrServerStopped { // stopped before it began
			t.Error(err)
		}
	})
	return conn
}

func memory(t *testing.T) docstore.Store {
	t.Helper()
	docs, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docs.Close() })
	return docs
}

// service starts dataflow on docs, as a process does.
func service(t *testing.T, docs docstore.Store, o Options) *Service {
	t.Helper()
	conn := listen(t, func(g grpc.ServiceRegistrar) {
		catalogpb.RegisterCatalogServer(g, buckets{})
		backendpb.RegisterBackendsServer(g, backends{})
	})
	s, err := New(docs, catalogpb.NewCatalogClient(conn), backendpb.NewBackendsClient(conn), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func client(t *testing.T, s *Service) dataflowpb.DataflowClient {
	return dataflowpb.NewDataflowClient(listen(t, s.Register))
}

func copyPlan(name string) *dataflowpb.Plan {
	return &dataflowpb.Plan{Name: name, Mode: "copy", Source: &dataflowpb.Endpoint{Bucket: "photos"}, Destination: &dataflowpb.Endpoint{Backend: "a", Prefix: "copy/"}}
}

// must ends the test on an error.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks code and reason.
func refused(t *testing.T, err error, code errs.Code, reason string) {
	t.Helper()
	if !errs.Is(err, code) || errs.ReasonOf(err) != reason {
		t.Errorf("got %v (%v, reason %q), want %v, reason %q", err, errs.CodeOf(err), errs.ReasonOf(err), code, reason)
	}
}

// dying is a store whose process dies at the write numbered at, counted from 1: from then on nothing works. With after, that write is
// done and only its answer is lost.
type dying struct {
	docstore.Store
	at     int64
	after  bool
	writes atomic.Int64
}

func (d *dying) write(do func() error) error {
	n := d.writes.Add(1)
	gone := errs.Newf(errs.Internal, "the process is dead")
	if n > d.at || n == d.at && !d.after {
		return gone
	}
	err := do()
	if n == d.at {
		return gone
	}
	return err
}

func (d *dying) Insert(ctx context.Context, c string, doc docstore.Doc) error {
	return d.write(func() error { return d.Store.Insert(ctx, c, doc) })
}

func (d *dying) Replace(ctx context.Context, c string, doc docstore.Doc, old docstore.Rev) error {
	return d.write(func() error { return d.Store.Replace(ctx, c, doc, old) })
}

func (d *dying) Delete(ctx context.Context, c, key string, old docstore.Rev) error {
	return d.write(func() error { return d.Store.Delete(ctx, c, key, old) })
}

func report(t *testing.T, c dataflowpb.DataflowClient, job string, failures bool) []*dataflowpb.Outcome {
	t.Helper()
	stream, err := c.Report(t.Context(), &dataflowpb.ReportRequest{JobId: job, FailuresOnly: failures})
	if err != nil {
		t.Fatal(err)
	}
	var all []*dataflowpb.Outcome
	for {
		o, err := stream.Recv()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

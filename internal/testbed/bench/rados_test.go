//go:build ceph && cgo

package bench

import (
	"context"
	"sync"
	"testing"

	"github.com/ceph/go-ceph/rados"

	"github.com/opensds/gelato/adapters"
)

// radosLane is a bare loop over librados: an object is one object of RADOS, without an index, checksums or anything else.
type radosLane struct {
	io    *rados.IOContext
	reads sync.Pool
}

func openRADOS(b *testing.B, c adapters.Config) lane {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	conn, err := rados.NewConnWithUser(c.Access)
	must(err)
	must(conn.SetConfigOption("mon_host", c.Endpoint))
	must(conn.SetConfigOption("key", c.Security))
	must(conn.Connect())
	b.Cleanup(conn.Shutdown)
	l := &radosLane{reads: sync.Pool{New: func() any { return new([4 << 20]byte) }}}
	l.io, err = conn.OpenIOContext(c.BucketName)
	must(err)
	b.Cleanup(l.io.Destroy)
	return l
}

func (l *radosLane) put(_ context.Context, key string, body []byte) error {
	return l.io.WriteFull(key, body)
}

func (l *radosLane) get(_ context.Context, key string) error {
	buf := l.reads.Get().(*[4 << 20]byte) // the largest object of the benchmark
	defer l.reads.Put(buf)
	_, err := l.io.Read(key, buf[:], 0)
	return err
}

func (l *radosLane) remove(_ context.Context, key string) error { return l.io.Delete(key) }

// BenchmarkRADOS moves objects straight into a pool and through the gateway of the same cluster, in turns.
func BenchmarkRADOS(b *testing.B) {
	c := startCeph(b)
	beside(b, large, [2]string{"ceph-rados", "ceph-s3"}, openLane(b, inPool(c)), openLane(b, inGateway(c, "ceph-s3", nil)))
}

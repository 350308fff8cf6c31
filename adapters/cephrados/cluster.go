//go:build ceph && cgo

package cephrados

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/ceph/go-ceph/rados"
)

// maxCalls bounds the calls of librados that run at once: each holds a thread, for as long as options.timeout when an OSD stands still.
const maxCalls = 128

// cluster is a connection to one namespace of one pool. Its methods are the calls of librados that the store makes.
type cluster struct {
	conn  *rados.Conn
	io    *rados.IOContext
	slots chan struct{}
	tasks sync.WaitGroup // calls, and whatever else must end before the connection does
}

func (c *cluster) close() {
	c.tasks.Wait()
	c.io.Destroy()
	c.conn.Shutdown()
}

// enter waits for the right to make a call; every nil error is paired with leave.
func (c *cluster) enter(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case c.slots <- struct{}{}:
		return nil
	}
}

func (c *cluster) leave() { <-c.slots }

// call makes a call that may be left alone when ctx ends: then what it was to answer must not be looked at.
func (c *cluster) call(ctx context.Context, do func() error) error {
	if err := alive(ctx); err != nil {
		return err
	}
	if err := c.enter(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	c.tasks.Go(func() {
		defer c.leave()
		done <- do()
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// row is one row of an omap.
type row struct {
	key   string
	value []byte
}

// rows reads rows of an object by their keys. An absent one is not in the answer; an absent object is errAbsent.
func (c *cluster) rows(ctx context.Context, oid string, keys ...string) (map[string][]byte, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	defer c.leave()
	return c.getRows(ctx, oid, keys)
}

// scan reads at most limit rows with a prefix, after a key, in order, and says whether there are more. Neither may have a NUL byte.
func (c *cluster) scan(ctx context.Context, oid, prefix, after string, limit int) ([]row, bool, error) {
	var (
		got  []row
		more bool
	)
	err := c.call(ctx, func() error {
		op := rados.CreateReadOp()
		defer op.Release()
		step := op.GetOmapValues(after, prefix, uint64(limit))
		if err := outcome(op.Operate(c.io, oid, rados.OperationNoFlag)); err != nil {
			return err
		}
		var found []row
		for {
			kv, err := step.Next()
			if err != nil || kv == nil {
				got, more = found, step.More()
				return err
			}
			found = append(found, row{kv.Key, kv.Value})
		}
	})
	if err != nil {
		return nil, false, err
	}
	return got, more, nil
}

// change is one atomic write to the omap of an object, which happens only if all of it is still so.
type change struct {
	same   map[string][]byte // rows that must have these values; nil means that there must be none
	exist  []string          // rows that must be there
	set    map[string][]byte
	remove []string
}

// apply makes a change, and returns errChanged when something was not so. It is not left alone when ctx ends: it fails within the timeout.
func (c *cluster) apply(ctx context.Context, oid string, ch change) error {
	if err := alive(ctx); err != nil {
		return err
	}
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	return c.changeRows(oid, ch)
}

// create makes an object with the bytes given, or returns errTaken when it is there.
func (c *cluster) create(ctx context.Context, oid string, bytes []byte) error {
	return c.call(ctx, func() error {
		op := rados.CreateWriteOp()
		defer op.Release()
		op.Create(rados.CreateExclusive)
		if len(bytes) > 0 {
			op.WriteFull(bytes)
		}
		return outcome(op.Operate(c.io, oid, rados.OperationFullTry))
	})
}

// read fills b from an offset and says how much there was. The caller has entered.
func (c *cluster) read(oid string, b []byte, offset int64) (int, error) {
	n, err := c.io.Read(oid, b, uint64(offset))
	return n, outcome(err)
}

// exists says whether an object is there.
func (c *cluster) exists(ctx context.Context, oid string) (bool, error) {
	err := c.call(ctx, func() error {
		_, err := c.io.Stat(oid)
		return outcome(err)
	})
	if err == errAbsent {
		return false, nil
	}
	return err == nil, err
}

// remove deletes an object; absent says that there was none.
func (c *cluster) remove(ctx context.Context, oid string) (absent bool, err error) {
	err = c.call(ctx, func() error {
		op := rados.CreateWriteOp()
		defer op.Release()
		op.Remove()
		return outcome(op.Operate(c.io, oid, rados.OperationFullTry))
	})
	if err == errAbsent {
		return true, nil
	}
	return false, err
}

// sortedKeys lists the keys of rows in order, as the OSD's class expects them.
func sortedKeys(rows map[string][]byte) []string { return slices.Sorted(maps.Keys(rows)) }

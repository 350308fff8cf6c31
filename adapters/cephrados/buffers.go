//go:build ceph && cgo

package cephrados

import (
	"sync"
	"sync/atomic"
)

const (
	bufferBudget = 64 << 20
	smallBuffer  = 256 << 10 // what a call may have beyond the budget, once
)

// buffers deals out memory for pieces on their way.
type buffers struct {
	used atomic.Int64
	pool sync.Pool // of *[pieceSize]byte
}

// buffer is memory for a piece. It is released by whoever uses it last, once.
type buffer struct {
	bytes  []byte
	from   *buffers
	charge int64
	pooled *[pieceSize]byte
}

// get returns a buffer of at most size bytes, at most a piece. Where the budget is used up it is nil, or a small one for a caller that has none.
func (b *buffers) get(size int64, must bool) *buffer {
	size = min(size, pieceSize)
	if b.used.Add(size) > bufferBudget {
		b.used.Add(-size)
		if !must {
			return nil
		}
		return &buffer{bytes: make([]byte, min(size, smallBuffer)), from: b}
	}
	out := &buffer{from: b, charge: size}
	if size <= pieceSize/2 {
		out.bytes = make([]byte, size)
		return out
	}
	if p, ok := b.pool.Get().(*[pieceSize]byte); ok {
		out.pooled = p
	} else {
		out.pooled = new([pieceSize]byte)
	}
	out.bytes = out.pooled[:size]
	return out
}

func (b *buffer) release() {
	b.from.used.Add(-b.charge)
	if b.pooled != nil {
		b.from.pool.Put(b.pooled)
	}
	b.bytes, b.pooled, b.charge = nil, nil, 0
}

package wrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/adapters"
)

// Metrics are the collectors of Measure, for all stores of a process.
type Metrics struct {
	seconds *prometheus.HistogramVec // backend, op, code
	bytes   *prometheus.CounterVec   // backend, op
}

// NewMetrics registers the collectors, or finds those that are registered already.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	seconds, err := register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gelato_store_operation_seconds", Help: "Time that calls of backends took, by operation and outcome. get ends when the body opens, get_body when it is closed.",
		Buckets: prometheus.ExponentialBucketsRange(0.0005, 120, 18),
	}, []string{"backend", "op", "code"}))
	if err != nil {
		return nil, err
	}
	bytes, err := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gelato_store_bytes_total", Help: "Bytes stored by successful put and put_part, and read by get_body.",
	}, []string{"backend", "op"}))
	if err != nil {
		return nil, err
	}
	return &Metrics{seconds, bytes}, nil
}

func register[C prometheus.Collector](r prometheus.Registerer, c C) (C, error) {
	err := r.Register(c)
	if dup, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if old, ok := dup.ExistingCollector.(C); ok {
			return old, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("register metric: %w", err)
	}
	return c, nil
}

// Measure observes every call of a store under the backend's name.
func Measure(s adapters.Store, m *Metrics, backend string) adapters.Store {
	return &measured{Store: s, m: m, backend: backend}
}

type measured struct {
	adapters.Store
	m       *Metrics
	backend string
}

func (m *measured) observe(op string, start time.Time, err error) {
	m.m.seconds.WithLabelValues(m.backend, op, codeOf(err)).Observe(time.Since(start).Seconds())
}

func (m *measured) count(op string, n int64) {
	m.m.bytes.WithLabelValues(m.backend, op).Add(float64(n))
}

// Put implements adapters.Store.
func (m *measured) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	start := time.Now()
	info, err := m.Store.Put(ctx, key, body, size, o)
	m.observe("put", start, err)
	if err == nil {
		m.count("put", info.Size)
	}
	return info, err
}

// Get implements adapters.Store.
func (m *measured) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	start := time.Now()
	body, info, err := m.Store.Get(ctx, key, r, ifMatch)
	m.observe("get", start, err)
	if err != nil {
		return nil, info, err
	}
	b := &measuredBody{ReadCloser: body, m: m, start: start}
	if wt, ok := body.(io.WriterTo); ok {
		return &copyingMeasuredBody{b, wt}, info, nil
	}
	return b, info, nil
}

// measuredBody counts what is read and observes how it ended.
type measuredBody struct {
	io.ReadCloser
	m      *measured
	start  time.Time
	n      int64
	err    error
	closed bool
}

// Read implements io.Reader.
func (b *measuredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// Close implements io.Closer.
func (b *measuredBody) Close() error {
	if !b.closed {
		b.closed = true
		b.m.observe("get_body", b.start, b.err)
		b.m.count("get_body", b.n)
	}
	return b.ReadCloser.Close()
}

type copyingMeasuredBody struct {
	*measuredBody
	to io.WriterTo
}

// WriteTo implements io.WriterTo. Its error may be the writer's, so it is not counted as the store's.
func (b *copyingMeasuredBody) WriteTo(w io.Writer) (int64, error) {
	n, err := b.to.WriteTo(w)
	b.n += n
	return n, err
}

// Head implements adapters.Store.
func (m *measured) Head(ctx context.Context, key string) (adapters.Info, error) {
	start := time.Now()
	info, err := m.Store.Head(ctx, key)
	m.observe("head", start, err)
	return info, err
}

// Delete implements adapters.Store.
func (m *measured) Delete(ctx context.Context, key, ifMatch string) error {
	start := time.Now()
	err := m.Store.Delete(ctx, key, ifMatch)
	m.observe("delete", start, err)
	return err
}

// Copy implements adapters.Store.
func (m *measured) Copy(ctx context.Context, key, from, ifMatch string, o adapters.PutOptions) (adapters.Info, error) {
	start := time.Now()
	info, err := m.Store.Copy(ctx, key, from, ifMatch, o)
	m.observe("copy", start, err)
	return info, err
}

// List implements adapters.Store.
func (m *measured) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	start := time.Now()
	page, err := m.Store.List(ctx, prefix, after, limit)
	m.observe("list", start, err)
	return page, err
}

// CreateUpload implements adapters.Store.
func (m *measured) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	start := time.Now()
	id, err := m.Store.CreateUpload(ctx, key, o)
	m.observe("create_upload", start, err)
	return id, err
}

// PutPart implements adapters.Store.
func (m *measured) PutPart(ctx context.Context, key, uploadID string, n int, body io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	start := time.Now()
	part, err := m.Store.PutPart(ctx, key, uploadID, n, body, size, sums)
	m.observe("put_part", start, err)
	if err == nil {
		m.count("put_part", part.Size)
	}
	return part, err
}

// CompleteUpload implements adapters.Store.
func (m *measured) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	start := time.Now()
	info, err := m.Store.CompleteUpload(ctx, key, uploadID, parts, o)
	m.observe("complete_upload", start, err)
	return info, err
}

// AbortUpload implements adapters.Store.
func (m *measured) AbortUpload(ctx context.Context, key, uploadID string) error {
	start := time.Now()
	err := m.Store.AbortUpload(ctx, key, uploadID)
	m.observe("abort_upload", start, err)
	return err
}

// ListUploads implements adapters.Store.
func (m *measured) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	start := time.Now()
	uploads, err := m.Store.ListUploads(ctx, prefix, limit)
	m.observe("list_uploads", start, err)
	return uploads, err
}

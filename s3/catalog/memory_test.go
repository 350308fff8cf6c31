package catalog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// memDocs is a docstore.Store in a map: it passes docstoretest, and is small enough to be made anew a thousand times a second.
type memDocs struct {
	mu     sync.Mutex
	colls  map[string]*memColl
	closed bool
}

type memColl struct {
	keys []string // sorted
	docs map[string]docstore.Doc
}

var _ docstore.Store = (*memDocs)(nil)

func newMemDocs() *memDocs { return &memDocs{colls: map[string]*memColl{}} }

func (m *memDocs) coll(name string) *memColl {
	c := m.colls[name]
	if c == nil {
		c = &memColl{docs: map[string]docstore.Doc{}}
		m.colls[name] = c
	}
	return c
}

// all returns the documents of a collection.
func (m *memDocs) all(collection string) []docstore.Doc {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.coll(collection).docs))
}

func (m *memDocs) enter(ctx context.Context, collection string) error {
	if m.closed {
		return errs.Newf(errs.Unavailable, "closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return docstore.CheckCollection(collection)
}

func (m *memDocs) Get(ctx context.Context, collection, key string) (docstore.Doc, error) {
	docs, err := m.GetMany(ctx, collection, []string{key})
	if err == nil && docs[0].Rev == "" {
		err = errs.Newf(errs.NotFound, "absent")
	}
	if err != nil {
		return docstore.Doc{}, err
	}
	return docs[0], nil
}

func (m *memDocs) GetMany(ctx context.Context, collection string, keys []string) ([]docstore.Doc, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, collection); err != nil {
		return nil, err
	}
	docs := make([]docstore.Doc, len(keys))
	for i, k := range keys {
		if err := docstore.CheckKey(k); err != nil {
			return nil, err
		}
		d := m.coll(collection).docs[k]
		docs[i] = docstore.Doc{Key: k, Rev: d.Rev, Body: slices.Clone(d.Body)}
	}
	return docs, nil
}

func (m *memDocs) Insert(ctx context.Context, collection string, d docstore.Doc) error {
	return m.one(ctx, docstore.Op{Kind: docstore.OpInsert, Collection: collection, Doc: d})
}

func (m *memDocs) Replace(ctx context.Context, collection string, d docstore.Doc, old docstore.Rev) error {
	return m.one(ctx, docstore.Op{Kind: docstore.OpReplace, Collection: collection, Doc: d, Old: old})
}

func (m *memDocs) Delete(ctx context.Context, collection, key string, old docstore.Rev) error {
	return m.one(ctx, docstore.Op{Kind: docstore.OpDelete, Collection: collection, Doc: docstore.Doc{Key: key}, Old: old})
}

func (m *memDocs) one(ctx context.Context, op docstore.Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, op.Collection); err != nil {
		return err
	}
	return m.do(op)
}

func (m *memDocs) do(op docstore.Op) error {
	if err := docstore.CheckOp(op); err != nil {
		return err
	}
	c := m.coll(op.Collection)
	have, there := c.docs[op.Doc.Key]
	if have.Rev != op.Old {
		if op.Kind == docstore.OpInsert {
			return errs.Newf(errs.AlreadyExists, "taken")
		}
		return errs.Newf(errs.FailedPrecondition, "another revision")
	}
	at := sort.SearchStrings(c.keys, op.Doc.Key)
	if op.Kind == docstore.OpDelete {
		delete(c.docs, op.Doc.Key)
		c.keys = slices.Delete(c.keys, at, at+1)
		return nil
	}
	if !there {
		c.keys = slices.Insert(c.keys, at, op.Doc.Key)
	}
	op.Doc.Body = slices.Clone(op.Doc.Body)
	c.docs[op.Doc.Key] = op.Doc
	return nil
}

func (m *memDocs) List(ctx context.Context, collection string, r docstore.Range) ([]docstore.Doc, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, collection); err != nil {
		return nil, err
	}
	if err := docstore.CheckRange(r); err != nil {
		return nil, err
	}
	c := m.coll(collection)
	var docs []docstore.Doc
	for _, k := range c.keys[sort.SearchStrings(c.keys, r.From):] {
		if r.To != "" && k >= r.To || len(docs) == r.Limit {
			break
		}
		d := c.docs[k]
		d.Body = slices.Clone(d.Body)
		docs = append(docs, d)
	}
	return docs, nil
}

func (m *memDocs) Batch(ctx context.Context, ops []docstore.Op) ([]error, error) {
	if err := docstore.CheckOps(ops); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, "batch"); err != nil {
		return nil, err
	}
	outcomes := make([]error, len(ops))
	for i, op := range ops {
		if outcomes[i] = docstore.CheckCollection(op.Collection); outcomes[i] == nil {
			outcomes[i] = m.do(op)
		}
	}
	return outcomes, nil
}

func (m *memDocs) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// memStore is an adapters.Store in a map, for native objects. It keeps what the catalog can see of a store: presence, ETags, uploads.
type memStore struct {
	mu      sync.Mutex
	objects map[string]memObject
	uploads map[string]memUpload // by id
	done    map[string]string    // completed uploads: id to the ETag of the object
	serial  int
}

type memObject struct {
	body []byte
	etag string
	at   time.Time
}

type memUpload struct {
	key   string
	parts map[int]adapters.Part
	body  map[int][]byte
}

var _ adapters.Store = (*memStore)(nil)

func newMemStore() *memStore {
	return &memStore{objects: map[string]memObject{}, uploads: map[string]memUpload{}, done: map[string]string{}}
}

func (m *memStore) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.objects)
}

func (m *memStore) next() string {
	m.serial++
	return fmt.Sprintf("e%d", m.serial)
}

func (m *memStore) Put(_ context.Context, key string, body io.Reader, _ int64, _ adapters.PutOptions) (adapters.Info, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return adapters.Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = memObject{b, m.next(), time.Now()}
	return m.info(key), nil
}

func (m *memStore) info(key string) adapters.Info {
	o := m.objects[key]
	crc := crc64nvme.Checksum(o.body)
	return adapters.Info{Key: key, Size: int64(len(o.body)), ETag: o.etag, ModTime: o.at, CRC64: &crc, Verified: true, Proof: "memory"}
}

func (m *memStore) Get(_ context.Context, key string, _ adapters.Range, _ string) (io.ReadCloser, adapters.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return nil, adapters.Info{}, errs.Newf(errs.NotFound, "no native object")
	}
	return io.NopCloser(bytes.NewReader(o.body)), m.info(key), nil
}

func (m *memStore) Head(_ context.Context, key string) (adapters.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[key]; !ok {
		return adapters.Info{}, errs.Newf(errs.NotFound, "no native object")
	}
	return m.info(key), nil
}

func (m *memStore) Delete(_ context.Context, key, ifMatch string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o, ok := m.objects[key]; ok && ifMatch != "" && o.etag != ifMatch {
		return errs.Newf(errs.FailedPrecondition, "another etag")
	}
	delete(m.objects, key)
	return nil
}

func (m *memStore) List(_ context.Context, prefix, after string, limit int) (adapters.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var p adapters.Page
	for _, k := range sortedKeys(m.objects) {
		if !strings.HasPrefix(k, prefix) || k <= after {
			continue
		}
		if len(p.Objects) == limit {
			p.More = true
			break
		}
		p.Objects = append(p.Objects, m.info(k))
	}
	return p, nil
}

func (m *memStore) CreateUpload(_ context.Context, key string, _ adapters.PutOptions) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := "u" + m.next()
	m.uploads[id] = memUpload{key, map[int]adapters.Part{}, map[int][]byte{}}
	return id, nil
}

func (m *memStore) PutPart(_ context.Context, _, uploadID string, n int, body io.Reader, _ int64, _ adapters.Sums) (adapters.Part, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return adapters.Part{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.uploads[uploadID]
	if !ok {
		return adapters.Part{}, errs.Newf(errs.NotFound, "no native upload")
	}
	p := adapters.Part{N: n, Size: int64(len(b)), ETag: m.next(), CRC64: crc64nvme.Checksum(b), Verified: true}
	u.parts[n], u.body[n] = p, b
	return p, nil
}

func (m *memStore) CompleteUpload(_ context.Context, key, uploadID string, parts []adapters.Part, _ adapters.PutOptions) (adapters.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.uploads[uploadID]
	if !ok {
		if etag, ok := m.done[uploadID]; ok && m.objects[key].etag == etag {
			return m.info(key), nil
		}
		return adapters.Info{}, errs.Newf(errs.NotFound, "no native upload")
	}
	var all []byte
	for _, p := range parts {
		if u.parts[p.N].ETag != p.ETag {
			return adapters.Info{}, errs.Newf(errs.FailedPrecondition, "another part")
		}
		all = append(all, u.body[p.N]...)
	}
	delete(m.uploads, uploadID)
	m.objects[key] = memObject{all, m.next(), time.Now()}
	m.done[uploadID] = m.objects[key].etag
	return m.info(key), nil
}

func (m *memStore) AbortUpload(_ context.Context, _, uploadID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.uploads, uploadID)
	return nil
}

func (m *memStore) ListUploads(_ context.Context, prefix string, _ int) ([]adapters.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []adapters.Upload
	for _, id := range sortedKeys(m.uploads) {
		if strings.HasPrefix(m.uploads[id].key, prefix) {
			list = append(list, adapters.Upload{Key: m.uploads[id].key, ID: id})
		}
	}
	return list, nil
}

func (m *memStore) Capabilities() adapters.Capabilities {
	return adapters.Capabilities{Multipart: true, MaxKeyBytes: 1024, MaxParts: 10_000, MinPartSize: 1, ConditionalPut: true, ConditionalDelete: true, StoresChecksum: true}
}

func (m *memStore) Close() error { return nil }

// memStores opens stores by name.
type memStores map[string]adapters.Store

func (m memStores) Store(_ context.Context, id string) (adapters.Store, error) {
	if s, ok := m[id]; ok {
		return s, nil
	}
	return nil, errs.Newf(errs.NotFound, "no backend %s", id)
}

func (s *memStore) Copy(context.Context, string, string, string, adapters.PutOptions) (adapters.Info, error) {
	return adapters.Info{}, errs.Newf(errs.Unimplemented, "no server-side copy")
}

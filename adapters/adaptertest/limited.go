package adaptertest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Limited makes another store of a store that can do everything: it declares what Can says and enforces it, as a cloud with these limits would. Its ETags have
// another form, its times are whole seconds, and it checks and computes no checksums unless Can.StoresChecksum. With Can.ServerCopy it copies by itself.
type Limited struct {
	adapters.Store // what keeps the objects
	Can            adapters.Capabilities

	CopyFault func() error // asked before each Copy; an error is its answer
	CopyLies  bool         // Copy keeps other bytes of the same size and says nothing
	Copies    atomic.Int64 // calls of Copy that succeeded
	Moved     atomic.Int64 // bytes of bodies that went in or out
	Known     atomic.Int64 // bodies that were stored and whose sender knew their MD5

	classes sync.Map // storage classes by key, and by id of open uploads
	parts   sync.Map // numbers of stored parts, *sync.Map by id of the upload
}

var _ adapters.Store = (*Limited)(nil)

// Capabilities implements adapters.Store.
func (l *Limited) Capabilities() adapters.Capabilities { return l.Can }

func (l *Limited) tag(native string) string {
	return strings.ToUpper("0x8d" + hex.EncodeToString([]byte(native)))
}

func (l *Limited) native(tag string) string {
	if tag == "" {
		return ""
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(tag, "0X8D"))
	if err != nil || !strings.HasPrefix(tag, "0X8D") {
		return "no such ETag"
	}
	return string(raw)
}

func (l *Limited) info(i adapters.Info) adapters.Info {
	i.ETag, i.ModTime = l.tag(i.ETag), i.ModTime.Truncate(time.Second)
	if len(l.Can.StorageClasses) > 0 {
		i.StorageClass = l.Can.StorageClasses[0]
		if class, ok := l.classes.Load(i.Key); ok {
			i.StorageClass = class.(string)
		}
	}
	if !l.Can.StoresChecksum {
		i.CRC64, i.MD5, i.Verified, i.Proof = nil, nil, false, ""
	}
	return i
}

// keep notes the class of what was stored, as the store inside has none.
func (l *Limited) keep(name, class string) {
	if l.classes.Delete(name); class != "" {
		l.classes.Store(name, class)
	}
}

// stored is how many parts an upload has.
func (l *Limited) stored(uploadID string) (n int) {
	if numbers, ok := l.parts.Load(uploadID); ok {
		numbers.(*sync.Map).Range(func(any, any) bool { n++; return true })
	}
	return n
}

func invalid(reason, message string) error {
	return errs.Newf(errs.InvalidArgument, "%s", message).Because(reason)
}

func missing(what string) error { return errs.Newf(errs.Unimplemented, "the store has no %s", what) }

func (l *Limited) check(key string, o adapters.PutOptions) error {
	if err := adapters.CheckKey(key, l.Can.MaxKeyBytes); err != nil {
		return err
	}
	if o.IfNoneMatch && o.IfMatch != "" {
		return invalid("Conditions", "both conditions at once")
	}
	if (o.IfNoneMatch || o.IfMatch != "") && !l.Can.ConditionalPut {
		return missing("conditions on writes")
	}
	if o.StorageClass != "" && !slices.Contains(l.Can.StorageClasses, o.StorageClass) {
		return invalid("StorageClass", "the store has no such storage class")
	}
	return nil
}

// counting counts bytes and fails past a limit.
type counting struct {
	r    io.Reader
	left int64
	n    *atomic.Int64
	md5  hash.Hash // nil when nobody asks
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	if c.md5 != nil {
		c.md5.Write(p[:n])
	}
	if c.left -= int64(n); c.left < 0 {
		return n, invalid("TooLarge", "the body is larger than the store takes at once")
	}
	return n, err
}

// sender is a body that was handed in, whose MD5 is compared with the one that its sender knows.
func (l *Limited) sender(body io.Reader, most int64) *counting {
	return &counting{body, most, &l.Moved, md5.New()}
}

// count counts a stored body whose sender knew its MD5.
func (l *Limited) count(c *counting, known func() []byte) {
	if known != nil && bytes.Equal(known(), c.md5.Sum(nil)) {
		l.Known.Add(1)
	}
}

// Put implements adapters.Store.
func (l *Limited) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	if err := l.check(key, o); err != nil {
		return adapters.Info{}, err
	}
	if size > l.Can.MaxPutSize {
		return adapters.Info{}, invalid("TooLarge", "one write is larger than the store takes")
	}
	class := o.StorageClass
	o.IfMatch, o.StorageClass = l.native(o.IfMatch), ""
	sent := l.sender(body, l.Can.MaxPutSize)
	info, err := l.Store.Put(ctx, key, sent, size, o)
	if err == nil {
		l.count(sent, o.MD5)
		l.keep(key, class)
	}
	return l.info(info), err
}

// Get implements adapters.Store.
func (l *Limited) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	if err := l.check(key, adapters.PutOptions{}); err != nil {
		return nil, adapters.Info{}, err
	}
	body, info, err := l.Store.Get(ctx, key, r, l.native(ifMatch))
	if err != nil {
		return nil, adapters.Info{}, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&counting{body, 1 << 62, &l.Moved, nil}, body}, l.info(info), nil
}

// Head implements adapters.Store.
func (l *Limited) Head(ctx context.Context, key string) (adapters.Info, error) {
	if err := l.check(key, adapters.PutOptions{}); err != nil {
		return adapters.Info{}, err
	}
	info, err := l.Store.Head(ctx, key)
	return l.info(info), err
}

// Delete implements adapters.Store.
func (l *Limited) Delete(ctx context.Context, key, ifMatch string) error {
	if err := l.check(key, adapters.PutOptions{}); err != nil {
		return err
	}
	return l.Store.Delete(ctx, key, l.native(ifMatch))
}

// Copy implements adapters.Store.
func (l *Limited) Copy(ctx context.Context, key, from, ifMatch string, o adapters.PutOptions) (adapters.Info, error) {
	if !l.Can.ServerCopy {
		return adapters.Info{}, missing("server-side copy")
	}
	if err := l.check(key, o); err != nil {
		return adapters.Info{}, err
	}
	if l.CopyFault != nil {
		if err := l.CopyFault(); err != nil {
			return adapters.Info{}, err
		}
	}
	body, source, err := l.Store.Get(ctx, from, adapters.Range{}, l.native(ifMatch))
	if err != nil {
		return adapters.Info{}, err
	}
	defer body.Close()
	if source.Size > l.Can.MaxCopySize {
		return adapters.Info{}, invalid("TooLarge", "the source is larger than the store copies")
	}
	r := io.Reader(body)
	if l.CopyLies {
		r, o.CRC64 = io.LimitReader(zeros{}, source.Size), nil
	}
	class := o.StorageClass
	o.IfMatch, o.StorageClass = l.native(o.IfMatch), ""
	info, err := l.Store.Put(ctx, key, r, source.Size, o)
	if l.CopyLies {
		info.Verified, info.Proof = false, ""
	}
	if err == nil {
		l.keep(key, class)
		l.Copies.Add(1)
	}
	return l.info(info), err
}

// List implements adapters.Store.
func (l *Limited) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	page, err := l.Store.List(ctx, prefix, after, limit)
	for i := range page.Objects {
		page.Objects[i] = l.info(page.Objects[i])
	}
	return page, err
}

// CreateUpload implements adapters.Store.
func (l *Limited) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	if !l.Can.Multipart {
		return "", missing("multipart uploads")
	}
	if err := l.check(key, adapters.PutOptions{StorageClass: o.StorageClass}); err != nil {
		return "", err
	}
	class := o.StorageClass
	o.StorageClass = ""
	id, err := l.Store.CreateUpload(ctx, key, o)
	if err == nil {
		l.keep(id, class)
	}
	return id, err
}

// PutPart implements adapters.Store.
func (l *Limited) PutPart(ctx context.Context, key, uploadID string, n int, body io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	switch {
	case !l.Can.Multipart:
		return adapters.Part{}, missing("multipart uploads")
	case n < 1 || n > l.Can.MaxParts:
		return adapters.Part{}, invalid("PartNumber", "the store takes no such part number")
	case size > l.Can.MaxPartSize:
		return adapters.Part{}, invalid("TooLarge", "a part is larger than the store takes")
	}
	sent := l.sender(body, l.Can.MaxPartSize)
	p, err := l.Store.PutPart(ctx, key, uploadID, n, sent, size, sums)
	if !l.Can.StoresChecksum {
		p.Verified, p.Proof = false, ""
	}
	if err == nil {
		l.count(sent, sums.MD5)
		numbers, _ := l.parts.LoadOrStore(uploadID, &sync.Map{})
		numbers.(*sync.Map).Store(n, true)
	}
	return p, err
}

// CompleteUpload implements adapters.Store.
func (l *Limited) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	if !l.Can.Multipart {
		return adapters.Info{}, missing("multipart uploads")
	}
	if err := l.check(key, o); err != nil {
		return adapters.Info{}, err
	}
	total := int64(0)
	if l.Can.NeedsAllParts && len(parts) < l.stored(uploadID) {
		return adapters.Info{}, errs.Newf(errs.FailedPrecondition, "a part was left out")
	}
	for i, p := range parts {
		if total += p.Size; i < len(parts)-1 && p.Size < l.Can.MinPartSize {
			return adapters.Info{}, invalid("TooSmall", "a part is smaller than the store takes")
		}
	}
	if len(parts) > l.Can.MaxParts || total > l.Can.MaxObjectSize {
		return adapters.Info{}, invalid("TooLarge", "the object has more parts or bytes than the store takes")
	}
	o.IfMatch, o.StorageClass = l.native(o.IfMatch), ""
	info, err := l.Store.CompleteUpload(ctx, key, uploadID, parts, o)
	if class, ok := l.classes.Load(uploadID); ok && err == nil {
		l.classes.Store(key, class)
	}
	return l.info(info), err
}

// AbortUpload implements adapters.Store.
func (l *Limited) AbortUpload(ctx context.Context, key, uploadID string) error {
	if !l.Can.Multipart {
		return missing("multipart uploads")
	}
	return l.Store.AbortUpload(ctx, key, uploadID)
}

// ListUploads implements adapters.Store.
func (l *Limited) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	if !l.Can.Multipart {
		return nil, missing("multipart uploads")
	}
	return l.Store.ListUploads(ctx, prefix, limit)
}

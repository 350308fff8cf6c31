package catalog

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// CompleteUpload implements API.
func (c *Catalog) CompleteUpload(ctx context.Context, b Bucket, key, uploadID string, list []CompletedPart, expect map[string][]byte, cond Condition) (Object, error) {
	digest := digestList(list)
	for {
		u, err := c.upload(ctx, b.ID, key, uploadID)
		if err != nil {
			return Object{}, err
		}
		u.Bucket = b
		switch u.state {
		case upOpen:
			next, err := c.freeze(ctx, u, list, expect, cond)
			if err != nil {
				return Object{}, err
			}
			next.list, next.cause = digest, causeOf(ctx)
			if _, err := c.step(ctx, u, next); err != nil {
				if stray := c.dropStray(ctx, next); stray != nil || !errs.Is(err, errs.FailedPrecondition) {
					return Object{}, errors.Join(err, stray)
				}
			}
		case upCompleting:
			if _, err := c.finish(ctx, u); err != nil && !isStep(err) {
				return Object{}, err
			}
		case upDone:
			if u.list != digest {
				return Object{}, noSuchUpload()
			}
			return u.object(), c.confirm(ctx, u)
		default:
			return Object{}, noSuchUpload()
		}
	}
}

// dropStray removes a table that was written for an upload which is over. Before that another completion may be about to name it, and
// it goes with the blob.
func (c *Catalog) dropStray(ctx context.Context, lost uploadDoc) error {
	u, err := c.upload(ctx, lost.Bucket.ID, lost.Key, lost.ID)
	if err != nil || u.state == upOpen || u.state == upCompleting {
		return err
	}
	_, used, err := c.refers(ctx, garbage{bucketID: lost.Bucket.ID, key: lost.Key, since: docstore.Rev(lost.ID), table: lost.table})
	if err != nil || used {
		return err
	}
	from, to := tableRange(lost.table)
	return c.dropRange(ctx, collManifests, from, to)
}

// digestList names a client's list.
func digestList(list []CompletedPart) string {
	h := sha256.New()
	for _, p := range list {
		fmt.Fprintf(h, "%d %s\n", p.N, p.ETag)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// freeze checks the client's list against the parts and makes of the upload what it will be while completing, its part table stored.
func (c *Catalog) freeze(ctx context.Context, u uploadDoc, list []CompletedPart, expect map[string][]byte, cond Condition) (uploadDoc, error) {
	rows, err := c.choose(ctx, u, list)
	if err != nil {
		return u, err
	}
	u.state, u.cond, u.modified, u.parts = upCompleting, cond, c.now().UTC(), len(rows)
	if err := u.sum(rows); err != nil {
		return u, err
	}
	if err := u.expect(expect); err != nil {
		return u, err
	}
	h, err := c.head(ctx, u.Bucket.ID, u.Key)
	if err != nil {
		return u, err
	}
	if err := cond.check(h); err != nil {
		return u, err
	}
	docs, err := pages("", rows)
	if err != nil {
		return u, err
	}
	name := sha256.New()
	for _, d := range docs {
		name.Write(d.Body)
	}
	u.table = u.Location.BlobID + "." + hex.EncodeToString(name.Sum(nil)[:8])
	return u, c.writeTable(ctx, u.table, rows)
}

// choose picks the stored parts that the client lists.
func (c *Catalog) choose(ctx context.Context, u uploadDoc, list []CompletedPart) ([]row, error) {
	if len(list) == 0 || len(list) > maxParts {
		return nil, errs.Newf(errs.InvalidArgument, "the list has %d parts, not 1 to %d", len(list), maxParts).Because("MalformedXML")
	}
	rows := make([]row, 0, len(list))
	invalid := func(n int) error {
		return errs.Newf(errs.InvalidArgument, "part %d is not there as it was named", n).Because("InvalidPart")
	}
	for i := 1; i < len(list); i++ {
		if list[i].N <= list[i-1].N {
			return nil, errs.Newf(errs.InvalidArgument, "the parts are not in ascending order").Because("InvalidPartOrder")
		}
	}
	after, more, spare := 0, true, 0
	for more {
		var stored []UploadPart
		var err error
		if stored, more, err = c.UploadParts(ctx, u.Upload, after, 1000); err != nil {
			return nil, err
		}
		for _, p := range stored {
			after = p.N
			if len(rows) == len(list) || p.N < list[len(rows)].N {
				spare = p.N // stored, but not listed
				continue
			}
			want := list[len(rows)]
			if p.N != want.N || p.ETag != want.ETag {
				return nil, invalid(want.N)
			}
			for name, sum := range want.Checksums {
				if have, ok := p.Checksums[name]; ok && !bytes.Equal(have, sum) {
					return nil, invalid(want.N)
				}
			}
			rows = append(rows, row{ObjectPart: p.ObjectPart, nativeETag: p.Native.ETag, md5: p.Native.MD5})
		}
	}
	if len(rows) < len(list) {
		return nil, invalid(list[len(rows)].N)
	}
	return rows, c.checkStorable(ctx, u, rows, spare)
}

// maxObject is the size of the largest object that S3 makes of parts, in bytes.
const maxObject = 5 << 40

// checkStorable holds parts and whole against the limits of S3 and of the store. spare is a part that is stored and not among rows; 0: none is.
func (c *Catalog) checkStorable(ctx context.Context, u uploadDoc, rows []row, spare int) error {
	store, err := c.stores.Store(ctx, u.Location.BackendID)
	if err != nil {
		return fmt.Errorf("open backend: %w", err)
	}
	can := store.Capabilities()
	if can.NeedsAllParts && spare > 0 {
		return errs.Newf(errs.Unimplemented, "the backend cannot leave out part %d, which was uploaded", spare).Because("NotImplemented")
	}
	least, most := max(c.opt.minPart, can.MinPartSize), int64(maxObject)
	if can.MaxObjectSize > 0 {
		most = min(most, can.MaxObjectSize)
	}
	total := int64(0)
	for i, r := range rows {
		if i < len(rows)-1 && r.Size < least {
			return errs.Newf(errs.InvalidArgument, "part %d has %d bytes, fewer than %d", r.N, r.Size, least).Because("EntityTooSmall")
		}
		total += r.BlobSize()
	}
	if total > most {
		return errs.Newf(errs.InvalidArgument, "the object would have %d bytes, more than %d", total, most).Because("EntityTooLarge")
	}
	return nil
}

// sum computes size, ETag and checksums of the whole from its parts, as S3 does.
func (u *uploadDoc) sum(rows []row) error {
	etags := md5.New()
	u.size, u.cipher, u.crc64 = 0, 0, 0
	for i, r := range rows {
		raw, err := hex.DecodeString(r.ETag)
		if err != nil || len(raw) != md5.Size {
			return errs.Newf(errs.InvalidArgument, "part %d is not there as it was named", r.N).Because("InvalidPart")
		}
		etags.Write(raw)
		if i == 0 {
			u.crc64 = r.CRC64
		} else {
			u.crc64 = checksum.CombineCRC64(u.crc64, r.CRC64, r.BlobSize())
		}
		u.size += r.Size
		u.cipher += r.CipherSize
	}
	u.etag = fmt.Sprintf("%x-%d", etags.Sum(nil), len(rows))
	return u.flexible(rows)
}

// flexible computes the checksum that the client asked for at CreateMultipartUpload: of the whole object, or of the parts' checksums
// (docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html). Where it asked for none, CRC64 serves as CRC64NVME, unless it is that of a ciphertext.
func (u *uploadDoc) flexible(rows []row) error {
	if u.ChecksumAlgorithm == "" && u.Encryption != nil {
		u.ChecksumAlgorithm, u.ChecksumType = string(checksum.CRC64NVME), "FULL_OBJECT"
	}
	if u.ChecksumAlgorithm == "" {
		return nil
	}
	a := checksum.Algorithm(u.ChecksumAlgorithm)
	composite := u.ChecksumType == "COMPOSITE"
	if !a.Valid() || !composite && !a.Linear() {
		return errs.Newf(errs.InvalidArgument, "%s has no checksum of the whole object", u.ChecksumAlgorithm).Because("InvalidRequest")
	}
	var whole []byte
	all := checksum.New(a)
	for i, r := range rows {
		sum := r.Checksums[u.ChecksumAlgorithm]
		if a == checksum.CRC64NVME && sum == nil && u.Encryption == nil {
			sum = checksum.Bytes64(r.CRC64)
		}
		if len(sum) != a.Size() {
			return errs.Newf(errs.InvalidArgument, "part %d was sent without its %s", r.N, a).Because("InvalidPart")
		}
		switch {
		case composite:
			all.Write(sum)
		case i == 0:
			whole = sum
		default:
			whole = checksum.Combine(a, whole, sum, r.Size)
		}
	}
	if composite {
		whole = all.Sum(nil)
	}
	u.sums = map[string][]byte{u.ChecksumAlgorithm: whole}
	return nil
}

// expect compares what the client claims of the whole.
func (u *uploadDoc) expect(claims map[string][]byte) error {
	for _, name := range sortedKeys(claims) {
		have := u.sums[name]
		if have == nil && name == string(checksum.CRC64NVME) && u.Encryption == nil {
			have = checksum.Bytes64(u.crc64)
		}
		if have == nil || !bytes.Equal(have, claims[name]) {
			return errs.Newf(errs.InvalidArgument, "the %s of the object is another one", name).Because("BadDigest")
		}
	}
	return nil
}

// object is what the upload becomes.
func (u uploadDoc) object() Object {
	crc := u.crc64
	o := Object{
		Key: u.Key, Rev: u.attempt, Version: u.attempt, Location: u.Location, Size: u.size, CipherSize: u.cipher, ETag: u.etag, Modified: u.modified,
		StorageClass: u.StorageClass, CRC64: &crc, Checksums: u.sums, ChecksumType: u.ChecksumType,
		Headers: u.Headers, Metadata: u.Metadata, PartCount: u.parts, Attributes: u.Attributes, Latest: true, table: u.table,
	}
	o.Location.NativeETag = u.nativeETag
	if u.named {
		o.VersionID = string(u.attempt)
	}
	return o
}

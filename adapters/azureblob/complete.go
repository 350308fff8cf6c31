package azureblob

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
)

// reasonDisturbed marks an upload whose blocks another write of the key dropped.
const reasonDisturbed = "UploadDisturbed"

// maxRaces is how often a completion without a condition of its caller's begins again because the key was written in between.
const maxRaces = 8

// CompleteUpload implements adapters.Store. The blob says in its metadata which upload made it of which bytes, so that a completion repeated
// after a lost answer says the same as the first, and two at once commit once: a second commit would change the ETag.
func (s *Store) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	name, storable, err := s.native(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if storable != nil {
		return adapters.Info{}, noSuchUpload(storable)
	}
	upload, err := parseUploadID(uploadID)
	if err != nil {
		return adapters.Info{}, err
	}
	conditions, err := writeConditions(o)
	if err != nil {
		return adapters.Info{}, err
	}
	w, err := wholeOf(parts)
	if err != nil {
		return adapters.Info{}, err
	}
	if o.CRC64 != nil && *o.CRC64 != w.crc {
		return adapters.Info{}, errs.Newf(errs.DataLoss, "the parts do not have the CRC-64/NVME that was announced")
	}
	c := completion{store: s, key: key, name: name, id: uploadID, upload: upload, parts: parts, whole: w, mark: fmt.Sprintf("%s-%016x", uploadID, w.crc)}
	for range maxRaces {
		info, err := c.try(ctx, conditions)
		if err == nil {
			return info, nil
		}
		if !errs.Is(err, errs.FailedPrecondition) && !errs.Is(err, errs.NotFound) {
			return adapters.Info{}, fmt.Errorf("complete upload: %w", err)
		}
		// Another call may have completed it, which is what this one failed on.
		if info, done, derr := c.done(ctx); derr != nil || done {
			return info, derr
		}
		if !httpstore.IsPrecondition(err) {
			return adapters.Info{}, fmt.Errorf("complete upload: %w", err)
		}
		if conditions != nil {
			return adapters.Info{}, httpstore.Condition(err, o.IfNoneMatch)
		}
	}
	return adapters.Info{}, errs.Newf(errs.Unavailable, "the key is written all the time")
}

// ownUploadBytes is the length of a completion's mark.
const ownUploadBytes = 32 + 1 + 16

type completion struct {
	store     *Store
	key, name string
	id        string
	upload    [16]byte
	parts     []adapters.Part
	whole     whole
	mark      string // value of ownUpload
	before    string // ETag of the object that is there, "" for none
}

// try commits the blocks, unless that has been done. Without conditions of the caller's it commits over what it saw itself.
func (c *completion) try(ctx context.Context, conditions *blob.AccessConditions) (adapters.Info, error) {
	info, done, err := c.done(ctx)
	if err != nil || done {
		return info, err
	}
	record, err := c.store.readRecord(ctx, c.key, c.id)
	if err != nil {
		return adapters.Info{}, err
	}
	blocks, err := c.blocks(ctx)
	if err != nil {
		return adapters.Info{}, err
	}
	headers, meta, err := describe(adapters.PutOptions{Headers: record.Headers, Metadata: record.Metadata, StorageClass: record.StorageClass}, map[string]string{ownUpload: c.mark})
	if err != nil {
		return adapters.Info{}, err
	}
	if conditions == nil {
		if conditions = matching(c.before); conditions == nil {
			absent := azcore.ETagAny
			conditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &absent}}
		}
	}
	_, err = c.store.client.NewBlockBlobClient(c.name).CommitBlockList(ctx, blocks, &blockblob.CommitBlockListOptions{
		HTTPHeaders: headers, Metadata: meta, Tier: tier(record.StorageClass), AccessConditions: conditions,
	})
	if err != nil {
		if isCode(err, bloberror.InvalidBlockList) {
			return adapters.Info{}, disturbed(c.store.redacted(err))
		}
		return adapters.Info{}, c.store.fail(ctx, "commit", err)
	}
	info, done, err = c.done(ctx)
	if err == nil && !done {
		err = errs.Newf(errs.FailedPrecondition, "the object was replaced as soon as it was complete")
	}
	return info, err
}

func disturbed(cause error) error {
	return errs.New(errs.FailedPrecondition, "a part is not there any more: another write of the key dropped it, or it expired", cause).Because(reasonDisturbed)
}

// done says whether the object is the one that this completion makes, describes it, and then closes the upload.
func (c *completion) done(ctx context.Context) (adapters.Info, bool, error) {
	info, mine, err := c.store.head(ctx, c.key)
	if errs.Is(err, errs.NotFound) {
		c.before = ""
		return adapters.Info{}, false, nil
	}
	if err != nil {
		return adapters.Info{}, false, err
	}
	if mine[ownUpload] != c.mark || info.Size != c.whole.size {
		c.before = info.ETag
		return adapters.Info{}, false, nil
	}
	if c.whole.verified {
		info.Verified, info.Proof, info.CRC64 = true, c.whole.proof, &c.whole.crc
	}
	_ = c.store.dropRecord(ctx, c.id) // what stays is listed as an open upload, and completes or aborts like one
	return info, true, nil
}

// blocks returns the ids of the parts' blocks. FailedPrecondition when a part was replaced, or is not there.
func (c *completion) blocks(ctx context.Context) ([]string, error) {
	out, err := c.store.client.NewBlockBlobClient(c.name).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if err != nil {
		if err = c.store.fail(ctx, "list blocks", err); errs.Is(err, errs.NotFound) {
			return nil, disturbed(err)
		}
		return nil, err
	}
	type staged struct {
		id   blockID
		size int64
	}
	latest := map[uint32]staged{}
	for _, b := range out.UncommittedBlocks {
		if b == nil {
			continue
		}
		id, ok := parseBlockID(value(b.Name))
		if !ok || id.upload != c.upload {
			continue
		}
		if was, ok := latest[id.n]; !ok || id.newer(was.id) {
			latest[id.n] = staged{id, value(b.Size)}
		}
	}
	if len(latest) == 0 {
		return nil, disturbed(nil)
	}
	ids := make([]string, 0, len(c.parts))
	for _, p := range c.parts {
		b, ok := latest[uint32(p.N)]
		if !ok || b.id.etag() != p.ETag {
			return nil, errs.Newf(errs.FailedPrecondition, "part %d is not there, or was replaced", p.N).Because("InvalidPart")
		}
		if b.id.empty() {
			continue
		}
		if b.size != p.Size {
			return nil, errs.Newf(errs.FailedPrecondition, "part %d has %d bytes at the store, not %d", p.N, b.size, p.Size).Because("InvalidPart")
		}
		ids = append(ids, b.id.String())
	}
	return ids, nil
}

// whole is what an object made of parts must look like.
type whole struct {
	size     int64
	crc      uint64
	verified bool // all parts are that have bytes
	proof    string
}

func wholeOf(parts []adapters.Part) (whole, error) {
	var w whole
	if err := adapters.CheckParts(parts, maxParts); err != nil {
		return w, err
	}
	unproven := false
	for _, p := range parts {
		if raw, err := hex.DecodeString(p.ETag); err != nil || len(raw) != len(blockID{}.try) {
			return w, errs.Newf(errs.FailedPrecondition, "part %d is none of this store", p.N).Because("InvalidPart")
		}
		w.crc = checksum.CombineCRC64(w.crc, p.CRC64, p.Size)
		w.size += p.Size
		if p.Size > 0 {
			unproven = unproven || !p.Verified
			w.proof = p.Proof
		}
	}
	w.verified = !unproven && w.size > 0
	return w, nil
}

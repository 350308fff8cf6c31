package catalogrpc

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/s3/catalog"
)

func fromLocation(l catalog.Location) *catalogpb.Location {
	return &catalogpb.Location{BackendId: l.BackendID, NativeKey: l.NativeKey, BlobId: l.BlobID, NativeEtag: l.NativeETag}
}

func toLocation(l *catalogpb.Location) catalog.Location {
	return catalog.Location{BackendID: l.GetBackendId(), NativeKey: l.GetNativeKey(), BlobID: l.GetBlobId(), NativeETag: l.GetNativeEtag()}
}

func fromHeaders(h adapters.ContentHeaders) *catalogpb.Headers {
	return &catalogpb.Headers{ContentType: h.ContentType, ContentEncoding: h.ContentEncoding, ContentLanguage: h.ContentLanguage,
		ContentDisposition: h.ContentDisposition, CacheControl: h.CacheControl, Expires: h.Expires}
}

func toHeaders(h *catalogpb.Headers) adapters.ContentHeaders {
	return adapters.ContentHeaders{ContentType: h.GetContentType(), ContentEncoding: h.GetContentEncoding(), ContentLanguage: h.GetContentLanguage(),
		ContentDisposition: h.GetContentDisposition(), CacheControl: h.GetCacheControl(), Expires: h.GetExpires()}
}

// summary renders what a listing shows of an object.
func summary(bucket string, o catalog.Object) *catalogpb.Object {
	return &catalogpb.Object{Bucket: bucket, Key: o.Key, Rev: string(o.Rev), Version: string(o.Version), VersionId: cmp.Or(o.VersionID, catalog.NullVersion), Location: fromLocation(o.Location), Size: o.Size, CipherSize: o.CipherSize, Etag: o.ETag,
		LastModified: timestamppb.New(o.Modified), StorageClass: o.StorageClass, Crc64: o.CRC64, PartCount: int32(o.PartCount)}
}

// whole renders an object with everything but its parts.
func whole(bucket string, o catalog.Object) *catalogpb.Object {
	p := summary(bucket, o)
	p.Checksums, p.ChecksumType, p.Headers, p.Metadata = o.Checksums, o.ChecksumType, fromHeaders(o.Headers), o.Metadata
	p.Encryption, p.Tags = o.Encryption, o.Tags
	return p
}

func toObject(p *catalogpb.Object) catalog.Object {
	return catalog.Object{Size: p.GetSize(), CipherSize: p.GetCipherSize(), Attributes: catalog.Attributes{Encryption: p.GetEncryption(), Tags: p.GetTags()}, ETag: p.GetEtag(), Modified: toTime(p.GetLastModified()), StorageClass: p.GetStorageClass(), CRC64: p.Crc64,
		Checksums: p.GetChecksums(), ChecksumType: p.GetChecksumType(), Headers: toHeaders(p.GetHeaders()), Metadata: p.GetMetadata()}
}

// toTime keeps an absent time the zero Time.
func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func fromParts(parts []catalog.ObjectPart) []*catalogpb.ObjectPart {
	list := make([]*catalogpb.ObjectPart, len(parts))
	for i, p := range parts {
		list[i] = &catalogpb.ObjectPart{N: int32(p.N), Size: p.Size, CipherSize: p.CipherSize, Salt: p.Salt, Crc64: p.CRC64}
	}
	return list
}

func toParts(parts []*catalogpb.ObjectPart) []catalog.ObjectPart {
	list := make([]catalog.ObjectPart, len(parts))
	for i, p := range parts {
		list[i] = catalog.ObjectPart{N: int(p.GetN()), Size: p.GetSize(), CipherSize: p.GetCipherSize(), Salt: p.GetSalt(), CRC64: p.GetCrc64()}
	}
	return list
}

// Package adapters holds the one interface behind which every object store stands.
//
// One folder per cloud implements Store, all/ names them, wrap/ decorates them, pool/ opens them for the
// services, adaptertest/ is the conformance suite that every implementation and decorator passes unchanged: where clouds differ,
// the suite reads Capabilities.
//
// Rules that every implementation obeys:
//   - Keys are valid UTF-8 without NUL, 1 to 1,024 bytes (Capabilities.MaxKeyBytes may allow fewer), and mean exactly themselves: no segment, dot or slash is special.
//     Anything else is InvalidArgument before the store is asked. A backend's prefix is joined in front by the implementation and never seen by callers.
//   - Errors carry a code of internal/errs. NotFound: no such object or upload. FailedPrecondition: IfMatch failed, or a part is not the one named.
//     AlreadyExists: IfNoneMatch failed. PermissionDenied, Unauthenticated: the store refused the credentials. ResourceExhausted: throttled or full.
//     Unavailable: not reachable. DataLoss: bytes did not match their checksum. Callers never see SDK types.
//   - Bodies stream: no method holds an object or a part in memory whole.
//   - All methods are safe for concurrent use and end soon after ctx does.
//
// Services may import it; it may import internal and proto.
package adapters

import (
	"context"
	"io"
	"time"
)

// Type names a kind of store, as in "aws-s3".
type Type string

// Store is one physical place for objects: an S3 bucket, an Azure container, a directory.
type Store interface {
	// Put stores an object whole or not at all: after a failed or cancelled Put nothing new is visible, and what was
	// there before is unchanged. A size of -1 means unknown; a body that is shorter or longer than a known size is InvalidArgument.
	// An error of the body is wrapped, so that errors.Is finds it. A body that blocks must end its Read soon after ctx does.
	// Conditions without Capabilities.ConditionalPut are Unimplemented.
	Put(ctx context.Context, key string, body io.Reader, size int64, o PutOptions) (Info, error)

	// Get opens the bytes of an object. The zero Range is all of it. A Range that starts at or past the end is
	// InvalidArgument with reason "InvalidRange"; one that ends past it is cut. With ifMatch set, another ETag is FailedPrecondition.
	// Info.Size is the size of the whole object. The caller closes the body; a connection that breaks midway makes Read fail, never end early.
	Get(ctx context.Context, key string, r Range, ifMatch string) (io.ReadCloser, Info, error)

	// Head describes an object.
	Head(ctx context.Context, key string) (Info, error)

	// Delete removes an object. To delete what is absent is no error, with ifMatch too. With ifMatch set another ETag is FailedPrecondition;
	// a store without Capabilities.ConditionalDelete compares with a fresh Head first.
	Delete(ctx context.Context, key string, ifMatch string) error

	// Copy makes the object key of the bytes of the object from inside the store, so that they do not travel. Headers, metadata and storage class are
	// those of o, nothing is taken over. An absent source is NotFound; with ifMatch set another ETag of the source is FailedPrecondition; a source above
	// Capabilities.MaxCopySize is InvalidArgument. A CRC64 of o is that of the source: a store that computes another one is DataLoss and nothing stays
	// visible. Whole or not at all, as Put. key and from may be the same: then the bytes stay whatever comes of it. Without Capabilities.ServerCopy
	// it is Unimplemented.
	Copy(ctx context.Context, key, from, ifMatch string, o PutOptions) (Info, error)

	// List returns up to limit objects whose keys begin with prefix and sort after after, in UTF-8 byte order of keys, also across pages.
	// limit is 1 to 1,000. Page.More says that another page follows: ask with after = the last key.
	// Info holds at least Key, Size, ModTime and ETag.
	List(ctx context.Context, prefix, after string, limit int) (Page, error)

	// CreateUpload starts a multipart upload and returns the store's id of it. It keeps headers, metadata and storage class of o; conditions and
	// CRC64 are those given to CompleteUpload, which in turn need not be given the rest again.
	CreateUpload(ctx context.Context, key string, o PutOptions) (string, error)

	// PutPart stores part n (1 to Capabilities.MaxParts), in any order, replacing an earlier one. sums are those of the part.
	PutPart(ctx context.Context, key, uploadID string, n int, body io.Reader, size int64, sums Sums) (Part, error)

	// CompleteUpload makes the object visible, of exactly these parts in ascending order of N. A part that was replaced since, or is absent, is
	// FailedPrecondition. Completed twice with the same parts it answers the same Info, for as long as the object is there.
	CompleteUpload(ctx context.Context, key, uploadID string, parts []Part, o PutOptions) (Info, error)

	// AbortUpload drops an upload and its parts. One that is absent or already complete is no error and nothing is changed.
	AbortUpload(ctx context.Context, key, uploadID string) error

	// ListUploads returns the open uploads whose keys begin with prefix, at most limit, in no promised order.
	ListUploads(ctx context.Context, prefix string, limit int) ([]Upload, error)

	// Capabilities says what this store can do; constant for its life.
	Capabilities() Capabilities

	// Close releases connections. Nothing may be called after it.
	Close() error
}

// Range is a part of an object. Offset counts from the start; a Length of 0 means to the end.
type Range struct {
	Offset, Length int64
}

// PutOptions says what to keep beside the bytes and under which conditions.
type PutOptions struct {
	IfNoneMatch  bool   // only where no object is: else AlreadyExists
	IfMatch      string // only over the object with this ETag: else FailedPrecondition
	Headers      ContentHeaders
	Metadata     map[string]string // user metadata; names lower case ASCII, values any UTF-8; returned as given
	StorageClass string
	CRC64        *uint64       // as Sums.CRC64
	MD5          func() []byte // as Sums.MD5, of Put alone: Copy and uploads do not ask it
	Unproven     bool          // as Sums.Unproven, of Put and CompleteUpload
}

// Sums returns what the caller says of the body's checksums.
func (o PutOptions) Sums() Sums { return Sums{CRC64: o.CRC64, MD5: o.MD5, Unproven: o.Unproven} }

// Sums are the checksums of a whole body that its sender has, so that they are not computed twice, and whether it wants a proof. The zero value says that it has none
// and wants one.
type Sums struct {
	// CRC64 is the CRC-64/NVME, when known beforehand: the store or the adapter refuses other bytes with DataLoss.
	CRC64 *uint64

	// MD5 returns the MD5, 16 bytes, for a sender who has it beforehand (KnownMD5) or computes it while the body is read: then it returns nil until Read
	// has returned io.EOF. It is asked before the first Read, and after io.EOF, by whoever reads. An adapter whose proof is an MD5 that the store computed
	// compares the two in place of computing its own; where they differ it is DataLoss and nothing stays visible. It may also have the store refuse other bytes.
	// Adapters with another proof pay no heed to it. One that is still nil after io.EOF leaves the bytes without a proof, not Verified.
	//
	// It has to be the MD5 of the very bytes that Read returns, or of those that they should be: never one that merely may be right, such as the ETag of
	// an object that was made of parts.
	MD5 func() []byte

	// Unproven says that the caller does without a proof: what would take further operations of the store, or hashing beyond the CRC-64/NVME, is left out, so
	// Info.Verified and Part.Verified may be false. All else holds: what is known to be wrong is refused, and a proof that costs nothing is given. It is for those
	// who count nothing as copied by it and remove no source: clients' uploads.
	Unproven bool
}

// KnownMD5 makes the Sums.MD5 of a sum that is known beforehand, nil for a nil one.
func KnownMD5(sum []byte) func() []byte {
	if sum == nil {
		return nil
	}
	return func() []byte { return sum }
}

// ContentHeaders are the HTTP headers that travel with an object.
type ContentHeaders struct {
	ContentType, ContentEncoding, ContentLanguage, ContentDisposition, CacheControl, Expires string
}

// Info describes an object as the store itself sees it.
type Info struct {
	Key     string
	Size    int64
	ModTime time.Time
	// ETag is the store's own, without quotes; it changes whenever the bytes do. One of 32 hex digits is taken for the MD5 of the bytes, as S3 means it:
	// a store whose tags look so and are none only has objects copied once more.
	ETag         string
	CRC64        *uint64 // CRC-64/NVME of the whole object, only when the store itself computed or checked it, nil when it has none
	MD5          []byte  // of the whole object, under the same rule
	StorageClass string
	Headers      ContentHeaders    // not filled by List
	Metadata     map[string]string // not filled by List
	// Verified says that the store checked or computed a checksum of the bytes of this very Put, Copy, PutPart or CompleteUpload, or that the
	// adapter compared one that the store computed with its own; set on their answers only.
	Verified bool
	// Proof names how, for reports: "store-checked-crc64nvme", "posix-crc64nvme-before-rename"; README lists them all.
	Proof string
}

// Part is one stored part: it names exactly the bytes that were sent.
type Part struct {
	N        int
	Size     int64
	ETag     string // the store's own
	CRC64    uint64 // CRC-64/NVME of the bytes sent, computed on the way by the adapter
	MD5      []byte // of the bytes sent, when the adapter computed it or was told it; may be nil
	Verified bool   // as Info.Verified
	Proof    string
}

// Upload is an open multipart upload.
type Upload struct {
	Key, ID string
	Created time.Time
}

// Page is one page of a listing.
type Page struct {
	Objects []Info
	More    bool
}

// Capabilities declares what a store can do. Sizes are in bytes. The conformance suite tests what is declared.
type Capabilities struct {
	MaxObjectSize int64
	MaxPutSize    int64 // of one Put
	Multipart     bool
	MinPartSize   int64 // of all parts but the last
	MaxPartSize   int64
	MaxParts      int
	// ExclusiveUploads: a key has one upload at a time that can succeed. Any other write of the key may drop the parts of its open uploads: completing
	// one is FailedPrecondition or NotFound then, and changes nothing. Without it uploads and Puts of one key do not disturb each other.
	ExclusiveUploads  bool
	NeedsAllParts     bool     // CompleteUpload may refuse, with FailedPrecondition, to leave out parts that were stored
	MaxKeyBytes       int      // less what the backend's prefix takes
	ConditionalPut    bool     // IfNoneMatch and IfMatch are atomic in the store
	ConditionalDelete bool     // IfMatch on Delete is atomic in the store
	ServerCopy        bool     // Copy works
	MaxCopySize       int64    // of one Copy; 0 without ServerCopy
	StoresChecksum    bool     // Info.CRC64 is filled by Head
	StorageClasses    []string // accepted values, the first is the default; empty when the store has none
	// S3Classes are names that S3 has for some of them, as in "GLACIER" for "COLD". They are accepted too, and answered by the store's own names.
	S3Classes map[string]string
}

// Config says how to reach a store; field names are those of REST's backend resource.
type Config struct {
	Type       Type
	Region     string
	Endpoint   string
	BucketName string
	Prefix     string
	Access     string
	Security   string // the secret; never logged
	Options    map[string]string
}

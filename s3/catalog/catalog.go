package catalog

import (
	"context"
	"sync"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
)

// Bucket is a logical container. ID names one incarnation: a bucket deleted and made again has another.
type Bucket struct {
	Name      string
	ID        string
	Owner     string // a user
	BackendID string // placement: where new objects go
	Created   time.Time
	Rev       docstore.Rev
	// Settings are the sub-resources that the bucket has (policy, tagging and so on), each with the revision of its bytes. Not to be changed.
	Settings map[string]docstore.Rev
	// Versioning is Enabled, Suspended, or empty when it never was enabled.
	Versioning       string
	ObjectLock       bool // versions can be locked; Versioning is Enabled then and stays so
	DefaultRetention DefaultRetention

	read time.Time // when it was asked for, with its monotonic reading; the zero Time: long ago
}

// Location says where the bytes are.
type Location struct {
	BackendID  string
	NativeKey  string // within the backend, its prefix excluded
	BlobID     string // empty for an adopted object
	NativeETag string
}

// Object is one version of a key. The zero Object is no object.
type Object struct {
	Key          string
	Rev          docstore.Rev // of the last change: a relocation changes it as well
	Version      docstore.Rev // of the change that brought these bytes: two readings with the same Version have the same content. Set by Commit
	Location     Location
	Size         int64  // as S3 shows it
	CipherSize   int64  // of an encrypted object: bytes of its blob; else 0
	ETag         string // as S3 shows it, without quotes
	Modified     time.Time
	StorageClass string
	CRC64        *uint64           // CRC-64/NVME of the whole blob, nil only for adopted objects
	Checksums    map[string][]byte // of what S3 shows, by its names: CRC32, CRC32C, CRC64NVME, SHA1, SHA256
	ChecksumType string            // FULL_OBJECT or COMPOSITE
	Headers      adapters.ContentHeaders
	Metadata     map[string]string
	PartCount    int // of a multipart object, else 0; its parts are in its part table
	Attributes

	VersionID    string // as clients see it; empty: they see "null"
	DeleteMarker bool   // it says that the key has no object; only Key, Rev, Version, VersionID, Modified and Owner are set
	Latest       bool   // the current version

	table string // names the part table; set by the catalog only
}

// Attributes are what S3 keeps beside the bytes of an object. All but Encryption may change without new bytes (API.Amend).
type Attributes struct {
	Owner      string // a user; empty: the owner of the bucket
	ACL        []byte // as s3/acl encodes it; nil: private
	Tags       map[string]string
	Retention  Retention
	LegalHold  bool
	Redirect   string // where a website sends who asks for the object
	Encryption []byte // the envelope, as s3/sse encodes it; nil: the blob holds the bytes in clear
}

// EncryptionSetting is the name of the setting by which a bucket encrypts what is put into it.
const EncryptionSetting = "encryption"

// NullVersion is the version id of objects that were made while their bucket had no versions.
const NullVersion = "null"

// BlobSize is the number of bytes that the object has in its store.
func (o Object) BlobSize() int64 { return max(o.Size, o.CipherSize) }

// ObjectPart is one row of the part table of a multipart object.
type ObjectPart struct {
	N          int
	Size       int64             // as S3 shows it
	CipherSize int64             // of an encrypted part: its bytes in the blob; else 0
	Salt       []byte            // of an encrypted part, as s3/sse has it
	CRC64      uint64            // of its bytes in the blob
	ETag       string            // as S3 shows it: 32 hexadecimal digits
	Checksums  map[string][]byte // as the client sent or asked for
}

// BlobSize is the number of bytes that the part has in its store.
func (p ObjectPart) BlobSize() int64 { return max(p.Size, p.CipherSize) }

// Write is one attempt to change a key, begun and not yet committed.
type Write struct {
	ID       string // names the journal note
	Bucket   Bucket
	Key      string
	Location Location      // where to upload
	TTL      time.Duration // commit or renew within it, counted from before Begin

	mu    sync.Mutex    // Renew, Commit and Abandon take turns
	ch    *change       // its note and base are read once ready is closed
	ready chan struct{} // closed when the note is stored, or could not be
	noted error         // why it could not be; read once ready is closed
}

// Condition guards a commit or a delete. The zero Condition allows any state. ErrPrecondition (FailedPrecondition, reason
// "PreconditionFailed") is the answer when it does not hold; IfMatch on an absent key is NotFound with reason "NoSuchKey".
type Condition struct {
	IfAbsent  bool         // If-None-Match: *
	IfETag    string       // If-Match, without quotes; * for any object
	IfNotETag string       // If-None-Match of an ETag, without quotes: what is absent will do
	IfRev     docstore.Rev // for movers: the Rev or the Version of the object

	Bypass bool   // of a Delete: retention of mode GOVERNANCE does not hold it up
	Owner  string // of a Delete: whose delete marker it is, if it lays one
}

// Deleted says what a Delete did.
type Deleted struct {
	Existed   bool   // false: there was nothing to do
	VersionID string // of the version that was deleted, as it was named, or of the delete marker that was laid
	Marker    bool   // a delete marker was laid or, where a version was named, deleted
}

// Listing asks for one page. Keys and common prefixes together count against Limit.
type Listing struct {
	Bucket    Bucket
	Prefix    string
	Delimiter string
	After     string // keys and prefixes at or before it are left out; a common prefix rolled up before is given as the prefix itself
	Limit     int    // 1 to 1,000
}

// Page is one page: objects and common prefixes each in order. Next is the After of the following page when More.
type Page struct {
	Objects        []Object // without Headers, Metadata
	CommonPrefixes []string
	More           bool
	Next           string
}

// Upload is an open multipart upload.
type Upload struct {
	ID                string
	Bucket            Bucket
	Key               string
	Initiated         time.Time
	Initiator         string            // the user who began it; empty: nobody known
	Described         map[string]string // headers that it was begun with, for policies to judge its parts by
	Location          Location          // where the parts and the object go
	NativeID          string
	Headers           adapters.ContentHeaders
	Metadata          map[string]string
	StorageClass      string
	ChecksumAlgorithm string // S3's name, or empty
	ChecksumType      string // FULL_OBJECT, COMPOSITE or empty
	Attributes               // of the object
}

// UploadPart is a stored part of an open upload.
type UploadPart struct {
	ObjectPart
	Native   adapters.Part
	Modified time.Time
}

// CompletedPart is what the client lists in CompleteMultipartUpload.
type CompletedPart struct {
	N         int
	ETag      string
	Checksums map[string][]byte // those that it repeated
}

// StoreOpener gives the opened store of a backend; adapters/pool implements it.
type StoreOpener interface {
	// Store returns the store of a backend. NotFound for an unknown one. The result is shared: do not close it.
	Store(ctx context.Context, backendID string) (adapters.Store, error)
}

// API is the catalog as the S3 handlers and catalogrpc use it. *Catalog implements it.
//
// Errors are errs with S3's own code as the reason wherever S3 has one: NoSuchBucket, NoSuchKey, NoSuchVersion, NoSuchUpload, BucketAlreadyExists,
// BucketAlreadyOwnedByYou, BucketNotEmpty, InvalidPart, InvalidPartOrder, InvalidStorageClass, EntityTooSmall, EntityTooLarge,
// PreconditionFailed.
type API interface {
	// CreateBucket makes a bucket with Name, Owner, BackendID, Versioning and ObjectLock as given, and with settings from the start.
	CreateBucket(ctx context.Context, b Bucket, settings map[string][]byte) (Bucket, error)
	Bucket(ctx context.Context, name string) (Bucket, error) // may be 2 s old
	Buckets(ctx context.Context, owner, after string, limit int) (buckets []Bucket, more bool, err error)
	DeleteBucket(ctx context.Context, name string) error
	SetPlacement(ctx context.Context, name, backendID string) (Bucket, error)
	// SetVersioning, SetObjectLock and SetSettings change the bucket with b's Name and ID, or, where the ID is empty, whichever has the Name. NoSuchBucket when it is gone, even
	// if another one has its name by now.

	// SetVersioning enables or suspends versioning. It answers when no write can begin by the former state any more. FailedPrecondition with reason
	// InvalidBucketState when versions of the bucket can be locked and are not to be enabled.
	SetVersioning(ctx context.Context, b Bucket, state string) (Bucket, error)
	// SetObjectLock makes versions of a bucket lockable, for ever, and says what new ones get. FailedPrecondition with reason InvalidBucketState unless
	// versioning is enabled.
	SetObjectLock(ctx context.Context, b Bucket, d DefaultRetention) (Bucket, error)
	// Setting returns the bytes of one of b.Settings. They may be shared: do not change them. NotFound with reason NoSuchSetting when b has none of this name,
	// or when it was changed since b was read.
	Setting(ctx context.Context, b Bucket, name string) ([]byte, error)
	// SetSettings changes settings of a bucket in one step; nil bytes remove one. At most 1 MiB each. This process sees them at once, others within 2 s.
	SetSettings(ctx context.Context, b Bucket, settings map[string][]byte) (Bucket, error)

	// Get returns an object: the current one when versionID is empty. NotFound with reason NoSuchKey or NoSuchVersion when there is none. Where a delete marker is
	// current, it comes with the error NoSuchKey; where one is named, with FailedPrecondition and reason MethodNotAllowed.
	Get(ctx context.Context, b Bucket, key, versionID string) (Object, error)
	// Amend changes the Attributes of an object without new bytes: alter gets the object as it is, perhaps several times; it replaces maps and
	// slices rather than changing them, and its errors are answered as they are.
	Amend(ctx context.Context, b Bucket, key, versionID string, alter func(o *Object) error) (Object, error)
	// Parts returns rows of an object's part table with N > after.
	Parts(ctx context.Context, o Object, after, limit int) ([]ObjectPart, error)
	List(ctx context.Context, l Listing) (Page, error)
	ListVersions(ctx context.Context, l VersionListing) (VersionPage, error)

	// Begin draws a write for key on the backend, or on the bucket's placement when backendID is empty. The note may still be on its way
	// to disk when Begin returns; Commit waits for it.
	Begin(ctx context.Context, b Bucket, key, backendID string, size int64) (*Write, error)
	// Renew prolongs a write that takes longer than its TTL. What fails is tried again with the next call, unless the reason is Expired: then the
	// write was given up.
	Renew(ctx context.Context, w *Write) error
	// Commit makes o the current object of w's key. o.Location is w's with NativeETag; o.Rev is set by the result.
	Commit(ctx context.Context, w *Write, o Object, parts []ObjectPart, c Condition) (Object, error)
	// Abandon gives a write up; its blob is collected. It never fails: what it cannot do the reader does later.
	Abandon(ctx context.Context, w *Write)
	// Delete deletes the named version for good: AccessDenied while it is locked. Without a version id it lays a delete marker where the bucket has
	// versions, and else deletes the object. To delete what is absent is no error.
	Delete(ctx context.Context, b Bucket, key, versionID string, c Condition) (Deleted, error)

	CreateUpload(ctx context.Context, u Upload) (Upload, error) // ID, Location and NativeID are drawn; the native upload is made
	Upload(ctx context.Context, b Bucket, key, uploadID string) (Upload, error)
	Uploads(ctx context.Context, b Bucket, prefix, afterKey, afterID string, limit int) (uploads []Upload, more bool, err error)
	// PutPart records a part that was uploaded to the upload's location.
	PutPart(ctx context.Context, u Upload, p UploadPart) error
	UploadParts(ctx context.Context, u Upload, after, limit int) (parts []UploadPart, more bool, err error)
	// CompleteUpload checks the list, completes natively and commits. Repeated with the same list it repeats its answer for a day.
	// expect holds the full-object checksums that the client claims; another value is InvalidArgument with reason BadDigest.
	CompleteUpload(ctx context.Context, b Bucket, key, uploadID string, list []CompletedPart, expect map[string][]byte, c Condition) (Object, error)
	AbortUpload(ctx context.Context, b Bucket, key, uploadID string) error
}

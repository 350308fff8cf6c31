package s3

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// level says what a request is about.
type level uint8

const (
	onService level = iota + 1
	onBucket
	onObject
)

// operation is one row of the operation table. A row applies when method and level are the request's and its marker, if any, is
// in the query and its header, if any, is sent. The first row that applies serves.
type operation struct {
	name    string
	method  string
	level   level
	marker  string // query parameter; with "&" a second one that must be there too
	header  string // canonical name
	action  string // what the caller must be allowed to do, as IAM names it; empty: the handler asks
	version string // the same when a version is named
	handler func(*Service, http.ResponseWriter, *request) error
}

// operations is the operation table: the one place that says method, path, query, permission and handler. A new operation is one row here and one file op_<name>.go.
func operations() []operation {
	return []operation{
		{"ListBuckets", http.MethodGet, onService, "", "", "s3:ListAllMyBuckets", "", (*Service).listBuckets},

		{"GetBucketAccelerateConfiguration", http.MethodGet, onBucket, "accelerate", "", "s3:GetAccelerateConfiguration", "", (*Service).getBucketAccelerateConfiguration},
		{"GetBucketCors", http.MethodGet, onBucket, "cors", "", "s3:GetBucketCORS", "", (*Service).getBucketCors},
		{"GetBucketLifecycleConfiguration", http.MethodGet, onBucket, "lifecycle", "", "s3:GetLifecycleConfiguration", "", (*Service).getBucketLifecycleConfiguration},
		{"GetBucketEncryption", http.MethodGet, onBucket, "encryption", "", "s3:GetEncryptionConfiguration", "", (*Service).getBucketEncryption},
		{"GetBucketLocation", http.MethodGet, onBucket, "location", "", "s3:GetBucketLocation", "", (*Service).getBucketLocation},
		{"GetBucketLogging", http.MethodGet, onBucket, "logging", "", "s3:GetBucketLogging", "", (*Service).getBucketLogging},
		{"GetBucketNotificationConfiguration", http.MethodGet, onBucket, "notification", "", "s3:GetBucketNotification", "", (*Service).getBucketNotificationConfiguration},
		{"GetBucketPolicy", http.MethodGet, onBucket, "policy", "", "s3:GetBucketPolicy", "", (*Service).getBucketPolicy},
		{"GetBucketPolicyStatus", http.MethodGet, onBucket, "policyStatus", "", "s3:GetBucketPolicyStatus", "", (*Service).getBucketPolicyStatus},
		{"GetPublicAccessBlock", http.MethodGet, onBucket, "publicAccessBlock", "", "s3:GetBucketPublicAccessBlock", "", (*Service).getPublicAccessBlock},
		{"GetBucketRequestPayment", http.MethodGet, onBucket, "requestPayment", "", "s3:GetBucketRequestPayment", "", (*Service).getBucketRequestPayment},
		{"GetBucketWebsite", http.MethodGet, onBucket, "website", "", "s3:GetBucketWebsite", "", (*Service).getBucketWebsite},
		{"GetBucketTagging", http.MethodGet, onBucket, "tagging", "", "s3:GetBucketTagging", "", (*Service).getBucketTagging},
		{"GetBucketAcl", http.MethodGet, onBucket, "acl", "", "s3:GetBucketAcl", "", (*Service).getBucketACL},
		{"GetBucketOwnershipControls", http.MethodGet, onBucket, "ownershipControls", "", "s3:GetBucketOwnershipControls", "", (*Service).getBucketOwnershipControls},
		{"GetObjectLockConfiguration", http.MethodGet, onBucket, "object-lock", "", "s3:GetBucketObjectLockConfiguration", "", (*Service).getObjectLockConfiguration},
		{"GetBucketVersioning", http.MethodGet, onBucket, "versioning", "", "s3:GetBucketVersioning", "", (*Service).getBucketVersioning},
		{"ListMultipartUploads", http.MethodGet, onBucket, "uploads", "", "s3:ListBucketMultipartUploads", "", (*Service).listMultipartUploads},
		{"ListObjectVersions", http.MethodGet, onBucket, "versions", "", "s3:ListBucketVersions", "", (*Service).listObjectVersions},
		{"ListObjectsV2", http.MethodGet, onBucket, "list-type", "", "s3:ListBucket", "", (*Service).listObjectsV2},
		{"ListObjects", http.MethodGet, onBucket, "", "", "s3:ListBucket", "", (*Service).listObjects},
		{"HeadBucket", http.MethodHead, onBucket, "", "", "s3:ListBucket", "", (*Service).headBucket},
		{"PutBucketLogging", http.MethodPut, onBucket, "logging", "", "s3:PutBucketLogging", "", (*Service).putBucketLogging},
		{"PutBucketNotificationConfiguration", http.MethodPut, onBucket, "notification", "", "s3:PutBucketNotification", "", (*Service).putBucketNotificationConfiguration},
		{"PutBucketPolicy", http.MethodPut, onBucket, "policy", "", "s3:PutBucketPolicy", "", (*Service).putBucketPolicy},
		{"PutPublicAccessBlock", http.MethodPut, onBucket, "publicAccessBlock", "", "s3:PutBucketPublicAccessBlock", "", (*Service).putPublicAccessBlock},
		{"PutBucketAcl", http.MethodPut, onBucket, "acl", "", "s3:PutBucketAcl", "", (*Service).putBucketACL},
		{"PutBucketOwnershipControls", http.MethodPut, onBucket, "ownershipControls", "", "s3:PutBucketOwnershipControls", "", (*Service).putBucketOwnershipControls},
		{"CreateBucket", http.MethodPut, onBucket, "", "", "s3:CreateBucket", "", (*Service).createBucket},
		{"PutBucketAccelerateConfiguration", http.MethodPut, onBucket, "accelerate", "", "s3:PutAccelerateConfiguration", "", (*Service).putBucketAccelerateConfiguration},
		{"PutBucketCors", http.MethodPut, onBucket, "cors", "", "s3:PutBucketCORS", "", (*Service).putBucketCors},
		{"PutBucketLifecycleConfiguration", http.MethodPut, onBucket, "lifecycle", "", "s3:PutLifecycleConfiguration", "", (*Service).putBucketLifecycleConfiguration},
		{"PutBucketRequestPayment", http.MethodPut, onBucket, "requestPayment", "", "s3:PutBucketRequestPayment", "", (*Service).putBucketRequestPayment},
		{"PutBucketTagging", http.MethodPut, onBucket, "tagging", "", "s3:PutBucketTagging", "", (*Service).putBucketTagging},
		{"PutBucketWebsite", http.MethodPut, onBucket, "website", "", "s3:PutBucketWebsite", "", (*Service).putBucketWebsite},
		{"PutObjectLockConfiguration", http.MethodPut, onBucket, "object-lock", "", "s3:PutBucketObjectLockConfiguration", "", (*Service).putObjectLockConfiguration},
		{"PutBucketVersioning", http.MethodPut, onBucket, "versioning", "", "s3:PutBucketVersioning", "", (*Service).putBucketVersioning},
		{"DeleteBucketPolicy", http.MethodDelete, onBucket, "policy", "", "s3:DeleteBucketPolicy", "", removeSetting(policySetting)},
		{"DeletePublicAccessBlock", http.MethodDelete, onBucket, "publicAccessBlock", "", "s3:PutBucketPublicAccessBlock", "", removeSetting(publicAccessSetting)},
		{"PutBucketEncryption", http.MethodPut, onBucket, "encryption", "", "s3:PutEncryptionConfiguration", "", (*Service).putBucketEncryption},
		{"DeleteBucketEncryption", http.MethodDelete, onBucket, "encryption", "", "s3:PutEncryptionConfiguration", "", removeSetting(encryptionSetting)},
		{"DeleteBucketOwnershipControls", http.MethodDelete, onBucket, "ownershipControls", "", "s3:PutBucketOwnershipControls", "", removeSetting(ownershipSetting)},
		{"DeleteBucket", http.MethodDelete, onBucket, "", "", "s3:DeleteBucket", "", (*Service).deleteBucket},
		{"DeleteBucketCors", http.MethodDelete, onBucket, "cors", "", "s3:PutBucketCORS", "", removeSetting(settingCORS)},
		{"DeleteBucketLifecycle", http.MethodDelete, onBucket, "lifecycle", "", "s3:PutLifecycleConfiguration", "", removeSetting(settingLifecycle)},
		{"DeleteBucketTagging", http.MethodDelete, onBucket, "tagging", "", "s3:PutBucketTagging", "", removeSetting(settingTagging)},
		{"DeleteBucketWebsite", http.MethodDelete, onBucket, "website", "", "s3:DeleteBucketWebsite", "", removeSetting(settingWebsite)},
		{"DeleteObjects", http.MethodPost, onBucket, "delete", "", "", "", (*Service).deleteObjects},
		{"PostObject", http.MethodPost, onBucket, "", "", "", "", (*Service).postObject},

		{"GetObjectAttributes", http.MethodGet, onObject, "attributes", "", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", (*Service).getObjectAttributes},
		{"GetObjectLegalHold", http.MethodGet, onObject, "legal-hold", "", "s3:GetObjectLegalHold", "", (*Service).getObjectLegalHold},
		{"GetObjectRetention", http.MethodGet, onObject, "retention", "", "s3:GetObjectRetention", "", (*Service).getObjectRetention},
		{"GetObjectTagging", http.MethodGet, onObject, "tagging", "", "s3:GetObjectTagging", "s3:GetObjectVersionTagging", (*Service).getObjectTagging},
		{"ListParts", http.MethodGet, onObject, "uploadId", "", "s3:ListMultipartUploadParts", "", (*Service).listParts},
		{"GetObjectAcl", http.MethodGet, onObject, "acl", "", "s3:GetObjectAcl", "s3:GetObjectVersionAcl", (*Service).getObjectACL},
		{"GetObject", http.MethodGet, onObject, "", "", "s3:GetObject", "s3:GetObjectVersion", (*Service).getObject},
		{"HeadObject", http.MethodHead, onObject, "", "", "s3:GetObject", "s3:GetObjectVersion", (*Service).headObject},
		{"PutObjectLegalHold", http.MethodPut, onObject, "legal-hold", "", "s3:PutObjectLegalHold", "", (*Service).putObjectLegalHold},
		{"PutObjectRetention", http.MethodPut, onObject, "retention", "", "s3:PutObjectRetention", "", (*Service).putObjectRetention},
		{"PutObjectTagging", http.MethodPut, onObject, "tagging", "", "s3:PutObjectTagging", "s3:PutObjectVersionTagging", (*Service).putObjectTagging},
		{"PutObjectAcl", http.MethodPut, onObject, "acl", "", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", (*Service).putObjectACL},
		{"UploadPartCopy", http.MethodPut, onObject, "uploadId", "X-Amz-Copy-Source", "s3:PutObject", "", (*Service).uploadPartCopy},
		{"UploadPart", http.MethodPut, onObject, "uploadId", "", "s3:PutObject", "", (*Service).uploadPart},
		{"CopyObject", http.MethodPut, onObject, "", "X-Amz-Copy-Source", "s3:PutObject", "", (*Service).copyObject},
		{"PutObject", http.MethodPut, onObject, "", "", "s3:PutObject", "", (*Service).putObject},
		{"RestoreObject", http.MethodPost, onObject, "restore", "", "s3:RestoreObject", "", (*Service).restoreObject},
		{"CreateMultipartUpload", http.MethodPost, onObject, "uploads", "", "s3:PutObject", "", (*Service).createMultipartUpload},
		{"CompleteMultipartUpload", http.MethodPost, onObject, "uploadId", "", "s3:PutObject", "", (*Service).completeMultipartUpload},
		{"AbortMultipartUpload", http.MethodDelete, onObject, "uploadId", "", "s3:AbortMultipartUpload", "", (*Service).abortMultipartUpload},
		{"DeleteObjectTagging", http.MethodDelete, onObject, "tagging", "", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", (*Service).deleteObjectTagging},
		{"DeleteObject", http.MethodDelete, onObject, "", "", "s3:DeleteObject", "s3:DeleteObjectVersion", (*Service).deleteObject},
	}
}

// wholeTable is every operation of S3: those that are built, then those that are not.
func wholeTable() []operation { return append(operations(), unbuilt()...) }

// route finds the operation of a request. It is pure: it depends on its arguments alone. A query parameter that marks an operation of any row never falls
// through to the operation on the bucket or object itself: where no row has it with this method, the answer is MethodNotAllowed. A row without a handler is NotImplemented.
func route(table []operation, method, bucket, key string, query url.Values, header http.Header) (*operation, error) {
	l := onService
	switch {
	case bucket == "" && key != "":
		return nil, fail("InvalidBucketName", "The specified bucket is not valid.")
	case key != "":
		l = onObject
	case bucket != "":
		l = onBucket
	}
	marked := false
	for name := range query {
		if foreign(name) {
			return nil, notImplemented("?" + name)
		}
		marked = marked || slices.ContainsFunc(table, func(o operation) bool { return o.marks(name) })
	}
	for i := range table {
		o := &table[i]
		if o.method != method || o.level != l || o.header != "" && header[o.header] == nil {
			continue
		}
		if o.marker == "" && marked || o.marker != "" && !o.marked(query) {
			continue
		}
		if o.handler == nil {
			return nil, notImplemented(o.name)
		}
		return o, nil
	}
	return nil, fail("MethodNotAllowed", "The specified method is not allowed against this resource.")
}

// operationNamed finds an operation by its name.
func operationNamed(table []operation, name string) *operation {
	return &table[slices.IndexFunc(table, func(o operation) bool { return o.name == name })]
}

// marks reports whether a query parameter makes this operation of a request.
func (o *operation) marks(name string) bool {
	marker, _, _ := strings.Cut(o.marker, "&")
	return marker != "" && marker == name
}

// marked reports whether a query has all parameters of the marker.
func (o *operation) marked(query url.Values) bool {
	for name := range strings.SplitSeq(o.marker, "&") {
		if !query.Has(name) {
			return false
		}
	}
	return true
}

// locate takes bucket and key from host name and decoded path. Every slash behind the one after the bucket belongs to the key.
func locate(host, path string, domains []string) (bucket, key string, virtual bool) {
	path = strings.TrimPrefix(path, "/")
	for _, domain := range domains {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if at := len(host) - len(domain) - 1; domain != "" && at > 0 && host[at] == '.' && strings.EqualFold(host[at+1:], domain) {
			return strings.ToLower(host[:at]), path, true
		}
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key, false
}

// unbuiltFeature refuses request headers that ask for what this build does not have, rather than ignoring them.
func unbuiltFeature(header http.Header) error {
	for name, values := range header {
		feature, ok := strings.CutPrefix(name, "X-Amz-")
		if !ok || len(values) == 0 {
			continue
		}
		switch feature {
		case "Write-Offset-Bytes", "Rename-Source":
			return notImplemented(strings.ToLower(name))
		}
	}
	return nil
}

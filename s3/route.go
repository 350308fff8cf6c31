package s3

import (
	"net"
	"net/http"
	"net/url"
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
	marker  string // query parameter
	header  string // canonical name
	action  string // what the caller must be allowed to do, as IAM names it; empty: the handler asks
	version string // the same when a version is named
	handler func(*Service, http.ResponseWriter, *request) error
}

// operations is the operation table: the one place that says method, path, query, permission and handler. A new operation is one row here and one file op_<name>.go.
func operations() []operation {
	return []operation{
		{"ListBuckets", http.MethodGet, onService, "", "", "s3:ListAllMyBuckets", "", (*Service).listBuckets},

		{"GetBucketLocation", http.MethodGet, onBucket, "location", "", "s3:GetBucketLocation", "", (*Service).getBucketLocation},
		{"ListMultipartUploads", http.MethodGet, onBucket, "uploads", "", "s3:ListBucketMultipartUploads", "", (*Service).listMultipartUploads},
		{"ListObjectsV2", http.MethodGet, onBucket, "list-type", "", "s3:ListBucket", "", (*Service).listObjectsV2},
		{"ListObjects", http.MethodGet, onBucket, "", "", "s3:ListBucket", "", (*Service).listObjects},
		{"HeadBucket", http.MethodHead, onBucket, "", "", "s3:ListBucket", "", (*Service).headBucket},
		{"CreateBucket", http.MethodPut, onBucket, "", "", "s3:CreateBucket", "", (*Service).createBucket},
		{"DeleteBucket", http.MethodDelete, onBucket, "", "", "s3:DeleteBucket", "", (*Service).deleteBucket},
		{"DeleteObjects", http.MethodPost, onBucket, "delete", "", "", "", (*Service).deleteObjects},

		{"ListParts", http.MethodGet, onObject, "uploadId", "", "s3:ListMultipartUploadParts", "", (*Service).listParts},
		{"GetObject", http.MethodGet, onObject, "", "", "s3:GetObject", "s3:GetObjectVersion", (*Service).getObject},
		{"HeadObject", http.MethodHead, onObject, "", "", "s3:GetObject", "s3:GetObjectVersion", (*Service).headObject},
		{"UploadPartCopy", http.MethodPut, onObject, "uploadId", "X-Amz-Copy-Source", "s3:PutObject", "", (*Service).uploadPartCopy},
		{"UploadPart", http.MethodPut, onObject, "uploadId", "", "s3:PutObject", "", (*Service).uploadPart},
		{"CopyObject", http.MethodPut, onObject, "", "X-Amz-Copy-Source", "s3:PutObject", "", (*Service).copyObject},
		{"PutObject", http.MethodPut, onObject, "", "", "s3:PutObject", "", (*Service).putObject},
		{"CreateMultipartUpload", http.MethodPost, onObject, "uploads", "", "s3:PutObject", "", (*Service).createMultipartUpload},
		{"CompleteMultipartUpload", http.MethodPost, onObject, "uploadId", "", "s3:PutObject", "", (*Service).completeMultipartUpload},
		{"AbortMultipartUpload", http.MethodDelete, onObject, "uploadId", "", "s3:AbortMultipartUpload", "", (*Service).abortMultipartUpload},
		{"DeleteObject", http.MethodDelete, onObject, "", "", "s3:DeleteObject", "s3:DeleteObjectVersion", (*Service).deleteObject},
	}
}

// route finds the operation of a request. It is pure: it depends on its arguments alone. A sub-resource that is not built is NotImplemented for
// every method, so that nothing falls through to the operation on the bucket or object itself; what is left over is MethodNotAllowed.
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
	marked := ""
	for name := range query {
		if notBuilt(name) {
			return nil, notImplemented("?" + name)
		}
		if isMarker(name) {
			marked = name
		}
	}
	for i := range table {
		o := &table[i]
		if o.method != method || o.level != l || o.header != "" && header[o.header] == nil {
			continue
		}
		if o.marker == "" && marked == "" || o.marker != "" && query.Has(o.marker) {
			return o, nil
		}
	}
	if method == http.MethodPost && l == onBucket && marked == "" {
		return nil, notImplemented("POST of an object as a form")
	}
	return nil, fail("MethodNotAllowed", "The specified method is not allowed against this resource.")
}

// isMarker reports whether a query parameter makes of a request another operation.
func isMarker(name string) bool {
	switch name {
	case "location", "uploads", "uploadId", "delete", "list-type":
		return true
	}
	return false
}

// notBuilt reports whether a query parameter names a sub-resource that this build does not have.
func notBuilt(name string) bool {
	switch name {
	case "abac", "accelerate", "acl", "analytics", "annotation", "annotations", "append", "attributes", "cors", "defaultObjectAcl", "encryption", "encryption-type",
		"intelligent-tiering", "inventory", "legal-hold", "lifecycle", "logging", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
		"metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject", "replication",
		"requestPayment", "restore", "retention", "select", "select-type", "session", "tagging", "torrent", "versioning", "versions", "website":
		return true
	}
	return false
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
		refuse := false
		switch feature {
		case "Acl":
			refuse = values[0] != "private" && values[0] != "bucket-owner-full-control" // both are what is true anyway
		case "Object-Ownership":
			refuse = values[0] != "BucketOwnerEnforced"
		case "Bucket-Object-Lock-Enabled":
			refuse = !strings.EqualFold(values[0], "false")
		case "Tagging", "Website-Redirect-Location", "Write-Offset-Bytes", "Rename-Source", "Bypass-Governance-Retention":
			refuse = true
		default:
			refuse = strings.HasPrefix(feature, "Server-Side-Encryption") || strings.HasPrefix(feature, "Copy-Source-Server-Side-Encryption") ||
				strings.HasPrefix(feature, "Object-Lock-") || strings.HasPrefix(feature, "Grant-")
		}
		if refuse {
			return notImplemented(strings.ToLower(name))
		}
	}
	return nil
}

package s3

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/accesslog"
	"github.com/opensds/gelato/s3/catalog"
)

const settingLogging = "logging"

// Operations that are part of another one, as access logs name them.
const (
	batchDelete  = "BATCH.DELETE.OBJECT"
	copiedObject = "REST.COPY.OBJECT_GET"
	copiedPart   = "REST.COPY.PART_GET"
)

// logAccess records a request to a bucket that is logged, or of which that is not known: one that was refused before the bucket was found.
func (s *Service) logAccess(w *answer, r *request, took time.Duration, start time.Time, err error) {
	if r.bucket == "" || r.b.ID != "" && !logged(r.b) || errs.ReasonOf(err) == "NoSuchBucket" {
		return
	}
	rec := s.record(r, start)
	rec.Operation, rec.Key, rec.Status, rec.BytesSent, rec.Total = logOperation(r), r.key, w.Status(), w.Bytes, took
	if err != nil {
		_, rec.ErrorCode, _ = render(err)
	}
	rec.ObjectSize = loggedSize(w, r)
	if v := w.Header()["X-Amz-Version-Id"]; len(v) > 0 {
		rec.VersionID = v[0]
	} else {
		rec.VersionID = r.query.Get("versionId")
	}
	if received := r.lastRead; !w.first.IsZero() {
		if received.IsZero() {
			received = start
		}
		rec.TurnAround = max(w.first.Sub(received), 0)
	}
	s.logs.Add(r.bucket, rec)
}

// logPart records what a request does beside what it is about: each key that it deletes, and the source of a copy.
func (s *Service) logPart(r *request, operation string, b catalog.Bucket, key, version string, err error) {
	if !logged(b) {
		return
	}
	rec := s.record(r, s.o.Now())
	rec.Operation, rec.Key, rec.VersionID, rec.Status, rec.Total = operation, key, version, http.StatusOK, -1
	if operation == batchDelete {
		rec.Status = http.StatusNoContent
	}
	if err != nil {
		rec.Status, rec.ErrorCode, _ = render(err)
	}
	s.logs.Add(b.Name, rec)
}

func logged(b catalog.Bucket) bool { _, ok := b.Settings[settingLogging]; return ok }

// record is what every record of a request says.
func (s *Service) record(r *request, at time.Time) *accesslog.Record {
	rec := &accesslog.Record{Time: at, RemoteIP: peer(r).String(), Requester: r.callerID(), RequestID: r.id, RequestURI: r.Method + " " + r.RequestURI + " " + r.Proto,
		ObjectSize: -1, TurnAround: -1, Referer: r.Referer(), UserAgent: r.UserAgent(), HostHeader: r.Host, ACLRequired: r.byACL.Load()}
	switch {
	case r.auth.Anonymous():
	case r.auth.Presigned:
		rec.AuthType, rec.Signature = "QueryString", "SigV2"
		if r.query.Has("X-Amz-Algorithm") {
			rec.Signature = "SigV4"
		}
	default:
		rec.AuthType, rec.Signature = "AuthHeader", "SigV2"
		if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4") {
			rec.Signature = "SigV4"
		}
	}
	return rec
}

// loggedSize is the size of the object that a request was about, as far as the answer tells it; else -1.
func loggedSize(w *answer, r *request) int64 {
	text := ""
	switch {
	case r.operation == "PutObject" || r.operation == "UploadPart":
		return r.received
	case r.operation != "GetObject" && r.operation != "HeadObject":
	case w.Status() == http.StatusPartialContent:
		_, text, _ = strings.Cut(w.Header().Get("Content-Range"), "/")
	case w.Status() == http.StatusOK:
		text = w.Header().Get("Content-Length")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return -1
}

// logOperation is the name of a request's operation in access logs: REST.<method>.<resource>.
func logOperation(r *request) string {
	prefix, method, resource := "REST.", r.Method, "BUCKET"
	if r.key != "" {
		resource = "OBJECT"
	}
	if r.site {
		prefix = "WEBSITE."
	}
	switch r.operation {
	case "OPTIONS":
		resource = "PREFLIGHT"
	case "CopyObject":
		method = "COPY"
	case "UploadPartCopy":
		method, resource = "COPY", "PART"
	case "UploadPart":
		resource = "PART"
	case "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts":
		resource = "UPLOAD"
	case "DeleteObjects":
		resource = "MULTI_OBJECT_DELETE"
	case "ListObjectVersions":
		resource = "BUCKETVERSIONS"
	case "PostObject":
		resource = "OBJECT"
	case "ListObjects", "ListObjectsV2", "Unknown":
	default:
		if r.op != nil && r.op.marker != "" {
			resource = logResource(r.op.level, r.op.marker)
		}
	}
	return prefix + method + "." + resource
}

// logResource is the resource of a sub-resource's marker: publicAccessBlock is PUBLIC_ACCESS_BLOCK.
func logResource(l level, marker string) string {
	switch marker {
	case "policy":
		return "BUCKETPOLICY"
	case "logging":
		return "LOGGING_STATUS"
	case "tagging":
		if l == onObject {
			return "OBJECT_TAGGING"
		}
	case "retention":
		return "OBJECT_LOCK_RETENTION"
	case "legal-hold":
		return "OBJECT_LOCK_LEGALHOLD"
	}
	var b []byte
	for i := range len(marker) {
		switch c := marker[i]; {
		case c == '-':
			b = append(b, '_')
		case c >= 'A' && c <= 'Z':
			b = append(b, '_', c)
		case c >= 'a' && c <= 'z':
			b = append(b, c-'a'+'A')
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// logDelivery is the accesslog.Delivery of the service. What it writes is no request, and so not logged itself.
type logDelivery struct{ s *Service }

var _ accesslog.Delivery = logDelivery{}

// Route implements accesslog.Delivery.
func (d logDelivery) Route(ctx context.Context, bucket string) (accesslog.Route, bool, error) {
	b, err := d.s.catalog.Bucket(ctx, bucket)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.InvalidArgument) {
		return accesslog.Route{}, false, nil
	}
	if err != nil {
		return accesslog.Route{}, false, err
	}
	status, err := d.s.loggingOf(ctx, b)
	if status == nil || err != nil {
		return accesslog.Route{}, false, err
	}
	return accesslog.Route{Source: b.Name, Owner: userid.Of(b.Owner), Account: b.Owner, Region: d.s.o.Region, Target: status.Enabled.Target()}, true, nil
}

// Write implements accesslog.Delivery.
func (d logDelivery) Write(ctx context.Context, route accesslog.Route, key string, body []byte) error {
	ctx = catalog.WithCause(ctx, catalog.Cause{Event: eventOf("PutObject"), Principal: "gelato"})
	source, err := d.s.catalog.Bucket(ctx, route.Source)
	if err != nil {
		return err
	}
	target, err := d.s.catalog.Bucket(ctx, route.Target.Bucket)
	if err != nil {
		return err
	}
	if source.Owner != target.Owner { // it was deleted and made again by another
		return errLogTarget("The owner for the bucket to be logged and the target bucket must be the same.")
	}
	status, err := d.s.loggingOf(ctx, source)
	if err != nil {
		return err
	}
	r := &request{Request: (&http.Request{Method: http.MethodPut, Header: http.Header{}}).WithContext(ctx), bucket: target.Name, key: key, b: target}
	o := catalog.Object{Key: key, Size: int64(len(body)), Attributes: catalog.Attributes{Owner: target.Owner}}
	o.Headers.ContentType = "text/plain"
	if status != nil {
		if o.ACL, err = d.s.logGrants(ctx, target, status); err != nil {
			return err
		}
	}
	p := sourcePayload(bytes.NewReader(body), o.Size, wants{md5: true}, nil)
	if p.sealing, err = d.s.encryptionOf(r, r.Header); err != nil {
		return err
	}
	if o.StorageClass, err = d.s.fits(r, target, o.Size); err != nil {
		return err
	}
	if _, err = d.s.store(ctx, target, o, p, catalog.Condition{}); err == nil {
		d.s.logTrouble.Saw(ctx, nil)
	}
	return err
}

package s3shape

import (
	"context"

	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// codes maps the error codes of S3 (API reference, "Error responses") and of stores that follow it. What is not here is
// judged by its HTTP status.
var codes = map[string]errs.Code{
	"NoSuchKey":    errs.NotFound,
	"NoSuchUpload": errs.NotFound,
	"NotFound":     errs.NotFound,

	// Not NotFound: a missing bucket must never pass for a missing object.
	"NoSuchBucket":         errs.FailedPrecondition,
	"PermanentRedirect":    errs.FailedPrecondition,
	"TemporaryRedirect":    errs.Unavailable,
	"RequestTimeTooSkewed": errs.FailedPrecondition,
	"InvalidObjectState":   errs.FailedPrecondition,
	"PreconditionFailed":   errs.FailedPrecondition,
	"InvalidPart":          errs.FailedPrecondition,

	"ConditionalRequestConflict": errs.Unavailable,
	"OperationAborted":           errs.Unavailable,
	"InternalError":              errs.Unavailable,
	"RequestTimeout":             errs.Unavailable,
	"IncompleteBody":             errs.Unavailable,

	"SlowDown":               errs.ResourceExhausted,
	"ServiceUnavailable":     errs.ResourceExhausted, // "reduce your request rate", as a bare 503 too
	"TooManyRequests":        errs.ResourceExhausted,
	"Throttling":             errs.ResourceExhausted,
	"ThrottlingException":    errs.ResourceExhausted,
	"RequestLimitExceeded":   errs.ResourceExhausted,
	"QuotaExceeded":          errs.ResourceExhausted,
	"NoSpaceLeftOnDevice":    errs.ResourceExhausted,
	"XMinioStorageFull":      errs.ResourceExhausted,
	"ServiceQuotaExceeded":   errs.ResourceExhausted,
	"BandwidthLimitExceeded": errs.ResourceExhausted,
	"RequestThrottled":       errs.ResourceExhausted,

	"AccessDenied":          errs.PermissionDenied,
	"AllAccessDisabled":     errs.PermissionDenied,
	"AccountProblem":        errs.PermissionDenied,
	"MethodNotAllowed":      errs.PermissionDenied,
	"Forbidden":             errs.PermissionDenied,
	"InvalidAccessKeyId":    errs.Unauthenticated,
	"XAdminUserNotFound":    errs.Unauthenticated, // versitygw's word for it, with status 404
	"SignatureDoesNotMatch": errs.Unauthenticated,
	"ExpiredToken":          errs.Unauthenticated,
	"InvalidToken":          errs.Unauthenticated,
	"Unauthorized":          errs.Unauthenticated,

	"BadDigest":                   errs.DataLoss,
	"XAmzContentChecksumMismatch": errs.DataLoss,
	"XAmzContentSHA256Mismatch":   errs.DataLoss,

	"EntityTooSmall":      errs.InvalidArgument,
	"EntityTooLarge":      errs.InvalidArgument,
	"InvalidRange":        errs.InvalidArgument,
	"InvalidPartOrder":    errs.InvalidArgument,
	"InvalidStorageClass": errs.InvalidArgument,
	"KeyTooLongError":     errs.InvalidArgument,
	"MetadataTooLarge":    errs.InvalidArgument,

	"NotImplemented": errs.Unimplemented,
}

// Fail is httpstore.Fail with the error codes of S3.
func Fail(ctx context.Context, op string, err error, a httpstore.Answer) error {
	return httpstore.Fail(ctx, op, err, a, codes)
}

package awss3

import (
	"context"
	"errors"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

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

// fail turns what the SDK returned into one of our errors.
func fail(ctx context.Context, op string, err error) error {
	a := httpstore.Answer{Code: apiCode(err)}
	if re, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		a.Status = re.HTTPStatusCode()
	}
	return httpstore.Fail(ctx, op, err, a, codes)
}

// apiCode returns the S3 error code of an SDK error, or "".
func apiCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

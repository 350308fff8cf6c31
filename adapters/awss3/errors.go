package awss3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

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

// statuses judges an answer without a known code, HEAD's for instance, which has no body.
var statuses = map[int]errs.Code{
	http.StatusBadRequest:                   errs.InvalidArgument,
	http.StatusUnauthorized:                 errs.Unauthenticated,
	http.StatusForbidden:                    errs.PermissionDenied,
	http.StatusNotFound:                     errs.NotFound,
	http.StatusMethodNotAllowed:             errs.PermissionDenied,
	http.StatusRequestTimeout:               errs.Unavailable,
	http.StatusConflict:                     errs.FailedPrecondition,
	http.StatusPreconditionFailed:           errs.FailedPrecondition,
	http.StatusRequestEntityTooLarge:        errs.InvalidArgument,
	http.StatusRequestedRangeNotSatisfiable: errs.InvalidArgument,
	http.StatusTooManyRequests:              errs.ResourceExhausted,
	http.StatusInternalServerError:          errs.Unavailable,
	http.StatusNotImplemented:               errs.Unimplemented,
	http.StatusBadGateway:                   errs.Unavailable,
	http.StatusServiceUnavailable:           errs.ResourceExhausted,
	http.StatusGatewayTimeout:               errs.Unavailable,
	507:                                     errs.ResourceExhausted, // insufficient storage
}

// fail turns what the SDK returned into one of our errors.
func fail(ctx context.Context, op string, err error) error {
	if e, ok := errors.AsType[*errs.Error](err); ok { // from a body
		return fmt.Errorf("%s: %w", op, e)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w", op, translate(err))
}

func translate(err error) *errs.Error {
	code := apiCode(err)
	status := 0
	if re, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = re.HTTPStatusCode()
	}
	if c, ok := codes[code]; ok {
		return errs.New(c, "the store answered "+code, err).Because(code)
	}
	if c, ok := statuses[status]; ok {
		e := errs.New(c, strings.TrimSpace(fmt.Sprintf("the store answered with status %d %s", status, code)), err).Because(code)
		if status == http.StatusRequestedRangeNotSatisfiable {
			e.Reason = "InvalidRange"
		}
		return e
	}
	if status >= 400 {
		return errs.New(errs.Internal, fmt.Sprintf("the store answered with status %d", status), err)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errs.New(errs.FailedPrecondition, "the store's certificate cannot be verified", err)
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return errs.New(errs.DeadlineExceeded, "the store did not answer in time", err)
	}
	if status > 0 { // an answer that makes no sense
		return errs.New(errs.Unavailable, "the store's answer is malformed", err).Because("MalformedAnswer")
	}
	return errs.New(errs.Unavailable, "the store cannot be reached", err)
}

// apiCode returns the S3 error code of an SDK error, or "".
func apiCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// condition gives a failed condition the code that the interface promises.
func condition(err error, ifNoneMatch bool) error {
	if !isPrecondition(err) {
		return err
	}
	if ifNoneMatch {
		return errs.New(errs.AlreadyExists, "an object is there already", err).Because("PreconditionFailed")
	}
	return errs.New(errs.FailedPrecondition, "the object has another ETag", err).Because("PreconditionFailed")
}

func isPrecondition(err error) bool { return errs.ReasonOf(err) == "PreconditionFailed" }

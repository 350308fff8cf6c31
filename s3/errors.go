package s3

import (
	"fmt"
	"net/http"

	"github.com/opensds/gelato/internal/errs"
)

// statusOf is the one table of S3's error codes, 0 for what is none.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
func statusOf(s3code string) int {
	switch s3code {
	case "NotModified":
		return http.StatusNotModified
	case "InvalidEncryptionAlgorithmError", "KMS.DisabledException", "KMS.NotFoundException":
		return http.StatusBadRequest
	case "ServerSideEncryptionConfigurationNotFoundError":
		return http.StatusNotFound
	case "BadRequest", "InvalidRedirectLocation", "InvalidTag":
		return http.StatusBadRequest
	case "AccessControlListNotSupported", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "BadDigest", "EntityTooLarge", "EntityTooSmall",
		"IllegalLocationConstraintException", "IncompleteBody", "IncorrectNumberOfFilesInPostRequest", "InvalidArgument", "InvalidBucketAclWithObjectOwnership", "InvalidBucketName", "InvalidDigest", "InvalidLocationConstraint",
		"InvalidPart", "InvalidPartOrder", "InvalidPolicyDocument", "InvalidRequest", "InvalidRetentionPeriod", "InvalidStorageClass", "InvalidTargetBucketForLogging", "InvalidToken", "InvalidURI", "KeyTooLongError", "MalformedPOSTRequest", "MalformedACLError", "MalformedPolicy", "MalformedTrailerError",
		"MalformedXML", "MaxMessageLengthExceeded", "MaxPostPreDataLengthExceededError", "MetadataTooLarge", "MissingSecurityHeader", "RequestIsNotMultiPartContent", "RequestTimeout", "UnexpectedContent", "UnresolvableGrantByEmailAddress", "XAmzContentSHA256Mismatch":
		return http.StatusBadRequest
	case "AccessForbidden":
		return http.StatusForbidden
	case "AccessDenied", "InvalidAccessKeyId", "InvalidObjectState", "RequestTimeTooSkewed", "SignatureDoesNotMatch":
		return http.StatusForbidden
	case "NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "NoSuchTagSet", "NoSuchWebsiteConfiguration":
		return http.StatusNotFound
	case "NoSuchBucket", "NoSuchBucketPolicy", "NoSuchKey", "NoSuchPublicAccessBlockConfiguration", "NoSuchUpload", "NoSuchVersion", "NoSuchSetting", "OwnershipControlsNotFoundError":
		return http.StatusNotFound
	case "MethodNotAllowed":
		return http.StatusMethodNotAllowed
	case "InvalidBucketState", "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "ConditionalRequestConflict", "OperationAborted":
		return http.StatusConflict
	case "MissingContentLength":
		return http.StatusLengthRequired
	case "PreconditionFailed":
		return http.StatusPreconditionFailed
	case "InvalidPartNumber", "InvalidRange":
		return http.StatusRequestedRangeNotSatisfiable
	case "InternalError":
		return http.StatusInternalServerError
	case "NotImplemented":
		return http.StatusNotImplemented
	case "ServiceUnavailable", "SlowDown":
		return http.StatusServiceUnavailable
	}
	return 0
}

// byCode is the S3 code of a failure that names none.
func byCode(code errs.Code) string {
	switch code {
	case errs.PermissionDenied:
		return "AccessDenied"
	case errs.InvalidArgument:
		return "InvalidArgument"
	case errs.FailedPrecondition:
		return "OperationAborted"
	case errs.ResourceExhausted:
		return "SlowDown"
	case errs.Unavailable, errs.DeadlineExceeded:
		return "ServiceUnavailable"
	case errs.Unimplemented:
		return "NotImplemented"
	case errs.Canceled:
		return "RequestTimeout"
	}
	return "InternalError"
}

// fail makes an error of S3's own code, which must be in the table.
func fail(s3code, format string, args ...any) error {
	code := errs.InvalidArgument
	switch statusOf(s3code) {
	case http.StatusForbidden:
		code = errs.PermissionDenied
	case http.StatusNotFound:
		code = errs.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusNotModified:
		code = errs.FailedPrecondition
	case http.StatusNotImplemented:
		code = errs.Unimplemented
	case http.StatusServiceUnavailable:
		code = errs.Unavailable
	case http.StatusInternalServerError:
		code = errs.Internal
	}
	return &errs.Error{Code: code, Reason: s3code, Message: fmt.Sprintf(format, args...)}
}

func notImplemented(what string) error {
	return fail("NotImplemented", "A header or query parameter you provided implies functionality that is not implemented: %s", what)
}

// storeFailed turns a failure of a backend into one of ours: what a store says of its own keys and credentials is not the client's.
func storeFailed(err error) error {
	if errs.ReasonOf(err) == "MetadataTooLarge" {
		return errs.New(errs.InvalidArgument, "Your metadata headers exceed the maximum allowed metadata size", err).Because("MetadataTooLarge")
	}
	switch errs.ReasonOf(err) {
	case "InvalidObjectState", "BlobArchived":
		return errs.New(errs.PermissionDenied, "The operation is not valid for the object's storage class", err).Because("InvalidObjectState")
	}
	switch errs.CodeOf(err) {
	case errs.ResourceExhausted:
		return errs.New(errs.ResourceExhausted, "Please reduce your request rate.", err).Because("SlowDown")
	case errs.Unavailable, errs.DeadlineExceeded, errs.PermissionDenied, errs.Unauthenticated:
		return errs.New(errs.Unavailable, "The backend of this object does not answer. Please try again.", err).Because("ServiceUnavailable")
	case errs.Canceled:
		return err
	}
	return errs.New(errs.Internal, internalMessage, err).Because("InternalError")
}

const internalMessage = "We encountered an internal error. Please try again."

// render says how an error goes out. What nobody classified stays opaque.
func render(err error) (status int, code, message string) {
	code = errs.ReasonOf(err)
	if status = statusOf(code); status == 0 {
		code = byCode(errs.CodeOf(err))
		status = statusOf(code)
	}
	if code == "InternalError" {
		return status, code, internalMessage
	}
	return status, code, errs.Public(err)
}

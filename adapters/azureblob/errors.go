package azureblob

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// codes maps the error codes of Azure (Microsoft Learn, "Blob storage error codes" and "Common REST API error codes"). What is not here is
// judged by its HTTP status.
var codes = map[string]errs.Code{
	string(bloberror.BlobNotFound):     errs.NotFound,
	string(bloberror.ResourceNotFound): errs.NotFound,

	// Not NotFound: a missing container must never pass for a missing object.
	string(bloberror.ContainerNotFound):     errs.FailedPrecondition,
	string(bloberror.ContainerBeingDeleted): errs.FailedPrecondition,
	string(bloberror.ContainerDisabled):     errs.FailedPrecondition,
	string(bloberror.AccountIsDisabled):     errs.FailedPrecondition,

	string(bloberror.ConditionNotMet):          errs.FailedPrecondition,
	string(bloberror.TargetConditionNotMet):    errs.FailedPrecondition,
	string(bloberror.BlobAlreadyExists):        errs.FailedPrecondition, // httpstore.Condition tells which condition it was
	string(bloberror.BlobArchived):             errs.FailedPrecondition,
	string(bloberror.BlobBeingRehydrated):      errs.FailedPrecondition,
	string(bloberror.BlobImmutableDueToPolicy): errs.FailedPrecondition,
	string(bloberror.LeaseIDMissing):           errs.FailedPrecondition,
	string(bloberror.SnapshotsPresent):         errs.FailedPrecondition,
	string(bloberror.InvalidBlobType):          errs.FailedPrecondition, // a page or append blob has the name
	string(bloberror.InvalidBlobOrBlock):       errs.FailedPrecondition, // blocks with ids of another length are there
	string(bloberror.InvalidBlockList):         errs.FailedPrecondition,
	string(bloberror.FeatureVersionMismatch):   errs.FailedPrecondition,

	string(bloberror.InternalError):     errs.Unavailable,
	string(bloberror.OperationTimedOut): errs.Unavailable,
	string(bloberror.SystemInUse):       errs.Unavailable,
	string(bloberror.ServerBusy):        errs.ResourceExhausted,
	"AccountLimitExceeded":              errs.ResourceExhausted,
	"BlockCountExceedsLimit":            errs.ResourceExhausted,

	string(bloberror.AuthenticationFailed):              errs.Unauthenticated,
	string(bloberror.InvalidAuthenticationInfo):         errs.Unauthenticated,
	string(bloberror.NoAuthenticationInformation):       errs.Unauthenticated,
	string(bloberror.AuthorizationFailure):              errs.PermissionDenied,
	string(bloberror.AuthorizationPermissionMismatch):   errs.PermissionDenied,
	string(bloberror.AuthorizationProtocolMismatch):     errs.PermissionDenied,
	string(bloberror.AuthorizationResourceTypeMismatch): errs.PermissionDenied,
	string(bloberror.AuthorizationServiceMismatch):      errs.PermissionDenied,
	string(bloberror.AuthorizationSourceIPMismatch):     errs.PermissionDenied,
	string(bloberror.InsufficientAccountPermissions):    errs.PermissionDenied,
	string(bloberror.UnauthorizedBlobOverwrite):         errs.PermissionDenied,

	string(bloberror.MD5Mismatch):   errs.DataLoss,
	string(bloberror.CRC64Mismatch): errs.DataLoss,

	string(bloberror.InvalidRange):        errs.InvalidArgument,
	string(bloberror.MetadataTooLarge):    errs.InvalidArgument,
	string(bloberror.RequestBodyTooLarge): errs.InvalidArgument,
	string(bloberror.InvalidBlobTier):     errs.InvalidArgument,
}

// fail turns what the SDK returned into one of our errors, without the URL of the request: a SAS is in it.
func (s *Store) fail(ctx context.Context, op string, err error) error {
	if _, ok := errors.AsType[*errs.Error](err); ok { // from a body
		return fmt.Errorf("%s: %w", op, err)
	}
	var a httpstore.Answer
	if re, ok := errors.AsType[*azcore.ResponseError](err); ok {
		a = httpstore.Answer{Status: re.StatusCode, Code: re.ErrorCode}
	}
	out := httpstore.Fail(ctx, op, s.redacted(err), a, codes)
	if e, ok := errors.AsType[*errs.Error](out); ok && isCode(err, bloberror.ConditionNotMet, bloberror.TargetConditionNotMet, bloberror.BlobAlreadyExists) {
		e.Reason = "PreconditionFailed"
	}
	return out
}

func isCode(err error, codes ...bloberror.Code) bool { return bloberror.HasCode(err, codes...) }

// redacted keeps the text of an error of the SDK, in one line and without secrets, and what kind of failure it was.
func (s *Store) redacted(err error) error {
	text := err.Error()
	if re, ok := errors.AsType[*azcore.ResponseError](err); ok {
		text = fmt.Sprintf("status %d, code %q", re.StatusCode, re.ErrorCode)
		if re.RawResponse != nil {
			text += ", request " + strconv.Quote(re.RawResponse.Header.Get("x-ms-request-id"))
		}
	}
	for _, secret := range s.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return masked{text, err}
}

// masked is an error of which nothing is seen but its text.
type masked struct {
	text string
	err  error
}

func (m masked) Error() string { return m.text }

// As lets two kinds of failure be told, neither of which knows the request.
func (m masked) As(target any) bool {
	switch target.(type) {
	case *net.Error, **tls.CertificateVerificationError:
		return errors.As(m.err, target)
	}
	return false
}

func isStatus(err error, status int) bool {
	re, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && re.StatusCode == status
}

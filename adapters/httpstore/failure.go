package httpstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

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

// Answer is what a store said of a call that failed.
type Answer struct {
	Status int    // of HTTP; 0 when there was none
	Code   string // the store's own error code, "" when it named none
}

// Fail turns the error of a call into one of ours, with op in front. An error of internal/errs inside err (a body's) stands as it is; a context
// that is over outranks the store. codes is the store's table: what is not in it is judged by its HTTP status, and without one as a
// connection that failed.
func Fail(ctx context.Context, op string, err error, a Answer, codes map[string]errs.Code) error {
	if e, ok := errors.AsType[*errs.Error](err); ok { // from a body
		return fmt.Errorf("%s: %w", op, e)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w", op, translate(err, a, codes))
}

func translate(err error, a Answer, codes map[string]errs.Code) *errs.Error {
	if c, ok := codes[a.Code]; ok {
		return errs.New(c, "the store answered "+a.Code, err).Because(a.Code)
	}
	if c, ok := statuses[a.Status]; ok {
		e := errs.New(c, strings.TrimSpace(fmt.Sprintf("the store answered with status %d %s", a.Status, a.Code)), err).Because(a.Code)
		if a.Status == http.StatusRequestedRangeNotSatisfiable {
			e.Reason = "InvalidRange"
		}
		return e
	}
	if a.Status >= 400 {
		return errs.New(errs.Internal, fmt.Sprintf("the store answered with status %d", a.Status), err)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errs.New(errs.FailedPrecondition, "the store's certificate cannot be verified", err)
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return errs.New(errs.DeadlineExceeded, "the store did not answer in time", err)
	}
	if a.Status > 0 { // an answer that makes no sense
		return errs.New(errs.Unavailable, "the store's answer is malformed", err).Because("MalformedAnswer")
	}
	return errs.New(errs.Unavailable, "the store cannot be reached", err)
}

// Condition gives a failed condition the code that adapters.Store promises; ifNoneMatch says which one it was.
func Condition(err error, ifNoneMatch bool) error {
	if !IsPrecondition(err) {
		return err
	}
	if ifNoneMatch {
		return errs.New(errs.AlreadyExists, "an object is there already", err).Because("PreconditionFailed")
	}
	return errs.New(errs.FailedPrecondition, "the object has another ETag", err).Because("PreconditionFailed")
}

// IsPrecondition says that an error of Fail or Condition is a failed condition, by the code that S3 and OBS have for it.
func IsPrecondition(err error) bool { return errs.ReasonOf(err) == "PreconditionFailed" }

// Cleanup limits what is done after a failure, when the caller's context may be over already.
func Cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/opensds/gelato/internal/errs"
)

// failure gives an error of mongo-driver a code and a public message; ctx is the one of the call to it.
func failure(ctx context.Context, what string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", what, context.Canceled)
	}
	code, message := classify(err)
	return errs.New(code, message, fmt.Errorf("%s: %w", what, err))
}

// classify maps what mongo-driver and the server report.
func classify(err error) (errs.Code, string) {
	const away = "the state server is away"
	if mongo.IsDuplicateKeyError(err) {
		return errs.AlreadyExists, "there is such a document already"
	}
	if _, ok := errors.AsType[*auth.Error](err); ok && !mongo.IsTimeout(err) && !mongo.IsNetworkError(err) {
		return errs.Unauthenticated, "the state server refused the credentials"
	}
	if e, ok := errors.AsType[mongo.ServerError](err); ok {
		for _, code := range e.ErrorCodes() {
			if c, message := ofServer(code); c != errs.Unknown {
				return c, message
			}
		}
	}
	if strings.Contains(err.Error(), "this version of the Go driver") { // mongo-driver has no type for it
		return errs.FailedPrecondition, "the state server has a version that gelato does not support: MongoDB 4.4 is the oldest"
	}
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return errs.Unavailable, away
	}
	switch {
	case errors.Is(err, mongo.ErrClientDisconnected):
		return errs.Unavailable, "the state store is closed"
	case mongo.IsTimeout(err):
		return errs.DeadlineExceeded, "the state server did not answer in time"
	case mongo.IsNetworkError(err), isConnection(err), retryable(err):
		return errs.Unavailable, away
	}
	return errs.Internal, "the state server refused a command"
}

func isConnection(err error) bool {
	_, ok := errors.AsType[topology.ConnectionError](err)
	return ok
}

func retryable(err error) bool {
	e, ok := errors.AsType[mongo.LabeledError](err)
	return ok && slices.ContainsFunc([]string{"RetryableWriteError", "TransientTransactionError", "RetryableError", "SystemOverloadedError"}, e.HasErrorLabel) ||
		// The connection pool was emptied because of another call's network error: this call sent nothing.
		strings.Contains(err.Error(), "connection pool for")
}

// ofServer maps error codes of mongod; Unknown for one that says nothing special.
func ofServer(code int) (errs.Code, string) {
	switch code {
	case 18, 8000: // AuthenticationFailed, Atlas's own
		return errs.Unauthenticated, "the state server refused the credentials"
	case 13: // Unauthorized
		return errs.PermissionDenied, "the state server does not allow this user what is needed: give it the role readWrite on the database"
	case 50, 262: // MaxTimeMSExpired, ExceededTimeLimit
		return errs.DeadlineExceeded, "the state server did not answer in time"
	case 10334, 17280, 17419, 17420: // BSONObjectTooLarge, KeyTooLong, resulting document too large
		return errs.InvalidArgument, "a document is too large for the state server"
	case 14031, 28: // OutOfDiskSpace
		return errs.ResourceExhausted, "the state server is full"
	case 10107, 13435, 13436, 189, 91, 11600, 11602, // not primary (any more), shutting down
		6, 7, 89, 9001, // host, socket
		64, 100, 134, 133, 202, 24, 112: // write or read concern not met in time or now, no member, lock timeout, write conflict
		return errs.Unavailable, "the state server cannot take this now"
	}
	return errs.Unknown, ""
}

// hasCode reports whether the server's error has a code.
func hasCode(err error, code int) bool {
	e, ok := errors.AsType[mongo.ServerError](err)
	return ok && e.HasErrorCode(code)
}

// unknown reports whether a write with this error may have happened.
func unknown(err error) bool {
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return false // nothing was sent: after a first attempt that was, mongo-driver reports that one's error
	}
	return errs.Is(err, errs.Unavailable) || errs.Is(err, errs.DeadlineExceeded)
}

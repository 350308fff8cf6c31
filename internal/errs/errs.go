// Package errs is the one error type that crosses package and process borders.
//
// Code says what kind of failure it is (named as gRPC's codes), Reason is a stable
// machine-readable word for callers that must tell failures of one kind apart
// (an S3 error code such as "NoSuchKey", the field of a bad request), Message is
// public, Err is the private cause and never leaves the process. Each edge (gRPC
// interceptor, REST problem, S3 XML) maps an Error in one table and logs the cause there.
//
// Any package may import it. The type has no GRPCStatus method on purpose: wrapped
// with %w, grpc would put its whole private text on the wire.
package errs

import (
	"context"
	"errors"
	"fmt"
)

// Code is the kind of a failure.
type Code uint8

// The codes, named and meant as gRPC's. The zero value means that nobody said.
const (
	Unknown            Code = iota
	Canceled                // the caller gave up
	NotFound                // the thing named does not exist
	AlreadyExists           // a create met an existing thing, or If-None-Match failed
	PermissionDenied        // known caller, not allowed
	Unauthenticated         // unknown caller or wrong secret
	InvalidArgument         // the request can never succeed as it is
	FailedPrecondition      // the state does not allow it now: a stale revision, If-Match failed
	ResourceExhausted       // throttled or full; later it may work
	Unavailable             // the other side is away; later it may work
	DeadlineExceeded        // it took too long; the outcome may be unknown
	Unimplemented           // not supported here
	DataLoss                // bytes are not what they should be
	Internal                // a defect
)

var names = [...]string{"unknown", "canceled", "not_found", "already_exists", "permission_denied", "unauthenticated",
	"invalid_argument", "failed_precondition", "resource_exhausted", "unavailable", "deadline_exceeded", "unimplemented", "data_loss", "internal"}

// String names the code in snake case.
func (c Code) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// Error is a failure with a public and a private half.
type Error struct {
	Code    Code
	Reason  string // stable word for programs, may be empty
	Message string // public, one sentence without a full stop
	Err     error  // private cause, may be nil
}

// New makes an Error with a public message and a private cause, which may be nil.
func New(code Code, message string, cause error) *Error {
	return &Error{Code: code, Message: message, Err: cause}
}

// Newf makes an Error without a cause from a public format.
func Newf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e with the reason set.
func (e *Error) Because(reason string) *Error {
	c := *e
	c.Reason = reason
	return &c
}

// Error gives the full private text, for logs of this process only.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain. Context errors count as
// Canceled and DeadlineExceeded; nil and foreign errors as Unknown.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return DeadlineExceeded
	}
	return Unknown
}

// Is reports whether err's code is c.
func Is(err error, c Code) bool { return err != nil && CodeOf(err) == c }

// ReasonOf returns the reason of the first Error in err's chain, or "".
func ReasonOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// Public returns what may be shown to the outside: the message of the first Error in
// err's chain, or a fixed text.
func Public(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Message != "" {
		return e.Message
	}
	switch CodeOf(err) {
	case Canceled:
		return "the request was cancelled"
	case DeadlineExceeded:
		return "the time limit passed"
	}
	return "internal error"
}

// Retryable reports whether the same call may succeed later without any change.
func Retryable(err error) bool {
	switch CodeOf(err) {
	case Unavailable, ResourceExhausted, DeadlineExceeded:
		return true
	}
	return false
}

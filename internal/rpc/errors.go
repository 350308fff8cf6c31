package rpc

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/opensds/gelato/internal/errs"
)

const domain = "gelato"

var toGRPC = map[errs.Code]codes.Code{
	errs.Canceled: codes.Canceled, errs.NotFound: codes.NotFound, errs.AlreadyExists: codes.AlreadyExists,
	errs.PermissionDenied: codes.PermissionDenied, errs.Unauthenticated: codes.Unauthenticated,
	errs.InvalidArgument: codes.InvalidArgument, errs.FailedPrecondition: codes.FailedPrecondition,
	errs.ResourceExhausted: codes.ResourceExhausted, errs.Unavailable: codes.Unavailable,
	errs.DeadlineExceeded: codes.DeadlineExceeded, errs.Unimplemented: codes.Unimplemented,
	errs.DataLoss: codes.DataLoss, errs.Internal: codes.Internal,
}

var fromGRPC = func() map[codes.Code]errs.Code {
	m := make(map[codes.Code]errs.Code, len(toGRPC))
	for e, g := range toGRPC {
		m[g] = e
	}
	return m
}()

// encode makes of a handler's error what goes on the wire: code, reason and public message, never the cause.
func encode(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*errs.Error](err); !ok {
		if s, ok := status.FromError(err); ok {
			return s.Err()
		}
	}
	code, ok := toGRPC[errs.CodeOf(err)]
	if !ok {
		code = codes.Internal
	}
	s := status.New(code, errs.Public(err))
	if with, detailErr := s.WithDetails(&errdetails.ErrorInfo{Domain: domain, Reason: errs.ReasonOf(err)}); detailErr == nil {
		s = with
	}
	return s.Err()
}

// decode makes an errs.Error of what came over the wire. Errors that another side than a Gelato handler made
// (connection refused, time out) get a fixed public message.
func decode(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	// Not status.FromError, whose message is the text of everything wrapped around the status, as gRPC does after retries.
	g, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if !ok {
		return err
	}
	s := g.GRPCStatus()
	code := fromGRPC[s.Code()]
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == domain {
			return &errs.Error{Code: code, Reason: info.Reason, Message: s.Message()}
		}
	}
	switch code {
	case errs.Canceled:
		return errs.New(code, "the request was cancelled", err)
	case errs.DeadlineExceeded:
		return errs.New(code, "a service did not answer in time", err)
	case errs.Unavailable:
		return errs.New(code, "a service is not available", err)
	}
	return errs.New(code, "a service failed", err)
}

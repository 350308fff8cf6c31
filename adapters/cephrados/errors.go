//go:build ceph && cgo

package cephrados

import (
	"context"
	"errors"
	"syscall"

	"github.com/ceph/go-ceph/rados"

	"github.com/opensds/gelato/internal/errs"
)

// errno is what librados answered, without the sign.
type errno int

// Error implements error.
func (e errno) Error() string { return "rados: " + syscall.Errno(e).Error() }

// What callers look for by ==.
const (
	errAbsent  = errno(syscall.ENOENT)
	errTaken   = errno(syscall.EEXIST)
	errChanged = errno(syscall.ECANCELED) // a comparison failed
)

// outcome is the error of a call as an errno: the operation's own, as those of its steps are not set when it failed as a whole.
func outcome(err error) error {
	if err == nil {
		return nil
	}
	if op, ok := errors.AsType[rados.OperationError](err); ok && op.OpError != nil {
		err = op.OpError
	}
	var code interface{ ErrorCode() int }
	if !errors.As(err, &code) {
		return err
	}
	n := code.ErrorCode()
	if n < 0 {
		n = -n
	}
	return errno(n)
}

// unknown reports whether a write that failed so may have happened, or happen yet.
func unknown(err error) bool {
	n, ok := errors.AsType[errno](err)
	return ok && (n == errno(syscall.ETIMEDOUT) || n == errno(syscall.ECONNRESET) || n == errno(syscall.ESHUTDOWN) || n == errno(syscall.ENOTCONN))
}

// fail gives an error its code. Errors that have one, and those of contexts, keep it.
func fail(what string, err error) error {
	if err == nil {
		return nil
	}
	if errs.CodeOf(err) != errs.Unknown {
		return err
	}
	n, ok := errors.AsType[errno](err)
	if !ok {
		return err
	}
	code, message := errs.Internal, "the cluster failed"
	switch syscall.Errno(n) {
	case syscall.ETIMEDOUT:
		code, message = errs.DeadlineExceeded, "the cluster did not answer in time"
	case syscall.ENOSPC, syscall.EDQUOT:
		code, message = errs.ResourceExhausted, "the pool or the cluster is full"
	case syscall.EPERM, syscall.EACCES:
		code, message = errs.PermissionDenied, "the Ceph user may not do this in the pool"
	case syscall.ENOENT:
		code, message = errs.FailedPrecondition, "the pool or its index is gone"
	case syscall.EOPNOTSUPP:
		code, message = errs.FailedPrecondition, "the pool cannot hold an index: it must be replicated, and its OSDs of Ceph 16 or newer with the class cmpomap"
	case syscall.EIO:
		code, message = errs.DataLoss, "the cluster cannot read what it stored"
	case syscall.ESHUTDOWN, syscall.ENOTCONN, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EAGAIN, syscall.EBUSY, syscall.EINTR, syscall.ENXIO, syscall.EHOSTUNREACH:
		code, message = errs.Unavailable, "the cluster is not reachable"
	case syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE:
		code, message = errs.ResourceExhausted, "the system is out of file handles or memory"
	}
	return errs.New(code, message+" ("+what+")", err)
}

func notFound(key string) error {
	return errs.Newf(errs.NotFound, "no object %q", key).Because("NoSuchKey")
}

func noUpload(id string) error {
	return errs.Newf(errs.NotFound, "no upload %q", id).Because("NoSuchUpload")
}

// alive returns the error of a context that has ended, with its cause.
func alive(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

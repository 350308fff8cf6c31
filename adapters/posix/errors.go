package posix

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/internal/errs"
)

// missing reports whether err says that a file or a folder on its way is not there, or is something else, as a symbolic link.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

func notFound(key string) error {
	return errs.Newf(errs.NotFound, "no object %q", key).Because("NoSuchKey")
}

func noUpload(id string) error {
	return errs.Newf(errs.NotFound, "no upload %q", id).Because("NoSuchUpload")
}

// fail gives an error of the file system its code. Errors that have one, and those of contexts, keep it.
func fail(what string, err error) error {
	if err == nil {
		return nil
	}
	if errs.CodeOf(err) != errs.Unknown {
		return err
	}
	code, message := errs.Internal, "the file system failed"
	errno, _ := errors.AsType[unix.Errno](err)
	switch errno {
	case unix.ENOSPC, unix.EDQUOT, unix.EFBIG:
		code, message = errs.ResourceExhausted, "the disk is full"
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM:
		code, message = errs.ResourceExhausted, "the system is out of file handles or memory"
	case unix.EACCES, unix.EPERM, unix.EROFS:
		code, message = errs.PermissionDenied, "the directory may not be accessed so"
	case unix.ENAMETOOLONG:
		code, message = errs.InvalidArgument, "the file system does not take a name this long"
	case unix.EXDEV:
		code, message = errs.FailedPrecondition, "the folder is on another file system than the backend's directory"
	case unix.EIO, unix.ESTALE, unix.ENODEV, unix.ENXIO, unix.ETIMEDOUT, unix.EHOSTDOWN, unix.EINTR, unix.EAGAIN, unix.ENOLCK:
		code, message = errs.Unavailable, "the file system does not answer"
	}
	if missing(err) {
		code, message = errs.Unavailable, "the directory changed underneath"
	}
	return errs.New(code, message+" ("+what+")", err)
}

// alive returns the error of a context that has ended, with its cause.
func alive(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

package httpstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Download is the body of a Get: an end before the announced length is an error.
type Download struct {
	ctx  context.Context
	body io.ReadCloser
	left int64 // negative: the store did not say
}

// NewDownload makes a Download of an answer's body; length is -1 when the store did not say it. ctx is the one that the call had.
func NewDownload(ctx context.Context, body io.ReadCloser, length int64) *Download {
	return &Download{ctx: ctx, body: body, left: length}
}

// Read implements io.Reader.
func (d *Download) Read(p []byte) (int, error) {
	n, err := d.body.Read(p)
	if d.left >= 0 {
		d.left -= int64(n)
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && d.left <= 0:
		return n, io.EOF
	case d.ctx.Err() != nil:
		return n, fmt.Errorf("read object: %w", context.Cause(d.ctx))
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, errs.New(errs.Unavailable, "the store broke the connection before the end of the object", io.ErrUnexpectedEOF)
	}
	return n, errs.New(errs.Unavailable, "the connection to the store broke", err)
}

// Close implements io.Closer.
func (d *Download) Close() error { return d.body.Close() }

// RangeHeader writes a Range other than the zero one as HTTP does. Negative ones are InvalidArgument with reason "InvalidRange".
func RangeHeader(r adapters.Range) (string, error) {
	if r.Offset < 0 || r.Length < 0 {
		return "", errs.Newf(errs.InvalidArgument, "the range is negative").Because("InvalidRange")
	}
	if r == (adapters.Range{}) {
		return "", nil
	}
	header := "bytes=" + strconv.FormatInt(r.Offset, 10) + "-"
	if r.Length > 0 && r.Length <= math.MaxInt64-r.Offset {
		header += strconv.FormatInt(r.Offset+r.Length-1, 10)
	}
	return header, nil
}

// WholeSize checks that a store answered the range asked for, and returns the size of the whole object. contentRange is the answer's header, "" when it
// had none; length is that of the answer's body, -1 when it is not known. A range past the end is InvalidArgument with reason "InvalidRange".
func WholeSize(r adapters.Range, contentRange string, length int64) (int64, error) {
	if r == (adapters.Range{}) {
		return length, nil
	}
	spec, total, ok := strings.Cut(strings.TrimPrefix(contentRange, "bytes "), "/")
	from, _, _ := strings.Cut(spec, "-")
	whole, err := strconv.ParseInt(total, 10, 64)
	if ok && err == nil && from == strconv.FormatInt(r.Offset, 10) {
		return whole, nil
	}
	if contentRange == "" && length == 0 { // there is no first byte to start at
		return 0, errs.Newf(errs.InvalidArgument, "the range starts past the end of the object").Because("InvalidRange")
	}
	if contentRange == "" && r.Offset == 0 && length >= 0 && (r.Length == 0 || r.Length >= length) {
		return length, nil // all of it, and all of it was asked for
	}
	return 0, errs.Newf(errs.Unimplemented, "the store does not answer ranges")
}

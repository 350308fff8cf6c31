package httpstore

import (
	"io"
	"net/http"

	"github.com/opensds/gelato/internal/errs"
)

const (
	// MaxAnswer bounds an answer other than an object, in bytes: more than a page of a listing or a list of blocks has.
	MaxAnswer = 32 << 20
	// maxFailure is how much is looked at of an answer that says an error.
	maxFailure = 1 << 20
)

// Bound limits the body of an answer that is not an object's bytes; SDKs read those whole, without a limit of their own. Of one that says an error
// the first bytes are given, as its status says the most; of any other MaxAnswer bytes or more are Unavailable with the reason "MalformedAnswer".
func Bound(resp *http.Response) {
	b := &bounded{ReadCloser: resp.Body, left: MaxAnswer}
	if resp.StatusCode >= 300 {
		b.left, b.cut = maxFailure, true
	}
	resp.Body = b
}

type bounded struct {
	io.ReadCloser
	left int64
	cut  bool // the body ends there, without an error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left > 0 {
		n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
		return n, err
	}
	if b.cut {
		return 0, io.EOF
	}
	return 0, errs.Newf(errs.Unavailable, "the store's answer has %d bytes or more", MaxAnswer).Because("MalformedAnswer")
}

// Package chunked decodes aws-chunked bodies, with or without signatures and trailers.
//
// Only s3/ imports it. The decoder holds one line at a time, at most 1 KiB; data pass through. A chunk's signature can be checked only when its last byte has been
// read, so bytes already handed out may turn out forged: the reader then fails, and the caller must keep nothing of the body. Source:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html.
package chunked

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/opensds/gelato/internal/errs"
)

const (
	maxLine     = 1 << 10
	maxTrailers = 16
	bufferSize  = 32 << 10
)

// Signatures checks the chain of signatures; sigv4.Chain implements it.
type Signatures interface {
	// Chunk checks the next chunk by the SHA-256 of its data.
	Chunk(sum [sha256.Size]byte, signature string) bool
	// Trailer checks the trailer by the SHA-256 of its canonical text.
	Trailer(sum [sha256.Size]byte, signature string) bool
}

// Options say what the body must be.
type Options struct {
	Signatures Signatures // nil for an unsigned stream
	Trailer    bool       // trailing headers are allowed
}

// Reader decodes. Read fails with errs of reason IncompleteBody (the body ended early), SignatureDoesNotMatch, InvalidRequest and
// MalformedTrailerError, and gives io.EOF only after the last chunk, the trailer and the end of the body were seen and found right.
type Reader struct {
	in      *bufio.Reader
	o       Options
	left    int64 // of the current chunk
	sig     string
	sum     hash.Hash
	started bool
	trailer map[string]string
	err     error
}

// NewReader decodes body. buffer may be nil; one of 32 KiB or so saves an allocation.
func NewReader(body io.Reader, buffer *bufio.Reader, o Options) *Reader {
	if buffer == nil {
		buffer = bufio.NewReaderSize(body, bufferSize)
	} else {
		buffer.Reset(body)
	}
	r := &Reader{in: buffer, o: o}
	if o.Signatures != nil {
		r.sum = sha256.New()
	}
	return r
}

// Trailer returns the trailing headers, names in lower case, once Read has returned io.EOF.
func (r *Reader) Trailer() map[string]string { return r.trailer }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil && r.left == 0 {
		r.err = r.next()
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.in.Read(p[:min(int64(len(p)), r.left)])
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	r.left -= int64(n)
	if err != nil {
		r.err = incomplete(err)
		if n == 0 {
			return 0, r.err
		}
	}
	return n, nil
}

// next ends the chunk at hand and begins another one; io.EOF when that was the last.
func (r *Reader) next() error {
	if r.started {
		line, err := r.line()
		if err != nil {
			return err
		}
		if line != "" {
			return malformed("a chunk does not end where its size says")
		}
		if err := r.check(); err != nil {
			return err
		}
	}
	r.started = true
	line, err := r.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	if len(size) == 0 || len(size) > 12 {
		return malformed("a chunk size is malformed")
	}
	n, err := strconv.ParseUint(size, 16, 63)
	if err != nil {
		return malformed("a chunk size is malformed")
	}
	if r.sum != nil {
		signature, ok := strings.CutPrefix(extension, "chunk-signature=")
		if !ok {
			return malformed("a chunk lacks its signature")
		}
		r.sig = signature
		r.sum.Reset()
	}
	r.left = int64(n)
	if n > 0 {
		return nil
	}
	if err := r.check(); err != nil {
		return err
	}
	if err := r.trailers(); err != nil {
		return err
	}
	if _, err := r.in.ReadByte(); err != io.EOF {
		if err == nil {
			return malformed("the body goes on after its last chunk")
		}
		return incomplete(err)
	}
	return io.EOF
}

func (r *Reader) check() error {
	if r.sum == nil {
		return nil
	}
	var sum [sha256.Size]byte
	r.sum.Sum(sum[:0])
	if !r.o.Signatures.Chunk(sum, r.sig) {
		return forged()
	}
	return nil
}

// trailers reads the headers after the last chunk, up to an empty line. The signed form as documented has an empty line before the signature.
func (r *Reader) trailers() error {
	r.trailer = map[string]string{}
	signed := r.sum != nil && r.o.Trailer
	var canonical strings.Builder
	for range maxTrailers + 3 {
		line, err := r.line()
		if err != nil {
			return err
		}
		if line == "" {
			if signed && len(r.trailer) > 0 {
				continue // its signature is still to come
			}
			return nil
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !ok || name == "" || !r.o.Trailer {
			return badTrailer()
		}
		if signed && name == "x-amz-trailer-signature" {
			if !r.o.Signatures.Trailer(sha256.Sum256([]byte(canonical.String())), value) {
				return forged()
			}
			return r.end()
		}
		if _, twice := r.trailer[name]; twice {
			return badTrailer()
		}
		r.trailer[name] = value
		canonical.WriteString(name + ":" + value + "\n")
	}
	return badTrailer()
}

// end reads the empty line after a trailer's signature.
func (r *Reader) end() error {
	line, err := r.line()
	if err == nil && line != "" {
		return badTrailer()
	}
	return err
}

// line reads up to a newline, which is not returned; a carriage return before it is dropped.
func (r *Reader) line() (string, error) {
	part, err := r.in.ReadSlice('\n')
	if len(part) > maxLine || errors.Is(err, bufio.ErrBufferFull) {
		return "", malformed("a line is too long")
	}
	if err != nil {
		return "", incomplete(err)
	}
	return strings.TrimSuffix(string(part[:len(part)-1]), "\r"), nil
}

func incomplete(cause error) error {
	if errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF) {
		return errs.New(errs.InvalidArgument, "The request body terminated unexpectedly", nil).Because("IncompleteBody")
	}
	return cause
}

func malformed(what string) error {
	return errs.Newf(errs.InvalidArgument, "The aws-chunked body is malformed: %s", what).Because("InvalidRequest")
}

func badTrailer() error {
	return errs.New(errs.InvalidArgument, "The request contained trailing data that was not well-formed or did not conform to our published schema.", nil).Because("MalformedTrailerError")
}

func forged() error {
	return errs.New(errs.PermissionDenied, "The chunk signature we calculated does not match the signature you provided.", nil).Because("SignatureDoesNotMatch")
}

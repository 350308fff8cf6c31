package s3

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/chunked"
	"github.com/opensds/gelato/s3/sigv4"
	"github.com/opensds/gelato/s3/sse"
)

const (
	smallBody  = 64 << 10 // bodies up to it are read and verified before anything else is done
	copyBuffer = 128 << 10
	maxXML     = 8 << 20 // the largest request document that S3 has: 1,000 keys to delete, 10,000 parts to complete
)

// claim is a checksum that the client sent or announced.
type claim struct {
	algorithm checksum.Algorithm
	sum       []byte // nil when it comes in the trailer
	trailer   string // name of the trailing header, lower case
}

// payload is the body of a request: decoded, hashed in one pass, and verified. Read holds the last bytes back until length, payload hash, MD5 and checksum
// are found right; otherwise it fails. It is for one goroutine.
type payload struct {
	src       io.Reader
	frames    *chunked.Reader // of aws-chunked bodies, else nil
	size      int64           // -1 when unknown
	n         int64
	md5       hash.Hash // nil when nobody wants it
	crc64     hash.Hash64
	sha       hash.Hash // of the payload hash or a SHA-256 checksum
	extra     hash.Hash // of another checksum
	claim     claim
	wantMD5   []byte
	wantSHA   []byte  // of the payload hash
	wantCRC   *uint64 // of the source of a copy
	finished  bool
	err       error
	result    digests
	onSuccess func()
	sealing   *sealing // how it is encrypted on its way to the store, nil for not at all
}

// digests are what was computed of a body.
type digests struct {
	MD5   []byte
	CRC64 uint64
	Extra []byte // of the claimed or wanted algorithm
}

// bodyReader reads the body of a request with a limit for each wait. It counts into request.received.
type bodyReader struct {
	r     *request
	stall time.Duration
	now   func() time.Time
}

func (b *bodyReader) Read(p []byte) (int, error) {
	b.r.lastRead = b.now()
	if err := b.r.control.SetReadDeadline(b.r.lastRead.Add(b.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := b.r.Body.Read(p)
	b.r.received += int64(n)
	switch {
	case err == nil || err == io.EOF:
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fail("RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period.")
	default: // the connection broke
		err = errs.New(errs.InvalidArgument, "You did not provide the number of bytes specified by the Content-Length HTTP header", err).Because("IncompleteBody")
	}
	return n, err
}

// wants say what is computed beside CRC64NVME.
type wants struct {
	md5       bool
	algorithm checksum.Algorithm // when the client claims none
	unclaimed bool               // x-amz-checksum-* say nothing about this body
}

// payload prepares the body of a request. It reads nothing yet, so a client that waits for 100 Continue still waits.
func (s *Service) payload(r *request, want wants) (*payload, error) {
	p := &payload{size: r.ContentLength}
	var err error
	if !want.unclaimed {
		if p.claim, err = claimed(r.Header); err != nil {
			return nil, err
		}
	}
	if p.wantMD5, err = contentMD5(r.Header); err != nil {
		return nil, err
	}
	body := &bodyReader{r: r, stall: s.o.StallTimeout, now: s.o.Now}
	p.src = body
	if r.auth.Payload.Chunked() {
		text := r.Header.Get("X-Amz-Decoded-Content-Length")
		if text == "" {
			return nil, fail("MissingContentLength", "You must provide the x-amz-decoded-content-length header with an aws-chunked body.")
		}
		if p.size, err = strconv.ParseInt(text, 10, 64); err != nil || p.size < 0 {
			return nil, fail("InvalidArgument", "x-amz-decoded-content-length is not a length")
		}
		buffer, _ := s.frames.Get().(*bufio.Reader)
		if buffer == nil {
			buffer = bufio.NewReaderSize(nil, 32<<10)
		}
		o := chunked.Options{Trailer: r.auth.Payload != sigv4.StreamSigned}
		if r.auth.Chain != nil {
			o.Signatures = r.auth.Chain
		}
		p.frames = chunked.NewReader(body, buffer, o)
		p.src = p.frames
		p.onSuccess = func() { s.frames.Put(buffer) } // after a failure someone may still be reading
	}
	if p.claim.trailer != "" && !withTrailer(r.auth.Payload) {
		return nil, fail("InvalidRequest", "x-amz-trailer needs an aws-chunked body with a trailer")
	}
	p.hashes(want, r.auth)
	done := p.onSuccess
	p.onSuccess = func() {
		r.control.SetReadDeadline(time.Time{}) // or the server would take a slow handler for a broken connection
		if done != nil {
			done()
		}
	}
	return p, nil
}

func withTrailer(k sigv4.Payload) bool {
	return k == sigv4.StreamSignedTrailer || k == sigv4.StreamUnsignedTrailer
}

func (p *payload) hashes(want wants, auth sigv4.Auth) {
	p.crc64 = checksum.New(checksum.CRC64NVME).(hash.Hash64)
	if want.md5 || p.wantMD5 != nil {
		p.md5 = md5.New()
	}
	if auth.Payload == sigv4.Hashed {
		p.wantSHA = auth.SHA256[:]
		p.sha = sha256.New()
	}
	if p.claim.algorithm == "" {
		p.claim.algorithm = want.algorithm
	}
	switch a := p.claim.algorithm; a {
	case "", checksum.CRC64NVME:
	case checksum.SHA256:
		if p.sha == nil {
			p.sha = sha256.New()
		}
	default:
		p.extra = checksum.New(a)
	}
}

// Read implements io.Reader. After a failure it fails the same way for ever.
func (p *payload) Read(b []byte) (int, error) {
	if p.finished {
		if p.err != nil {
			return 0, p.err
		}
		return 0, io.EOF
	}
	if p.size == p.n { // an empty body
		return 0, p.end(io.EOF)
	}
	n, err := p.src.Read(b)
	p.n += int64(n)
	if p.size >= 0 && p.n > p.size {
		return 0, p.end(fail("IncompleteBody", "The body is longer than the length that was announced"))
	}
	p.write(b[:n])
	if err == nil && p.n != p.size {
		return n, nil
	}
	if err != nil && err != io.EOF {
		return 0, p.end(err)
	}
	if err := p.end(io.EOF); err != io.EOF {
		return 0, err
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (p *payload) write(b []byte) {
	p.crc64.Write(b)
	if p.md5 != nil {
		p.md5.Write(b)
	}
	if p.sha != nil {
		p.sha.Write(b)
	}
	if p.extra != nil {
		p.extra.Write(b)
	}
}

// end closes the payload: io.EOF is a verified end.
func (p *payload) end(err error) error {
	p.finished = true
	if err == io.EOF {
		err = p.verify()
	}
	if err != nil {
		p.err = err
		return err
	}
	p.onSuccess()
	return io.EOF
}

// verify compares everything that was claimed.
func (p *payload) verify() error {
	if p.size >= 0 && p.n < p.size {
		return fail("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	if p.frames != nil { // last chunk, trailer and end of the body
		var one [1]byte
		switch n, err := p.frames.Read(one[:]); {
		case n > 0:
			return fail("IncompleteBody", "The body is longer than the length that was announced")
		case err != io.EOF:
			return err
		}
	}
	var shaSum []byte
	if p.sha != nil {
		shaSum = p.sha.Sum(nil)
	}
	if p.wantSHA != nil && subtle.ConstantTimeCompare(shaSum, p.wantSHA) != 1 {
		return fail("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if p.md5 != nil {
		p.result.MD5 = p.md5.Sum(nil)
		if p.wantMD5 != nil && !bytes.Equal(p.result.MD5, p.wantMD5) {
			return fail("BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	p.result.CRC64 = p.crc64.Sum64()
	if p.wantCRC != nil && *p.wantCRC != p.result.CRC64 {
		return errs.Newf(errs.DataLoss, "the source of a copy has CRC-64 %016x, not %016x", p.result.CRC64, *p.wantCRC)
	}
	switch p.claim.algorithm {
	case "":
	case checksum.CRC64NVME:
		p.result.Extra = binary.BigEndian.AppendUint64(nil, p.result.CRC64)
	case checksum.SHA256:
		p.result.Extra = shaSum
	default:
		p.result.Extra = p.extra.Sum(nil)
	}
	want := p.claim.sum
	if p.claim.trailer != "" {
		text, ok := p.frames.Trailer()[p.claim.trailer]
		if !ok {
			return fail("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		var err error
		if want, err = decodeSum(p.claim.algorithm, text); err != nil {
			return err
		}
	}
	if want != nil && !bytes.Equal(p.result.Extra, want) {
		return fail("BadDigest", "The %s you specified did not match the calculated checksum.", p.claim.algorithm)
	}
	return nil
}

// sourcePayload is the body of a copy: what is read of another object. crc64, when known, is verified.
func sourcePayload(src io.Reader, size int64, want wants, crc64 *uint64) *payload {
	p := &payload{src: src, size: size, wantCRC: crc64, onSuccess: func() {}}
	p.hashes(want, sigv4.Auth{})
	return p
}

// md5Sum is the MD5 for an adapter; nil until the end was read and verified.
func (p *payload) md5Sum() []byte {
	if p.err != nil {
		return nil
	}
	return p.result.MD5
}

// formPayload is the file of a form, whose size is known when it ends.
func (s *Service) formPayload(r *request, file io.Reader) (*payload, error) {
	p := &payload{src: file, size: -1, onSuccess: func() { r.control.SetReadDeadline(time.Time{}) }}
	var err error
	if p.claim, err = claimed(r.Header); err != nil {
		return nil, err
	}
	if p.claim.trailer != "" {
		return nil, fail("InvalidRequest", "x-amz-trailer needs an aws-chunked body with a trailer")
	}
	p.hashes(wants{md5: true}, sigv4.Auth{})
	return p, nil
}

// salt is that of an object which is put at once.
func (p *payload) salt() (salt sse.Salt) {
	if p.sealing != nil {
		salt = p.sealing.envelope.Salt
	}
	return salt
}

// drain reads what nobody has read yet, so that an unread rest is verified as well.
func (p *payload) drain() error {
	_, err := io.Copy(io.Discard, p)
	return err
}

// claimed reads the checksum headers of an upload.
func claimed(h http.Header) (claim, error) {
	var c claim
	for _, a := range [...]struct {
		algorithm checksum.Algorithm
		header    string
	}{
		{checksum.CRC32, "X-Amz-Checksum-Crc32"}, {checksum.CRC32C, "X-Amz-Checksum-Crc32c"}, {checksum.CRC64NVME, "X-Amz-Checksum-Crc64nvme"},
		{checksum.SHA1, "X-Amz-Checksum-Sha1"}, {checksum.SHA256, "X-Amz-Checksum-Sha256"},
	} {
		text := h[a.header]
		if len(text) == 0 {
			continue
		}
		if c.algorithm != "" {
			return c, fail("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		sum, err := decodeSum(a.algorithm, text[0])
		if err != nil {
			return c, err
		}
		c.algorithm, c.sum = a.algorithm, sum
	}
	if t := h.Get("X-Amz-Trailer"); t != "" {
		name := strings.ToLower(strings.TrimSpace(t))
		algorithm := checksum.Algorithm(strings.ToUpper(strings.TrimPrefix(name, "x-amz-checksum-")))
		if !strings.HasPrefix(name, "x-amz-checksum-") || !algorithm.Valid() {
			return c, fail("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
		}
		if c.algorithm != "" {
			return c, fail("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		c.algorithm, c.trailer = algorithm, name
	}
	if name := h.Get("X-Amz-Sdk-Checksum-Algorithm"); name != "" {
		algorithm := checksum.Algorithm(strings.ToUpper(name))
		switch {
		case !algorithm.Valid():
			return c, fail("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		case c.algorithm == "" && h.Get("Content-Md5") == "":
			return c, fail("InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		case c.algorithm != "" && c.algorithm != algorithm:
			return c, fail("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	return c, nil
}

func decodeSum(a checksum.Algorithm, text string) ([]byte, error) {
	sum, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sum) != a.Size() {
		return nil, fail("BadDigest", "The %s you specified is no such checksum.", a) // so it cannot be that of the data
	}
	return sum, nil
}

func contentMD5(h http.Header) ([]byte, error) {
	values := h["Content-Md5"]
	if len(values) == 0 {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(values[0])
	if err != nil || len(sum) != md5.Size {
		return nil, fail("InvalidDigest", "The Content-MD5 you specified is not valid.")
	}
	return sum, nil
}

// document reads a whole XML body of at most maxXML bytes and verifies it, but for the checksums in headers when those are about something else.
// Read once, it is at hand again.
func (s *Service) document(r *request, aboutBody bool) ([]byte, *payload, error) {
	if r.read == nil {
		body, p, err := s.readDocument(r, aboutBody)
		r.read = &readDocument{body, p, err}
	}
	return r.read.body, r.read.payload, r.read.err
}

// readDocument is how reading a document ended.
type readDocument struct {
	body    []byte
	payload *payload
	err     error
}

func (s *Service) readDocument(r *request, aboutBody bool) ([]byte, *payload, error) {
	p, err := s.payload(r, wants{unclaimed: !aboutBody})
	if err != nil {
		return nil, nil, err
	}
	if p.size > maxXML {
		return nil, nil, fail("MaxMessageLengthExceeded", "Your request was too big.")
	}
	var b bytes.Buffer
	if p.size > 0 {
		b.Grow(int(p.size) + bytes.MinRead)
	}
	if _, err = b.ReadFrom(io.LimitReader(p, maxXML+1)); err != nil {
		return nil, nil, err
	}
	if b.Len() > maxXML {
		return nil, nil, fail("MaxMessageLengthExceeded", "Your request was too big.")
	}
	return b.Bytes(), p, nil
}

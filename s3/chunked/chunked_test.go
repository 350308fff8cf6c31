package chunked

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/opensds/gelato/internal/errs"
)

// plainSums signs with the SHA-256 itself, in order.
type plainSums struct{ n int }

func (p *plainSums) Chunk(sum [sha256.Size]byte, signature string) bool {
	p.n++
	return signature == hex.EncodeToString(sum[:])
}

func (p *plainSums) Trailer(sum [sha256.Size]byte, signature string) bool {
	return signature == "t"+hex.EncodeToString(sum[:])
}

func sign(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func TestRead(t *testing.T) {
	t.Parallel()
	signed := "5;chunk-signature=" + sign("hello") + "\r\nhello\r\n0;chunk-signature=" + sign("") + "\r\n"
	crc := "x-amz-checksum-crc32:AAAAAA==\n"
	for _, c := range []struct {
		name, body         string
		signed, trailer    bool
		want, reason, sums string
	}{
		{"plain", "5\r\nhello\r\n3\r\n wo\r\n0\r\n\r\n", false, true, "hello wo", "", ""},
		{"empty", "0\r\n\r\n", false, true, "", "", ""},
		{"trailer", "5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: AAAAAA==\r\n\r\n", false, true, "hello", "", "AAAAAA=="},
		{"signed", signed + "\r\n", true, false, "hello", "", ""},
		{"signed trailer", signed + "x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:t" + sign(crc) + "\r\n\r\n", true, true, "hello", "", "AAAAAA=="},
		{"signed trailer as documented", signed + "x-amz-checksum-crc32:AAAAAA==\n\r\nx-amz-trailer-signature:t" + sign(crc) + "\r\n\r\n", true, true, "hello", "", "AAAAAA=="},
		{"forged chunk", strings.Replace(signed, "hello", "jello", 1) + "\r\n", true, false, "", "SignatureDoesNotMatch", ""},
		{"forged end", "5;chunk-signature=" + sign("hello") + "\r\nhello\r\n0;chunk-signature=00\r\n\r\n", true, false, "", "SignatureDoesNotMatch", ""},
		{"forged trailer", signed + "x-amz-checksum-crc32:BBBBBB==\r\nx-amz-trailer-signature:t" + sign(crc) + "\r\n\r\n", true, true, "", "SignatureDoesNotMatch", ""},
		{"unsigned chunk", "5\r\nhello\r\n0\r\n\r\n", true, false, "", "InvalidRequest", ""},
		{"trailer without signature", signed + "x-amz-checksum-crc32:AAAAAA==\r\n\r\n", true, true, "", "IncompleteBody", ""},
		{"unexpected trailer", "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", false, false, "", "MalformedTrailerError", ""},
		{"trailer twice", "0\r\na:b\r\na:c\r\n\r\n", false, true, "", "MalformedTrailerError", ""},
		{"too many trailers", "0\r\n" + strings.Repeat("a:b\r\n", 40) + "\r\n", false, true, "", "MalformedTrailerError", ""},
		{"cut in data", "5\r\nhel", false, true, "", "IncompleteBody", ""},
		{"cut after data", "5\r\nhello", false, true, "", "IncompleteBody", ""},
		{"cut before the last chunk", "5\r\nhello\r\n", false, true, "", "IncompleteBody", ""},
		{"cut before the end", "0\r\n", false, true, "", "IncompleteBody", ""},
		{"nothing", "", false, true, "", "IncompleteBody", ""},
		{"longer than it says", "4\r\nhello\r\n0\r\n\r\n", false, true, "", "InvalidRequest", ""},
		{"goes on", "0\r\n\r\nmore", false, true, "", "InvalidRequest", ""},
		{"no size", ";x\r\n", false, true, "", "InvalidRequest", ""},
		{"negative size", "-1\r\n", false, true, "", "InvalidRequest", ""},
		{"huge size", "ffffffffffffffff\r\n", false, true, "", "InvalidRequest", ""},
		{"long line", strings.Repeat("0", 5000) + "\r\n", false, true, "", "InvalidRequest", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader, "data with error": iotest.DataErrReader} {
				o := Options{Trailer: c.trailer}
				if c.signed {
					o.Signatures = &plainSums{}
				}
				r := NewReader(wrap(strings.NewReader(c.body)), nil, o)
				got, err := io.ReadAll(r)
				if c.reason != "" {
					if errs.ReasonOf(err) != c.reason {
						t.Errorf("%s: got %v, want %s", name, err, c.reason)
					}
					if _, again := r.Read(make([]byte, 1)); again != err {
						t.Errorf("%s: a second read gave %v", name, again)
					}
					continue
				}
				if err != nil || string(got) != c.want || r.Trailer()["x-amz-checksum-crc32"] != c.sums {
					t.Errorf("%s: got %q, %v, trailer %v; want %q", name, got, err, maps.Collect(maps.All(r.Trailer())), c.want)
				}
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"), true, false)
	f.Add([]byte("5;chunk-signature=00\r\nhello\r\n0;chunk-signature=00\r\n\r\n"), false, true)
	f.Add([]byte("5;chunk-signature=00\r\nhello\r\n0;chunk-signature=00\r\nx-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:00\r\n\r\n"), true, true)
	f.Fuzz(func(t *testing.T, body []byte, trailer, signed bool) {
		o := Options{Trailer: trailer}
		if signed {
			o.Signatures = zeros{}
		}
		r := NewReader(bytes.NewReader(body), nil, o)
		got, err := io.ReadAll(r)
		if len(got) > len(body) {
			t.Errorf("%d bytes of a body of %d", len(got), len(body))
		}
		if err != nil && errs.ReasonOf(err) == "" {
			t.Errorf("%v has no reason", err)
		}
		if err == nil && !bytes.Contains(body, []byte("0\r\n")) && !bytes.Contains(body, []byte("0\n")) && !bytes.Contains(body, []byte("0;")) {
			t.Errorf("%q was accepted without a last chunk", body)
		}
	})
}

// zeros takes the signature 00 for right, always.
type zeros struct{}

func (zeros) Chunk(_ [sha256.Size]byte, signature string) bool { return signature == "00" }

func (zeros) Trailer(_ [sha256.Size]byte, signature string) bool { return signature == "00" }

package matrix

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/testbed/dataset"
)

// object is what a client stores, and what it must get back.
type object struct {
	dataset.Object
	headers http.Header // content headers and user metadata
	sha256  []byte
	crc64   string // as S3 writes it
}

// describe gives objects the headers and metadata that a few kinds of clients send.
func describe(plain []dataset.Object) []object {
	all := make([]object, len(plain))
	for i, o := range plain {
		sum, crc := sha256.New(), checksum.New(checksum.CRC64NVME)
		if _, err := io.Copy(io.MultiWriter(sum, crc), o.Reader()); err != nil {
			panic(err) // the generator never ends
		}
		all[i] = object{Object: o, headers: kinds[i%len(kinds)].Clone(), sha256: sum.Sum(nil), crc64: base64.StdEncoding.EncodeToString(crc.Sum(nil))}
		all[i].headers["X-Amz-Meta-Number"] = []string{fmt.Sprint(i)}
	}
	return all
}

var kinds = []http.Header{
	{"Content-Type": {"text/plain; charset=utf-8"}, "Cache-Control": {"max-age=60, private"}},
	{"Content-Type": {"image/png"}, "Content-Disposition": {`attachment; filename="a b;c.png"`}, "X-Amz-Meta-Colour": {"blue"}, "X-Amz-Meta-A-B.c_d": {"dots and dashes"}},
	{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}, "X-Amz-Meta-Unicode": {"é 漢字 \U0001F366 e\u0301"}, "X-Amz-Meta-2nd": {"100% \"quoted\" + =?UTF-8?B?w6k=?="}},
	{"Content-Language": {"de, en"}, "Expires": {"Thu, 01 Dec 2033 16:00:00 GMT"}, "X-Amz-Meta-Empty": {""}, "X-Amz-Meta-Long": {strings.Repeat("\u00e9", 400)}},
}

// same returns nil if what is read is the object's bytes.
func (o object) same(read func(io.Writer) error) error {
	got := &counting{Hash: sha256.New()}
	if err := read(got); err != nil {
		return err
	}
	if got.n != o.Size || !bytes.Equal(got.Sum(nil), o.sha256) {
		return fmt.Errorf("got %d bytes with SHA-256 %x, want %d with %x", got.n, got.Sum(nil), o.Size, o.sha256)
	}
	return nil
}

type counting struct {
	hash.Hash
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return c.Hash.Write(b)
}

package s3

import (
	"bytes"
	"encoding/hex"
	"hash"
	"io"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/sse"
)

// cargo is the bytes of a blob, or of a part, as they go to its store: those of a payload, or what they are encrypted to.
type cargo struct {
	body    *payload
	read    io.Reader // seeks when the bytes are at hand
	plain   int64     // size of the body; -1 when it is unknown until drain
	size    int64     // of what is read; the same
	sums    adapters.Sums
	salt    sse.Salt // of what is encrypted
	release func()   // gives buffers back after a success only: what failed may still be reading them

	known uint64      // of a cargo at hand
	crc   hash.Hash64 // of ciphertext as it is read, else nil
}

// smallBuffer has room for a small body encrypted in place.
const smallBuffer = smallBody + sse.Overhead

const _ = uint(sse.SegmentSize - smallBody) // a small body is one segment

// load prepares a body for a store, of size bytes or, as -1, of a size that nobody knows. A small body is read whole, so that it is verified before anything is begun, its size and
// checksum are known to the store, and an adapter can send it again. salt is for what is encrypted.
func (s *Service) load(body *payload, size int64, salt sse.Salt) (*cargo, error) {
	c := &cargo{body: body, read: body, plain: size, size: size, salt: salt, release: func() {}}
	c.sums.Unproven = true // nothing is removed on the strength of an upload: its sender has it, and jobs verify what they copy
	e := body.sealing
	if e == nil {
		c.sums.MD5 = body.md5Sum
	}
	if size <= smallBody {
		buf := buffer(&s.small, smallBuffer)
		want := size
		if size < 0 {
			want = smallBody
		}
		n, err := io.ReadFull(body, (*buf)[:want])
		if err == nil && size >= 0 {
			body.drain()
		}
		if body.err != nil {
			return nil, body.err
		}
		c.release = func() { s.small.Put(buf) }
		begin := (*buf)[:n]
		if body.finished {
			c.hold(begin)
			return c, nil
		}
		c.read = io.MultiReader(bytes.NewReader(begin), body)
	}
	if e != nil {
		if size >= 0 {
			c.size = sse.CipherSize(size)
		}
		c.crc = checksum.New(checksum.CRC64NVME).(hash.Hash64)
		segments, release := sse.NewEncrypter(c.read, e.data, salt, size, &s.segments), c.release
		c.read = io.TeeReader(segments, c.crc)
		c.release = func() { segments.Release(); release() }
	}
	return c, nil
}

// hold has the whole body, verified, in memory. It is encrypted in place.
func (c *cargo) hold(plain []byte) {
	c.plain, c.known = int64(len(plain)), c.body.result.CRC64
	if e := c.body.sealing; e != nil {
		plain = sse.SealSmall(plain, e.data, c.salt)
		h := checksum.New(checksum.CRC64NVME).(hash.Hash64)
		h.Write(plain)
		c.known = h.Sum64()
	}
	c.size, c.sums.CRC64 = int64(len(plain)), &c.known
	c.read = bytes.NewReader(plain)
}

// drain reads what nobody has read yet, so that an unread rest is verified as well. Sizes are known from here on.
func (c *cargo) drain() error {
	if c.crc != nil && c.body.err == nil {
		if _, err := io.Copy(io.Discard, c.read); err != nil {
			return err
		}
	}
	if err := c.body.drain(); err != nil {
		return err
	}
	if c.plain < 0 {
		c.plain, c.size = c.body.n, c.body.n
		if c.crc != nil {
			c.size = sse.CipherSize(c.plain)
		}
	}
	return nil
}

// crc64 is that of all bytes that were read; call it after drain.
func (c *cargo) crc64() uint64 {
	switch {
	case c.sums.CRC64 != nil:
		return c.known
	case c.crc != nil:
		return c.crc.Sum64()
	}
	return c.body.result.CRC64
}

// etag is what S3 shows of the body.
func (c *cargo) etag() string {
	if c.body.sealing != nil {
		return c.body.sealing.etag(c.body.result.MD5)
	}
	return hex.EncodeToString(c.body.result.MD5)
}

// describe puts into a head what was computed of a whole body. The CRC64NVME is in every head; another checksum is the one claimed or wanted.
func (c *cargo) describe(o *catalog.Object) {
	crc := c.crc64()
	o.CRC64, o.ETag = &crc, c.etag()
	a := c.body.claim.algorithm
	if a != "" && a != checksum.CRC64NVME {
		o.Checksums, o.ChecksumType = map[string][]byte{string(a): c.body.result.Extra}, fullObject
	}
	o.CipherSize, o.Encryption = 0, nil
	if e := c.body.sealing; e != nil {
		o.CipherSize, o.Encryption = c.size, e.stored
		if o.Checksums == nil {
			o.Checksums, o.ChecksumType = plainSum(c.body.result.CRC64), fullObject
		}
	}
}

// plainSum is the checksum that an encrypted object or part shows when the client chose none: its CRC64 is that of the ciphertext.
func plainSum(crc uint64) map[string][]byte {
	return map[string][]byte{string(checksum.CRC64NVME): checksum.Bytes64(crc)}
}

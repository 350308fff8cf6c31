package s3

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/s3/catalog"
)

type completeRequest struct {
	XMLName xml.Name        `xml:"CompleteMultipartUpload"`
	Parts   []completedPart `xml:"Part"`
}

type completedPart struct {
	PartNumber        int    `xml:"PartNumber"`
	ETag              string `xml:"ETag"`
	ChecksumCRC32     string `xml:"ChecksumCRC32"`
	ChecksumCRC32C    string `xml:"ChecksumCRC32C"`
	ChecksumCRC64NVME string `xml:"ChecksumCRC64NVME"`
	ChecksumSHA1      string `xml:"ChecksumSHA1"`
	ChecksumSHA256    string `xml:"ChecksumSHA256"`
}

func (s *Service) completeMultipartUpload(w http.ResponseWriter, r *request) error {
	cond, err := writeCondition(r.Header)
	if err != nil {
		return err
	}
	b := r.b
	// x-amz-checksum-* are of the object here, not of this document.
	expect, err := expected(r.Header)
	if err != nil {
		return err
	}
	body, _, err := s.document(r, false)
	if err != nil {
		return err
	}
	list, err := parseComplete(body)
	if err != nil {
		return err
	}
	id := r.query.Get("uploadId")
	if err := s.checkUpload(r, b, id, list); err != nil {
		return err
	}
	if err := s.completeEncrypted(w.Header(), r, id); err != nil {
		return err
	}
	return s.long(w, r, func() (func(*document), error) {
		o, err := s.catalog.CompleteUpload(context.WithoutCancel(r.Context()), b, r.key, id, list, expect, cond)
		return func(x *document) {
			setMade(w.Header(), o)
			s.setExpiration(w.Header(), r, o)
			x.top("CompleteMultipartUploadResult")
			x.text("Location", "http://"+r.Host+r.URL.EscapedPath())
			x.text("Bucket", b.Name)
			x.text("Key", r.key)
			x.etag(o.ETag)
			x.objectSums(o)
			x.close("CompleteMultipartUploadResult")
		}, err
	})
}

func parseComplete(body []byte) ([]catalog.CompletedPart, error) {
	var c completeRequest
	if err := decodeXML(body, &c); err != nil {
		return nil, err
	}
	if len(c.Parts) == 0 || len(c.Parts) > maxParts {
		return nil, malformedXML(nil)
	}
	list := make([]catalog.CompletedPart, 0, len(c.Parts))
	for _, p := range c.Parts {
		if p.PartNumber < 1 || p.PartNumber > maxParts || p.ETag == "" {
			return nil, malformedXML(nil)
		}
		one := catalog.CompletedPart{N: p.PartNumber, ETag: bareETag(p.ETag)}
		for _, sum := range [...]struct {
			a    checksum.Algorithm
			text string
		}{{checksum.CRC32, p.ChecksumCRC32}, {checksum.CRC32C, p.ChecksumCRC32C}, {checksum.CRC64NVME, p.ChecksumCRC64NVME}, {checksum.SHA1, p.ChecksumSHA1}, {checksum.SHA256, p.ChecksumSHA256}} {
			if sum.text == "" {
				continue
			}
			raw, err := decodeSum(sum.a, sum.text)
			if err != nil {
				return nil, err
			}
			if one.Checksums == nil {
				one.Checksums = map[string][]byte{}
			}
			one.Checksums[string(sum.a)] = raw
		}
		if last := len(list) - 1; last >= 0 && list[last].N == one.N { // named again: the last word counts, as with S3
			list[last] = one
			continue
		}
		list = append(list, one)
	}
	return list, nil
}

// expected are the checksums of the whole object that the client claims; composite ones end in "-<parts>".
func expected(h http.Header) (map[string][]byte, error) {
	var m map[string][]byte
	for _, a := range checksum.Algorithms() {
		text := h.Get(sumHeader(a))
		if text == "" {
			continue
		}
		text, _, _ = strings.Cut(text, "-")
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != a.Size() {
			return nil, fail("BadDigest", "The %s you specified is no such checksum.", a)
		}
		if m == nil {
			m = map[string][]byte{}
		}
		m[string(a)] = raw
	}
	return m, nil
}

// checkUpload judges what the request says of the upload: type of checksum and size. An upload that is completed already is the catalog's.
func (s *Service) checkUpload(r *request, b catalog.Bucket, id string, list []catalog.CompletedPart) error {
	kind, size := strings.ToUpper(r.Header.Get("X-Amz-Checksum-Type")), r.Header.Get("X-Amz-Mp-Object-Size")
	if kind == "" && size == "" {
		return nil
	}
	u, err := s.catalog.Upload(r.Context(), b, r.key, id)
	if err != nil {
		return nil // CompleteUpload says what is wrong, or repeats its answer
	}
	if kind != "" && u.ChecksumType != "" && kind != u.ChecksumType {
		return fail("InvalidRequest", "The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", u.ChecksumType)
	}
	if size == "" {
		return nil
	}
	want, err := strconv.ParseInt(size, 10, 64)
	if err != nil || want < 0 {
		return fail("InvalidRequest", "Value for x-amz-mp-object-size header is invalid.")
	}
	listed := make(map[int]bool, len(list))
	for _, p := range list {
		listed[p.N] = true
	}
	total := int64(0)
	for after, more := 0, true; more; {
		var parts []catalog.UploadPart
		if parts, more, err = s.catalog.UploadParts(r.Context(), u, after, 1000); err != nil {
			return err
		}
		for _, p := range parts {
			if after = p.N; listed[p.N] {
				total += p.Size
			}
		}
		if len(parts) == 0 {
			break
		}
	}
	if total != want {
		return fail("InvalidRequest", "The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", want, total)
	}
	return nil
}

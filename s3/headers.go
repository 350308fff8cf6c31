package s3

import (
	"cmp"
	"encoding/base64"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

const (
	maxMetadata = 2 << 10 // bytes of names and values together
	maxHeaders  = 4 << 10 // bytes of the content headers together
)

func malformedXML(cause error) error {
	return errs.New(errs.InvalidArgument, "The XML you provided was not well-formed or did not validate against our published schema", cause).Because("MalformedXML")
}

// contentHeaders are the headers that stay with an object. aws-chunked is an encoding of the transfer, not of the object.
func contentHeaders(h http.Header) adapters.ContentHeaders {
	c := adapters.ContentHeaders{
		ContentType: h.Get("Content-Type"), ContentEncoding: h.Get("Content-Encoding"), ContentLanguage: h.Get("Content-Language"),
		ContentDisposition: h.Get("Content-Disposition"), CacheControl: h.Get("Cache-Control"), Expires: h.Get("Expires"),
	}
	if strings.Contains(c.ContentEncoding, "aws-chunked") {
		var rest []string
		for part := range strings.SplitSeq(c.ContentEncoding, ",") {
			if part = strings.TrimSpace(part); part != "aws-chunked" && part != "" {
				rest = append(rest, part)
			}
		}
		c.ContentEncoding = strings.Join(rest, ",")
	}
	if c.ContentType == "" {
		c.ContentType = "binary/octet-stream"
	}
	return c
}

// userMetadata are the x-amz-meta-* headers, names in lower case.
func userMetadata(h http.Header) (map[string]string, error) {
	var m map[string]string
	size := 0
	for name, values := range h {
		short, ok := strings.CutPrefix(name, "X-Amz-Meta-")
		if !ok || short == "" {
			continue
		}
		short = strings.ToLower(short)
		value := strings.Join(values, ",")
		size += len(short) + len(value)
		if !utf8.ValidString(value) {
			return nil, fail("InvalidArgument", "User metadata must be valid UTF-8")
		}
		if m == nil {
			m = make(map[string]string, 4)
		}
		m[short] = value
	}
	if size > maxMetadata {
		return nil, fail("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	return m, nil
}

// storageClass is the class asked for, as the object will show it: empty for the backend's default.
func storageClass(h http.Header, c adapters.Capabilities) (string, error) {
	_, shown, ok := c.Class(h.Get("X-Amz-Storage-Class"))
	if !ok {
		return "", invalidStorageClass()
	}
	return shown, nil
}

func invalidStorageClass() error {
	return fail("InvalidStorageClass", "The storage class you specified is not valid")
}

// shownClass is a storage class as S3 shows it.
func shownClass(class string) string { return cmp.Or(class, adapters.StandardClass) }

// checkHeaders bounds what an object keeps of headers and refuses what is no text.
func checkHeaders(c adapters.ContentHeaders) error {
	size := 0
	for _, v := range [...]string{c.ContentType, c.ContentEncoding, c.ContentLanguage, c.ContentDisposition, c.CacheControl, c.Expires} {
		size += len(v)
		if !utf8.ValidString(v) {
			return fail("InvalidArgument", "Content headers must be valid UTF-8")
		}
	}
	if size > maxHeaders {
		return fail("MetadataTooLarge", "Your content headers exceed the maximum allowed size")
	}
	return nil
}

// setObject sets the headers that describe an object, but for its length.
func setObject(h http.Header, o catalog.Object) {
	h["Accept-Ranges"] = []string{"bytes"}
	h["Last-Modified"] = []string{o.Modified.UTC().Format(http.TimeFormat)}
	h["Etag"] = []string{quoted(o.ETag)}
	set := func(name, value string) {
		if value != "" {
			h[name] = []string{value}
		}
	}
	contentType := o.Headers.ContentType
	if contentType == "" {
		contentType = "binary/octet-stream"
	}
	h["Content-Type"] = []string{contentType}
	set("Content-Encoding", o.Headers.ContentEncoding)
	set("Content-Language", o.Headers.ContentLanguage)
	set("Content-Disposition", o.Headers.ContentDisposition)
	set("Cache-Control", o.Headers.CacheControl)
	set("Expires", o.Headers.Expires)
	if o.StorageClass != adapters.StandardClass { // S3 leaves the standard class out
		set("X-Amz-Storage-Class", o.StorageClass)
	}
	for name, value := range o.Metadata {
		h["x-amz-meta-"+name] = []string{value} // in lower case on the wire too, as S3 writes it: botocore shows names as they come
	}
}

func quoted(etag string) string { return `"` + etag + `"` }

// shownSums are an object's checksums as S3 writes them, in the order of their names: base64, with the number of parts behind a composite one. An object for which
// the client chose none has its CRC64NVME.
func shownSums(o catalog.Object) (sums iter.Seq2[string, string], kind string) {
	if len(o.Checksums) == 0 && o.CRC64 != nil {
		return func(yield func(string, string) bool) {
			yield(string(checksum.CRC64NVME), base64.StdEncoding.EncodeToString(checksum.Bytes64(*o.CRC64)))
		}, fullObject
	}
	return func(yield func(string, string) bool) {
		for _, name := range slices.Sorted(maps.Keys(o.Checksums)) {
			text := base64.StdEncoding.EncodeToString(o.Checksums[name])
			if o.ChecksumType == composite && o.PartCount > 0 {
				text += "-" + strconv.Itoa(o.PartCount)
			}
			if !yield(name, text) {
				return
			}
		}
	}, o.ChecksumType
}

const (
	composite  = "COMPOSITE"
	fullObject = "FULL_OBJECT"
)

// setSums sets x-amz-checksum-* of an object.
func setSums(h http.Header, o catalog.Object) {
	sums, kind := shownSums(o)
	for name, text := range sums {
		h[sumHeader(checksum.Algorithm(name))] = []string{text}
	}
	if kind != "" {
		h["X-Amz-Checksum-Type"] = []string{kind}
	}
}

// sumHeader is the canonical name of a checksum's header.
func sumHeader(a checksum.Algorithm) string {
	s := strings.ToLower(string(a))
	return "X-Amz-Checksum-" + strings.ToUpper(s[:1]) + s[1:]
}

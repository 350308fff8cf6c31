package azureblob

import (
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Names of metadata must be C# identifiers and are the same in every case. A letter or digit stays; any other byte, and a digit in front, becomes
// "_" with its two lower-case hexadecimal digits; so does a "_" that would be taken for such an escape, or that follows "gelato" in front: that
// leaves names such as "gelato_expires" for the adapter's own.
const own = "gelato_"

// Metadata of the adapter's own.
const (
	ownUpload = own + "upload" // upload id and CRC-64/NVME of an object made of parts: a completion repeated knows its own work
	ownKey    = own + "key"    // of a hidden blob: the key of the upload
	ownClass  = own + "class"  // access tier that was asked for: Azurite does not tell it with the bytes
)

// maxMetadata is the most that names and values of one blob may have together, in bytes.
const maxMetadata = 8 << 10

func encodeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9' && i > 0:
			b.WriteByte(c)
		case c == '_' && (i+2 >= len(name) || !isHex(name[i+1]) || !isHex(name[i+2])) && name[:i+1] != own:
			b.WriteByte(c)
		default:
			b.WriteByte('_')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

func decodeName(name string) string {
	name = strings.ToLower(name)
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '_' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2]) {
			b.WriteByte(byte(strings.IndexByte(hexDigits, name[i+1])<<4 | strings.IndexByte(hexDigits, name[i+2])))
			i += 2
			continue
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

const hexDigits = "0123456789abcdef"

func isHex(c byte) bool { return strings.IndexByte(hexDigits, c) >= 0 }

// contentHeaders pairs each content header with its own metadata name, which keeps what is no plain ASCII. Azure has no Expires at all.
func contentHeaders(h *adapters.ContentHeaders) map[string]*string {
	return map[string]*string{
		own + "content_type": &h.ContentType, own + "content_encoding": &h.ContentEncoding, own + "content_language": &h.ContentLanguage,
		own + "content_disposition": &h.ContentDisposition, own + "cache_control": &h.CacheControl, own + "expires": &h.Expires,
	}
}

// describe makes Azure's headers and metadata of o, with more of the adapter's own. Too much of it is InvalidArgument.
func describe(o adapters.PutOptions, more map[string]string) (*blob.HTTPHeaders, map[string]*string, error) {
	meta := map[string]*string{}
	for name, v := range o.Metadata {
		text := httpstore.EncodeValue(v)
		meta[encodeName(name)] = &text
	}
	headers := o.Headers
	for name, v := range contentHeaders(&headers) {
		if text := httpstore.EncodeValue(*v); *v != "" && (text != *v || name == own+"expires") {
			meta[name] = &text
			*v = ""
		}
	}
	for name, text := range more {
		meta[name] = &text
	}
	if o.StorageClass != "" {
		meta[ownClass] = &o.StorageClass
	}
	total := 0
	for name, v := range meta {
		total += len(name) + len(*v)
	}
	if total > maxMetadata {
		return nil, nil, errs.Newf(errs.InvalidArgument, "the metadata has %d bytes as Azure keeps it, %d are allowed", total, maxMetadata).Because("MetadataTooLarge")
	}
	return &blob.HTTPHeaders{
		BlobContentType: given(headers.ContentType), BlobContentEncoding: given(headers.ContentEncoding), BlobContentLanguage: given(headers.ContentLanguage),
		BlobContentDisposition: given(headers.ContentDisposition), BlobCacheControl: given(headers.CacheControl),
	}, meta, nil
}

// undescribe is the reverse of describe: it fills headers and metadata of info, and returns what is the adapter's own.
func undescribe(info *adapters.Info, meta map[string]*string) map[string]string {
	mine := map[string]string{}
	headers := contentHeaders(&info.Headers)
	for name, v := range meta {
		name, text := strings.ToLower(name), httpstore.DecodeValue(value(v))
		if h, ok := headers[name]; ok {
			*h = text
			continue
		}
		if name == ownUpload || name == ownKey || name == ownClass {
			mine[name] = text
			continue
		}
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata[decodeName(name)] = text
	}
	return mine
}

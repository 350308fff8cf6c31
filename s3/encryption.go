package s3

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/opensds/gelato/s3/keyring"
	"github.com/opensds/gelato/s3/sse"
)

// The headers and values by which clients ask for encryption (docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
const (
	sseHeader        = "X-Amz-Server-Side-Encryption"
	sseKeyHeader     = "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
	sseContextHeader = "X-Amz-Server-Side-Encryption-Context"
	sseBucketHeader  = "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"

	sseS3   = "AES256"
	sseKMS  = "aws:kms"
	sseDSSE = "aws:kms:dsse"

	maxContext = 4 << 10 // bytes of an encryption context, decoded: it lies in the head
)

// sealing is how the bytes of an object are encrypted, or decrypted.
type sealing struct {
	envelope sse.Envelope
	stored   []byte  // the envelope, encoded
	data     sse.Key // the data key
	customer *customer
}

// etag is what the object shows: the MD5 of the plaintext for SSE-S3 alone.
func (e *sealing) etag(md5 []byte) string {
	if e.envelope.Mode == sse.S3 {
		return fmt.Sprintf("%x", md5)
	}
	return e.data.ETag(md5)
}

// encoded is what a head keeps, nil for nothing.
func (e *sealing) encoded() []byte {
	if e == nil {
		return nil
	}
	return e.stored
}

// show sets the headers by which S3 tells how an object is encrypted. nil: it is not.
func (e *sealing) show(h http.Header) {
	switch {
	case e == nil || e.envelope.Mode == sse.Customer && e.customer == nil:
	case e.envelope.Mode == sse.Customer:
		e.customer.show(h)
	case e.envelope.Mode == sse.S3:
		h[sseHeader] = []string{sseS3}
	default:
		h[sseHeader] = []string{sseKMS}
		h[sseKeyHeader] = []string{e.envelope.KeyID}
		if e.envelope.BucketKey {
			h[sseBucketHeader] = []string{"true"}
		}
	}
}

// showContext is show for the answers of writes, which repeat the encryption context.
func (e *sealing) showContext(h http.Header) {
	e.show(h)
	if e != nil && e.envelope.Context != nil {
		h[sseContextHeader] = []string{base64.StdEncoding.EncodeToString(e.envelope.Context)}
	}
}

// encryptionOf says how an object that is to be written is encrypted: as h asks (the headers of r, or the fields of a form), else as its bucket does by itself. nil: not at all.
func (s *Service) encryptionOf(r *request, h http.Header) (*sealing, error) {
	method, keyID, context := h.Get(sseHeader), h.Get(sseKeyHeader), h.Get(sseContextHeader)
	key, err := s.customerKey(r, h, ownKey(), method == "")
	switch {
	case key != nil && method != "" || err != nil && method != "":
		return nil, fail("InvalidArgument", "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	case err != nil:
		return nil, err
	case method != sseKMS && method != sseDSSE && (keyID != "" || context != "") && (method == "" || method == sseS3):
		return nil, fail("InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms or aws:kms:dsse")
	}
	config, err := s.encryptionConfig(r.Context(), r.b)
	if err != nil {
		return nil, err
	}
	if key != nil {
		if config.blocks(sseCustomer) {
			return nil, accessDenied()
		}
		e := &sealing{customer: key, envelope: sse.Envelope{Mode: sse.Customer}}
		return e, e.wrap(key.key)
	}
	e := &sealing{}
	switch method {
	case "":
		if config.Algorithm == "" {
			return nil, nil
		}
		method, keyID, e.envelope.BucketKey = config.Algorithm, config.KeyID, config.BucketKey && config.Algorithm == sseKMS
	case sseS3:
	case sseKMS:
		if e.envelope.BucketKey, err = bucketKey(h, config.BucketKey); err != nil {
			return nil, err
		}
		if e.envelope.Context, err = encryptionContext(context); err != nil {
			return nil, err
		}
	case sseDSSE:
		return nil, notImplemented("x-amz-server-side-encryption: aws:kms:dsse")
	default:
		return nil, fail("InvalidArgument", "The encryption method specified is not supported")
	}
	if s.o.Keyring == nil {
		return nil, notImplemented("server-side encryption with keys of the gateway, as it has no keyring")
	}
	var wrapping keyring.Key
	if method == sseS3 {
		e.envelope.Mode = sse.S3
		wrapping, err = s.o.Keyring.Service()
	} else {
		e.envelope.Mode = sse.KMS
		wrapping, err = s.o.Keyring.Newest(keyID)
	}
	if err != nil {
		return nil, err
	}
	e.envelope.KeyID, e.envelope.KeyVersion = wrapping.ID, wrapping.Version
	return e, e.wrap(wrapping.Secret)
}

// wrap draws the data key and completes the envelope.
func (e *sealing) wrap(wrapping sse.Key) error {
	e.data, e.envelope.Salt = sse.NewKey(), sse.NewSalt()
	if err := e.envelope.Wrap(wrapping, e.data); err != nil {
		return err
	}
	e.stored = e.envelope.Encode()
	return nil
}

func bucketKey(h http.Header, byDefault bool) (bool, error) {
	switch text := h.Get(sseBucketHeader); strings.ToLower(text) {
	case "":
		return byDefault, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fail("InvalidArgument", "The x-amz-server-side-encryption-bucket-key-enabled header must be true or false")
}

// encryptionContext reads an encryption context: an object of strings. It is kept as it came, authenticated with the data key.
func encryptionContext(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	var pairs map[string]string
	if err == nil {
		err = json.Unmarshal(raw, &pairs)
	}
	if err != nil || pairs == nil || len(raw) > maxContext {
		return nil, fail("InvalidArgument", "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map")
	}
	return raw, nil
}

// asksEncryption says whether a request asks for encryption itself.
func asksEncryption(h http.Header) bool {
	return h.Get(sseHeader) != "" || h.Get(ownCustomer+"Algorithm") != ""
}

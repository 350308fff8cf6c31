package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/sse"
)

// partEncryption finds the data key with which a part of an upload is encrypted: nil when the upload is not. A customer's key has to come with every part.
func (s *Service) partEncryption(r *request, u catalog.Upload) (*sealing, error) {
	key, err := s.customerKey(r, r.Header, ownKey(), true)
	if err != nil {
		return nil, err
	}
	e, err := decodeSealing(u.Encryption)
	switch {
	case err != nil:
		return nil, err
	case key != nil && (e == nil || e.envelope.Mode != sse.Customer):
		return nil, fail("InvalidRequest", "The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters.")
	case e == nil:
		return nil, nil
	case e.envelope.Mode == sse.Customer && key == nil:
		return nil, fail("InvalidRequest", "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.")
	case e.envelope.Mode == sse.Customer:
		e.customer = key
		data, ok := e.envelope.Unwrap(key.key)
		if !ok {
			return nil, fail("InvalidRequest", "The provided encryption parameters did not match the ones used originally.")
		}
		e.data = data
		return e, nil
	}
	return e, s.unwrap(e)
}

// completeEncrypted judges the customer's key of a completion, and sets the headers that tell of encryption. S3 wants the key where the object has a checksum, and all objects
// have one (docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
func (s *Service) completeEncrypted(h http.Header, r *request, id string) error {
	u, err := s.catalog.Upload(r.Context(), r.b, r.key, id)
	if err != nil || u.Encryption == nil {
		return nil // CompleteUpload says what is wrong, or repeats its answer
	}
	e, err := s.partEncryption(r, u)
	e.show(h)
	return err
}

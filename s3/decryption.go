package s3

import (
	"context"
	"fmt"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/sse"
)

// decryptionOf finds the data key of an object that is to be read, or described: nil when it is not encrypted. names are the headers with the customer's key.
func (s *Service) decryptionOf(r *request, names keyHeaders, o catalog.Object) (*sealing, error) {
	if names == ownKey() && (r.Header.Get(sseHeader) != "" || r.Header.Get(sseKeyHeader) != "") {
		return nil, fail("InvalidArgument", "x-amz-server-side-encryption header is not supported for this operation.")
	}
	key, err := s.customerKey(r, r.Header, names, false)
	if err != nil {
		return nil, err
	}
	e, err := decodeSealing(o.Encryption)
	switch {
	case err != nil:
		return nil, err
	case key != nil && (e == nil || e.envelope.Mode != sse.Customer):
		return nil, fail("InvalidRequest", "The encryption parameters are not applicable to this object.")
	case e == nil:
		return nil, nil
	case e.envelope.Mode == sse.Customer && key == nil:
		return nil, fail("InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	case e.envelope.Mode == sse.Customer:
		e.customer = key
		if data, ok := e.envelope.Unwrap(key.key); ok {
			e.data = data
			return e, nil
		}
		return nil, accessDenied()
	}
	return e, s.unwrap(e)
}

// decodeSealing reads a stored envelope; nil for none.
func decodeSealing(stored []byte) (*sealing, error) {
	if stored == nil {
		return nil, nil
	}
	envelope, err := sse.Decode(stored)
	return &sealing{envelope: envelope, stored: stored}, err
}

// unwrap finds the data key with a key of the keyring.
func (s *Service) unwrap(e *sealing) error {
	if s.o.Keyring == nil {
		return errs.New(errs.Unavailable, "The key of this object is not at hand.", fmt.Errorf("no keyring is configured, and an object names key %q", e.envelope.KeyID)).Because("ServiceUnavailable")
	}
	wrapping, err := s.o.Keyring.Version(e.envelope.KeyID, e.envelope.KeyVersion)
	if err != nil {
		return err
	}
	data, ok := e.envelope.Unwrap(wrapping.Secret)
	if !ok {
		return errs.New(errs.DataLoss, internalMessage, fmt.Errorf("an envelope does not open with version %d of key %q", e.envelope.KeyVersion, e.envelope.KeyID))
	}
	e.data = data
	return nil
}

// openObject opens the bytes [run.offset, run.offset+run.length) of an object, length > 0, as S3 shows them. Errors are as open's.
func (s *Service) openObject(ctx context.Context, b catalog.Bucket, o catalog.Object, e *sealing, run byteRange) (objectBody, error) {
	if e == nil {
		return s.open(ctx, b, o, run.offset, run.length)
	}
	pieces := sse.One(sse.Piece{Size: o.Size, Salt: e.envelope.Salt})
	if o.PartCount > 0 {
		pieces = s.pieces(ctx, o)
	}
	where, err := sse.Locate(pieces, run.offset, run.length)
	if err != nil {
		return nil, fmt.Errorf("find ciphertext: %w", err)
	}
	blob, err := s.open(ctx, b, o, where.Offset, where.Length)
	if err != nil {
		return nil, err
	}
	return &plainReader{sse.NewDecrypter(blob, e.data, where, &s.segments), blob}, nil
}

// objectBody is the bytes of an object as they are read.
type objectBody interface {
	Read([]byte) (int, error)
	Close() error
}

// plainReader decrypts a blob.
type plainReader struct {
	*sse.Decrypter
	blob *objectReader
}

// Close implements io.Closer.
func (p *plainReader) Close() error {
	p.Release()
	return p.blob.Close()
}

// pieces are the parts of an encrypted object.
func (s *Service) pieces(ctx context.Context, o catalog.Object) func(yield func(sse.Piece, error) bool) {
	return func(yield func(sse.Piece, error) bool) {
		for after := 0; ; {
			parts, err := s.catalog.Parts(ctx, o, after, 1000)
			if err != nil {
				yield(sse.Piece{}, err)
				return
			}
			for _, p := range parts {
				if len(p.Salt) != sse.SaltSize {
					yield(sse.Piece{}, errs.Newf(errs.DataLoss, "part %d of an encrypted object has no salt", p.N))
					return
				}
				if !yield(sse.Piece{Size: p.Size, Salt: sse.Salt(p.Salt)}, nil) {
					return
				}
				after = p.N
			}
			if len(parts) == 0 {
				return
			}
		}
	}
}

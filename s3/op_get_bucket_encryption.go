package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/schema"
)

func (s *Service) getBucketEncryption(w http.ResponseWriter, r *request) error {
	config, err := s.encryptionDocument(r)
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = []string{"application/xml"}
	_, err = w.Write(schema.Encode(config))
	return err
}

// encryptionDocument is the bucket's, or what stands for the gateway's default.
func (s *Service) encryptionDocument(r *request) (*encryptionDocument, error) {
	d, err := settingOf(r.Context(), s, r.b, encryptionSetting, parseEncryption)
	if err != nil {
		return nil, err
	}
	if d == nil {
		if s.o.DefaultEncryption == "" {
			return nil, fail("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found")
		}
		d = &encryptionConfig{Algorithm: s.o.DefaultEncryption}
	}
	return d.document(), nil
}

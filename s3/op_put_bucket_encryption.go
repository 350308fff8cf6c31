package s3

import (
	"net/http"
)

func (s *Service) putBucketEncryption(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	config, err := parseEncryption(body)
	if err != nil {
		return err
	}
	if config.Algorithm != "" && s.o.Keyring == nil {
		return notImplemented("server-side encryption with keys of the gateway, as it has no keyring")
	}
	if err := s.putSetting(r.Context(), r.b, encryptionSetting, body); err != nil {
		return err
	}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}

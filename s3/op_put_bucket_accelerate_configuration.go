package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/opensds/gelato/s3/schema"
)

// acceleration is stored and shown, no more: a gateway has no other end of the world to take bytes in at.
type acceleration struct {
	XMLName xml.Name `xml:"AccelerateConfiguration"`
	Status  string   `xml:"Status,omitempty"`
}

func parseAcceleration(text []byte) (*acceleration, error) {
	a := &acceleration{}
	if err := schema.Decode(text, a); err != nil {
		return nil, err
	}
	if a.Status != "Enabled" && a.Status != "Suspended" {
		return nil, schema.Malformed(nil)
	}
	return a, nil
}

func (a *acceleration) xml() []byte { return schema.Encode(a) }

func (s *Service) putBucketAccelerateConfiguration(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true) // S3 demands no checksum here
	if err != nil {
		return err
	}
	a, err := parseAcceleration(body)
	if err != nil {
		return err
	}
	if strings.Contains(r.bucket, ".") {
		return fail("InvalidRequest", "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names")
	}
	if err := s.putSetting(r.Context(), r.b, settingAccelerate, a.xml()); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}

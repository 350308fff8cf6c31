package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

// payment says who pays for requests to a bucket. Nobody is billed here: what it changes is whom S3 refuses.
type payment struct {
	XMLName xml.Name `xml:"RequestPaymentConfiguration"`
	Payer   string   `xml:"Payer"`
}

const (
	payerOwner     = "BucketOwner"
	payerRequester = "Requester"
)

func parsePayment(text []byte) (*payment, error) {
	p := &payment{}
	if err := schema.Decode(text, p); err != nil {
		return nil, err
	}
	if p.Payer != payerOwner && p.Payer != payerRequester {
		return nil, schema.Malformed(nil)
	}
	return p, nil
}

func (p *payment) xml() []byte { return schema.Encode(p) }

func (s *Service) putBucketRequestPayment(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true) // S3 demands no checksum here; s3cmd sends none
	if err != nil {
		return err
	}
	p, err := parsePayment(body)
	if err != nil {
		return err
	}
	if err := s.putSetting(r.Context(), r.b, settingRequestPayment, p.xml()); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}

// pays refuses who does not say that he pays for a request to a bucket where requesters do; nobody can say so without a signature.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html.
func (s *Service) pays(h http.Header, r *request, b catalog.Bucket) error {
	p, err := settingOf(r.Context(), s, b, settingRequestPayment, parsePayment)
	if err != nil || p == nil || p.Payer == payerOwner || s.controls(r, b) {
		return err
	}
	if r.auth.Anonymous() || r.Header.Get("X-Amz-Request-Payer") != "requester" {
		return accessDenied()
	}
	h["X-Amz-Request-Charged"] = []string{"requester"}
	return nil
}

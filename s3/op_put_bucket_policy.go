package s3

import (
	"net/http"
	"strings"

	"github.com/opensds/gelato/s3/policy"
)

func (s *Service) putBucketPolicy(w http.ResponseWriter, r *request) error {
	doc, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	p, err := policy.Parse(doc, r.b.Name)
	if err != nil {
		return err
	}
	block, err := s.publicAccess(r.Context(), r.b)
	if err != nil {
		return err
	}
	if block.BlockPublicPolicy && p.Public() {
		return accessDenied()
	}
	if err := s.staysIn(r, p); err != nil {
		return err
	}
	if err := s.putSetting(r.Context(), r.b, policySetting, doc); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// staysIn refuses a policy with which the caller could not change it again, unless that is meant. The owner of the bucket and the root user always can.
func (s *Service) staysIn(r *request, p *policy.Policy) error {
	if s.controls(r, r.b) || strings.EqualFold(r.Header.Get("X-Amz-Confirm-Remove-Self-Bucket-Access"), "true") {
		return nil
	}
	a := access{action: "s3:PutBucketPolicy", bucket: r.b}
	d, err := p.Evaluate(&policy.Request{Principal: principal(r), Action: a.action, Bucket: r.b.Name, Context: &conditionKeys{s: s, r: r, a: a}})
	if err != nil {
		return err
	}
	if d != policy.Allow {
		return fail("InvalidRequest", "This policy removes your own permission to change it. Send x-amz-confirm-remove-self-bucket-access: true to confirm that.")
	}
	return nil
}

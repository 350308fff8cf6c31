package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

type lockRequest struct {
	XMLName xml.Name `xml:"ObjectLockConfiguration"`
	Enabled string   `xml:"ObjectLockEnabled"`
	Rule    *struct {
		Default *struct {
			Mode  string `xml:"Mode"`
			Days  *int   `xml:"Days"`
			Years *int   `xml:"Years"`
		} `xml:"DefaultRetention"`
	} `xml:"Rule"`
}

// The longest default retention.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html, "minimum and maximum allowable retention periods".
const (
	maxLockDays  = 36500
	maxLockYears = 100
)

func (s *Service) putObjectLockConfiguration(w http.ResponseWriter, r *request) error {
	body, err := s.configuration(r)
	if err != nil {
		return err
	}
	d, err := parseLock(body)
	if err != nil {
		return err
	}
	if _, err := s.catalog.SetObjectLock(r.Context(), r.b, d); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}

// parseLock reads the default retention of a bucket.
func parseLock(body []byte) (d catalog.DefaultRetention, err error) {
	var in lockRequest
	if err := schema.Decode(body, &in); err != nil {
		return d, err
	}
	if in.Enabled != "Enabled" {
		return d, malformedXML(nil)
	}
	if in.Rule == nil {
		return d, nil
	}
	rule := in.Rule.Default
	if rule == nil || rule.Mode != catalog.Governance && rule.Mode != catalog.Compliance || (rule.Days == nil) == (rule.Years == nil) {
		return d, malformedXML(nil)
	}
	d.Mode = rule.Mode
	period, most := &d.Days, maxLockDays
	given := rule.Days
	if given == nil {
		period, most, given = &d.Years, maxLockYears, rule.Years
	}
	switch {
	case *given < 1:
		return d, fail("InvalidRetentionPeriod", "Default retention period must be a positive integer value")
	case *given > most:
		return d, fail("InvalidRetentionPeriod", "Default retention period too large")
	}
	*period = *given
	return d, nil
}

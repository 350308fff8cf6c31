package s3

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/lifecycle"
)

const minimumSizeHeader = "X-Amz-Transition-Default-Minimum-Object-Size"

func (s *Service) putBucketLifecycleConfiguration(w http.ResponseWriter, r *request) error {
	size, err := lifecycle.ParseMinimumSize(r.Header.Get(minimumSizeHeader))
	if err != nil {
		return err
	}
	body, err := s.configuration(r)
	if err != nil {
		return err
	}
	c, err := lifecycle.Parse(body, func(class string) bool {
		store, err := s.places.Store(r.Context(), r.b.BackendID)
		if err != nil {
			return false
		}
		_, _, ok := store.Capabilities().Class(class)
		return ok
	})
	if err != nil {
		return err
	}
	c.MinimumSize = size
	if err := s.putSetting(r.Context(), r.b, settingLifecycle, c.Encode()); err != nil {
		return err
	}
	w.Header()[minimumSizeHeader] = []string{string(size)}
	return sendEmpty(w, http.StatusOK)
}

func (s *Service) lifecycleOf(r *request) (*lifecycle.Config, error) {
	return settingOf(r.Context(), s, r.b, settingLifecycle, lifecycle.Stored)
}

// setExpiration says when the rules of the bucket have the current version of an object expire, and by which rule.
func (s *Service) setExpiration(h http.Header, r *request, o catalog.Object) {
	c, err := s.lifecycleOf(r)
	if err != nil || c == nil { // the header is a hint, and the object is there
		return
	}
	at, rule, ok := c.Expires(lifecycle.Object{Key: o.Key, Size: o.Size, Tags: o.Tags, Modified: o.Modified})
	if ok {
		h["X-Amz-Expiration"] = []string{`expiry-date="` + at.Format(http.TimeFormat) + `", rule-id="` + ruleID(rule) + `"`}
	}
}

// setAbortDate says when the rules of the bucket have an upload aborted, and by which rule.
func (s *Service) setAbortDate(h http.Header, r *request, begun time.Time) {
	c, err := s.lifecycleOf(r)
	if err != nil || c == nil {
		return
	}
	if at, rule, ok := c.Aborts(r.key, begun); ok {
		h["X-Amz-Abort-Date"] = []string{at.Format(http.TimeFormat)}
		h["X-Amz-Abort-Rule-Id"] = []string{ruleID(rule)}
	}
}

// ruleID writes the id of a rule as S3 does in headers: percent-encoded.
func ruleID(id string) string { return strings.ReplaceAll(url.QueryEscape(id), "+", "%20") }

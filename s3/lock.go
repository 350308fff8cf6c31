package s3

import (
	"net/http"
	"strings"
	"time"

	"github.com/opensds/gelato/s3/catalog"
)

// Headers of object lock, as net/http writes them.
const (
	lockMode  = "X-Amz-Object-Lock-Mode"
	lockUntil = "X-Amz-Object-Lock-Retain-Until-Date"
	lockHold  = "X-Amz-Object-Lock-Legal-Hold"
)

// bypasses reports whether retention of mode GOVERNANCE is no obstacle to a request: it says so, and its sender may.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html.
func (s *Service) bypasses(r *request, key, version string) bool {
	return strings.EqualFold(r.Header.Get("X-Amz-Bypass-Governance-Retention"), "true") &&
		s.authorize(r, access{action: "s3:BypassGovernanceRetention", bucket: r.b, key: key, versionID: version}) == nil
}

// lockable refuses what is about locks in a bucket that has none.
func lockable(b catalog.Bucket) error {
	if !b.ObjectLock {
		return fail("InvalidRequest", "Bucket is missing Object Lock Configuration")
	}
	return nil
}

// lock gives a new object the retention and legal hold of the request's headers, which the caller must be allowed to set.
func (s *Service) lock(r *request, o *catalog.Object) error {
	mode, until, hold := r.Header.Get(lockMode), r.Header.Get(lockUntil), r.Header.Get(lockHold)
	if mode == "" && until == "" && hold == "" {
		return nil
	}
	if err := lockable(r.b); err != nil {
		return err
	}
	switch hold {
	case "", "OFF":
	case "ON":
		o.LegalHold = true
		if err := s.authorize(r, access{action: "s3:PutObjectLegalHold", bucket: r.b, key: r.key, creates: true}); err != nil {
			return err
		}
	default:
		return fail("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'")
	}
	if mode == "" && until == "" {
		return nil
	}
	if mode == "" || until == "" {
		return fail("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	if mode != catalog.Governance && mode != catalog.Compliance {
		return fail("InvalidArgument", "Unknown wormMode directive.")
	}
	at, err := s.future(until)
	if err != nil {
		return err
	}
	o.Retention = catalog.Retention{Mode: mode, Until: at}
	return s.authorize(r, access{action: "s3:PutObjectRetention", bucket: r.b, key: r.key, creates: true})
}

// lastYear is the last one that the catalog can keep whole: it counts nanoseconds.
const lastYear = 2261

// future reads a date in ISO 8601 that must not be past.
func (s *Service) future(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fail("InvalidArgument", "The retain until date must be provided in ISO 8601 format")
	}
	if !at.After(s.o.Now()) {
		return at, fail("InvalidArgument", "The retain until date must be in the future!")
	}
	if at.Year() > lastYear {
		return at, fail("InvalidArgument", "The retain until date must not be after the year %d", lastYear)
	}
	return at.UTC().Truncate(time.Millisecond), nil // as it is shown
}

// setLock shows the locks of a version to those who may read them.
func (s *Service) setLock(h http.Header, r *request, o catalog.Object) {
	may := func(action string) bool {
		return s.authorize(r, access{action: action, bucket: r.b, key: r.key, versionID: r.query.Get("versionId")}) == nil
	}
	if o.Retention.Mode != "" && may("s3:GetObjectRetention") {
		h[lockMode] = []string{o.Retention.Mode}
		h[lockUntil] = []string{o.Retention.Until.UTC().Format(s3Time)}
	}
	if o.LegalHold && may("s3:GetObjectLegalHold") {
		h[lockHold] = []string{"ON"}
	}
}

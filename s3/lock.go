package s3

import "strings"

// bypasses reports whether retention of mode GOVERNANCE is no obstacle to a request: it says so, and its sender may.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html.
func (s *Service) bypasses(r *request, key, version string) bool {
	return strings.EqualFold(r.Header.Get("X-Amz-Bypass-Governance-Retention"), "true") &&
		s.authorize(r, access{action: "s3:BypassGovernanceRetention", bucket: r.b, key: key, versionID: version}) == nil
}

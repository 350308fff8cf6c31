package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/accesslog"
	"github.com/opensds/gelato/s3/acl"
	"github.com/opensds/gelato/s3/catalog"
)

// loggingOf is the logging status of a bucket, nil when it is not logged.
func (s *Service) loggingOf(ctx context.Context, b catalog.Bucket) (*accesslog.Status, error) {
	return settingOf(ctx, s, b, settingLogging, accesslog.Parse)
}

func errLogTarget(message string) error { return fail("InvalidTargetBucketForLogging", "%s", message) }

// checkLogTarget refuses what S3 does not deliver logs to. That source and target have one owner is all the permission that is asked for.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html.
func (s *Service) checkLogTarget(ctx context.Context, source catalog.Bucket, status *accesslog.Status) error {
	target, err := s.catalog.Bucket(ctx, status.Enabled.Bucket)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.InvalidArgument) {
		return errLogTarget("The target bucket for logging does not exist")
	}
	if err != nil {
		return err
	}
	if target.Owner != source.Owner {
		return errLogTarget("The owner for the bucket to be logged and the target bucket must be the same.")
	}
	if status.Enabled.Grants == nil {
		return nil
	}
	enforced, err := s.enforced(ctx, target)
	if err != nil {
		return err
	}
	if enforced {
		return fail("InvalidArgument", "Target grants are not supported by a target bucket with the bucket owner enforced setting for Object Ownership.")
	}
	for i := range status.Enabled.Grants.List { // users are kept by their ids
		g := &status.Enabled.Grants.List[i].Grantee
		if g.Type != "AmazonCustomerByEmail" {
			continue
		}
		id, err := s.grantee(ctx, acl.Grantee{Kind: acl.Email, Name: g.Email})
		if err != nil {
			return err
		}
		*g = accesslog.Grantee{Type: "CanonicalUser", ID: id}
	}
	_, err = s.logGrants(ctx, target, status)
	return err
}

// logGrants is the access control list of log objects: their owner's full control, and the grants of the status. nil: the owner's alone.
func (s *Service) logGrants(ctx context.Context, target catalog.Bucket, status *accesslog.Status) ([]byte, error) {
	enforced, err := s.enforced(ctx, target)
	if enforced || err != nil || status.Enabled.Grants == nil || len(status.Enabled.Grants.List) == 0 {
		return nil, err
	}
	h := http.Header{}
	add := func(permission, grantee string) {
		name := "X-Amz-Grant-" + map[string]string{"FULL_CONTROL": "Full-Control", "READ": "Read", "WRITE": "Write"}[permission]
		h.Set(name, strings.TrimPrefix(h.Get(name)+", "+grantee, ", "))
	}
	add("FULL_CONTROL", `id="`+userid.Of(target.Owner)+`"`)
	for _, g := range status.Enabled.Grants.List {
		who := `id="` + g.Grantee.ID + `"`
		if g.Grantee.Type == "Group" {
			who = `uri="` + g.Grantee.URI + `"`
		}
		add(g.Permission, who)
	}
	asked, err := acl.Headers(h)
	if err != nil {
		return nil, err
	}
	list, err := acl.Resolve(asked.Grants, func(g acl.Grantee) (string, error) { return s.grantee(ctx, g) })
	if err != nil {
		return nil, err
	}
	return list.Encode()
}

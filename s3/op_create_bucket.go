package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/acl"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/tagging"
)

type createRequest struct {
	XMLName            xml.Name  `xml:"CreateBucketConfiguration"`
	LocationConstraint string    `xml:"LocationConstraint"`
	Location           *struct{} `xml:"Location"` // directory buckets
	Bucket             *struct{} `xml:"Bucket"`
	Tags               *struct {
		Tags []tagging.Tag `xml:"Tag"`
	} `xml:"Tags"`
}

func (s *Service) createBucket(w http.ResponseWriter, r *request) error {
	if !validBucketName(r.bucket) {
		return fail("InvalidBucketName", "The specified bucket is not valid.")
	}
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	var c createRequest
	if len(body) > 0 {
		if err := decodeXML(body, &c); err != nil {
			return err
		}
	}
	if c.Location != nil || c.Bucket != nil {
		return notImplemented("directory buckets")
	}
	settings := map[string][]byte{}
	if c.Tags != nil {
		set, err := tagging.Of(c.Tags.Tags, tagging.Bucket)
		if err != nil {
			return err
		}
		settings[settingTagging] = set.XML()
	}
	if c.LocationConstraint == s.o.Region { // SDKs send the region that they sign with by themselves
		c.LocationConstraint = ""
	}
	backend, err := s.placement(r.Context(), c.LocationConstraint)
	if err != nil {
		return err
	}
	if err := s.newOwnership(r, settings); err != nil {
		return err
	}
	b := catalog.Bucket{Name: r.bucket, Owner: r.auth.User, BackendID: backend}
	switch v := r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled"); {
	case v == "", strings.EqualFold(v, "false"):
	case strings.EqualFold(v, "true"):
		b.Versioning, b.ObjectLock = catalog.Enabled, true
	default:
		return fail("InvalidArgument", "Invalid x-amz-bucket-object-lock-enabled header value")
	}
	_, err = s.catalog.CreateBucket(r.Context(), b, settings)
	if err == nil {
		if err = s.stays(r.Context(), backend); err != nil {
			err = errors.Join(err, s.catalog.DeleteBucket(context.WithoutCancel(r.Context()), r.bucket))
		}
	}
	if errs.ReasonOf(err) == "BucketAlreadyOwnedByYou" && s.o.Region == legacyRegion && !b.ObjectLock { // S3 sets the list anew in us-east-1
		err = s.listAnew(r, settings[aclSetting])
	}
	if err != nil {
		return err
	}
	w.Header()["Location"] = []string{"/" + r.bucket}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}

// listAnew sets the access control list of a bucket that its owner creates again, as PutBucketAcl would: its policy and its public access block count.
func (s *Service) listAnew(r *request, stored []byte) error {
	var err error
	if r.b, err = s.catalog.Bucket(r.Context(), r.bucket); err != nil {
		return err
	}
	if _, has := r.b.Settings[aclSetting]; !has && stored == nil {
		return nil
	}
	if err := s.authorize(r, access{action: "s3:PutBucketAcl", bucket: r.b}); err != nil {
		return err
	}
	list, err := acl.Decode(stored)
	if err != nil {
		return err
	}
	if enforced, err := s.enforced(r.Context(), r.b); err != nil || enforced && stored != nil {
		return orElse(err, errACLsDisabled())
	}
	if err := s.publicAllowed(r, list); err != nil {
		return err
	}
	return s.putSetting(r.Context(), r.b, aclSetting, stored)
}

// legacyRegion is the one region with rules of its own.
const legacyRegion = "us-east-1"

// validBucketName has the rules of https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html.
func validBucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		alphanumeric := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !alphanumeric && c != '-' && c != '.' || !alphanumeric && (i == 0 || i == len(name)-1) {
			return false
		}
	}
	for _, p := range [...]string{"..", ".-", "-."} { // a label begins and ends with a letter or digit, which the page no longer says but S3 demands
		if strings.Contains(name, p) {
			return false
		}
	}
	if looksLikeIP(name) {
		return false
	}
	for _, p := range [...]string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, p := range [...]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, p) {
			return false
		}
	}
	return true
}

// looksLikeIP reports whether name is four numbers with dots, in range or not.
func looksLikeIP(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) != 4 {
		return false
	}
	for _, p := range parts {
		if _, ok := digits(p); !ok || len(p) > 3 {
			return false
		}
	}
	return true
}

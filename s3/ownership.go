package s3

import (
	"cmp"
	"context"
	"encoding/xml"
	"slices"

	"github.com/opensds/gelato/s3/acl"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

// The settings of object ownership. A bucket without ownership controls is as one with ObjectWriter.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html.
const (
	ObjectWriter         = "ObjectWriter"         // who writes an object owns it
	BucketOwnerPreferred = "BucketOwnerPreferred" // unless it is handed over by the canned list bucket-owner-full-control
	BucketOwnerEnforced  = "BucketOwnerEnforced"  // the bucket's owner owns all objects; access control lists do not count
)

const ownershipSetting = "ownershipControls"

// ValidOwnership reports whether value is a setting of object ownership.
func ValidOwnership(value string) bool {
	return slices.Contains([]string{ObjectWriter, BucketOwnerPreferred, BucketOwnerEnforced}, value)
}

// ownershipControls is the document OwnershipControls.
type ownershipControls struct {
	XMLName xml.Name        `xml:"OwnershipControls"`
	Rules   []ownershipRule `xml:"Rule"`
}

type ownershipRule struct {
	ObjectOwnership string `xml:"ObjectOwnership"`
}

// parseOwnership reads the document. S3 takes one rule.
func parseOwnership(document []byte) (string, error) {
	var c ownershipControls
	if err := schema.Decode(document, &c); err != nil {
		return "", err
	}
	if len(c.Rules) != 1 || !ValidOwnership(c.Rules[0].ObjectOwnership) {
		return "", schema.Malformed(nil)
	}
	return c.Rules[0].ObjectOwnership, nil
}

// ownership is the ownership setting of a bucket, nil when it has none.
func (s *Service) ownership(ctx context.Context, b catalog.Bucket) (*string, error) {
	return settingOf(ctx, s, b, ownershipSetting, func(stored []byte) (*string, error) {
		value := string(stored)
		return &value, nil
	})
}

// enforced reports whether the bucket's owner owns all objects.
func (s *Service) enforced(ctx context.Context, b catalog.Bucket) (bool, error) {
	own, err := s.ownership(ctx, b)
	return own != nil && *own == BucketOwnerEnforced, err
}

// ownerOf is the name of who owns an object or upload with these attributes. What was written without credentials belongs to the bucket's owner.
func (s *Service) ownerOf(ctx context.Context, b catalog.Bucket, a catalog.Attributes) (string, error) {
	if a.Owner == "" || a.Owner == b.Owner {
		return b.Owner, nil
	}
	enforced, err := s.enforced(ctx, b)
	if enforced || err != nil {
		return b.Owner, err
	}
	return a.Owner, nil
}

// shownOwner is who owns an object or upload, as S3 shows one.
func (s *Service) shownOwner(ctx context.Context, b catalog.Bucket, a catalog.Attributes) (owner, error) {
	name, err := s.ownerOf(ctx, b, a)
	if err != nil {
		return owner{}, err
	}
	return s.users.shown(ctx, name), nil
}

// listedOwners tells the owners of the objects of a listing.
func (s *Service) listedOwners(ctx context.Context, b catalog.Bucket) (func(*catalog.Object) owner, error) {
	enforced, err := s.enforced(ctx, b)
	if err != nil {
		return nil, err
	}
	name, last := "", owner{}
	return func(o *catalog.Object) owner {
		now := b.Owner
		if !enforced {
			now = cmp.Or(o.Owner, b.Owner)
		}
		if now != name {
			name, last = now, s.users.shown(ctx, now)
		}
		return last
	}, nil
}

// own decides who will own the object that a request makes, and what its access control list is: both go into o. The root user writes for the bucket's owner.
func (s *Service) own(r *request, o *catalog.Attributes) error {
	asked, err := acl.Headers(r.Header)
	if err != nil {
		return err
	}
	setting, err := s.ownership(r.Context(), r.b)
	if err != nil {
		return err
	}
	own := ObjectWriter
	if setting != nil {
		own = *setting
	}
	writer := r.auth.User
	if r.auth.Anonymous() || writer == s.o.RootUser || own == BucketOwnerEnforced || own == BucketOwnerPreferred && asked.Canned == acl.BucketOwnerFullControl {
		writer = r.b.Owner
	}
	if writer != r.b.Owner {
		o.Owner = writer
	}
	if asked.None() {
		return nil
	}
	if err := s.authorize(r, access{action: "s3:PutObjectAcl", bucket: r.b, key: r.key, creates: true}); err != nil {
		return err
	}
	list, err := s.askedList(r, asked, acl.Object, writer)
	if err != nil {
		return err
	}
	o.ACL, err = list.Encode()
	return err
}

package s3

import (
	"context"
	"encoding/xml"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

// publicAccess is the public access block of a bucket. The zero value blocks nothing.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html.
type publicAccess struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	BlockPublicAcls       bool     `xml:"BlockPublicAcls"`       // a public ACL cannot be set
	IgnorePublicAcls      bool     `xml:"IgnorePublicAcls"`      // public grants of ACLs do not count
	BlockPublicPolicy     bool     `xml:"BlockPublicPolicy"`     // a public policy cannot be set
	RestrictPublicBuckets bool     `xml:"RestrictPublicBuckets"` // what a public policy allows counts for users of the account alone
}

func parsePublicAccess(body []byte) (*publicAccess, error) {
	var p publicAccess
	if err := schema.Decode(body, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// publicAccess is the public access block of a bucket, the zero one when it has none.
func (s *Service) publicAccess(ctx context.Context, b catalog.Bucket) (publicAccess, error) {
	p, err := settingOf(ctx, s, b, publicAccessSetting, parsePublicAccess)
	if p == nil || err != nil {
		return publicAccess{}, err
	}
	return *p, nil
}

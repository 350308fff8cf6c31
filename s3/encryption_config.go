package s3

import (
	"context"
	"encoding/xml"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

const sseCustomer = "SSE-C" // as BlockedEncryptionTypes names it

// encryptionDocument is S3's ServerSideEncryptionConfiguration, which is stored as it is
// (docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html).
type encryptionDocument struct {
	XMLName xml.Name         `xml:"ServerSideEncryptionConfiguration"`
	Rules   []encryptionRule `xml:"Rule"`
}

type encryptionRule struct {
	Apply     *encryptionDefault `xml:"ApplyServerSideEncryptionByDefault,omitempty"`
	BucketKey *bool              `xml:"BucketKeyEnabled,omitempty"`
	Blocked   *blockedTypes      `xml:"BlockedEncryptionTypes,omitempty"`
}

type encryptionDefault struct {
	Algorithm string `xml:"SSEAlgorithm"`
	KeyID     string `xml:"KMSMasterKeyID,omitempty"`
}

type blockedTypes struct {
	Types []string `xml:"EncryptionType"`
}

// encryptionConfig is how a bucket encrypts what is put into it without a word of encryption. The zero value: it does not.
type encryptionConfig struct {
	Algorithm string // AES256 or aws:kms
	KeyID     string // of aws:kms; empty: the default key
	BucketKey bool
	Blocked   bool // SSE-C is not taken
}

func (c encryptionConfig) blocks(kind string) bool { return kind == sseCustomer && c.Blocked }

// encryptionConfig is that of a bucket, or the gateway's where the bucket has none.
func (s *Service) encryptionConfig(ctx context.Context, b catalog.Bucket) (encryptionConfig, error) {
	c, err := settingOf(ctx, s, b, encryptionSetting, parseEncryption)
	if err != nil || c != nil {
		if err != nil {
			return encryptionConfig{}, err
		}
		return *c, nil
	}
	return encryptionConfig{Algorithm: s.o.DefaultEncryption}, nil
}

// parseEncryption reads and judges a document.
func parseEncryption(text []byte) (*encryptionConfig, error) {
	var d encryptionDocument
	if err := schema.Decode(text, &d); err != nil {
		return nil, err
	}
	if len(d.Rules) != 1 {
		return nil, schema.Malformed(nil)
	}
	rule, c := d.Rules[0], &encryptionConfig{}
	if rule.Apply == nil && rule.Blocked == nil {
		return nil, schema.Malformed(nil)
	}
	c.BucketKey = rule.BucketKey != nil && *rule.BucketKey
	if rule.Blocked != nil {
		for _, t := range rule.Blocked.Types {
			switch t {
			case sseCustomer:
				c.Blocked = true
			case "NONE":
			default:
				return nil, schema.Malformed(nil)
			}
		}
	}
	if rule.Apply == nil {
		return c, nil
	}
	switch c.Algorithm = rule.Apply.Algorithm; c.Algorithm {
	case sseS3:
		if rule.Apply.KeyID != "" {
			return nil, fail("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	case sseKMS:
		c.KeyID = rule.Apply.KeyID
	case sseDSSE:
		return nil, notImplemented("SSEAlgorithm aws:kms:dsse")
	default:
		return nil, schema.Malformed(nil)
	}
	return c, nil
}

// document is what GetBucketEncryption answers.
func (c *encryptionConfig) document() *encryptionDocument {
	rule := encryptionRule{BucketKey: &c.BucketKey}
	if c.Algorithm != "" {
		rule.Apply = &encryptionDefault{Algorithm: c.Algorithm, KeyID: c.KeyID}
	}
	if c.Blocked {
		rule.Blocked = &blockedTypes{[]string{sseCustomer}}
	}
	return &encryptionDocument{Rules: []encryptionRule{rule}}
}

// Package lifecycle is the lifecycle configuration of a bucket: its rules, their XML, and what they say of an object. It carries nothing out.
//
// Package s3 imports it. A Config that Parse returned keeps the rules of S3; it is never changed and may be used by many at once.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html and
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html.
package lifecycle

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"time"

	"github.com/opensds/gelato/s3/schema"
	"github.com/opensds/gelato/s3/tagging"
)

// Config is the rules of a bucket.
type Config struct {
	XMLName xml.Name `xml:"LifecycleConfiguration"`

	// MinimumSize says which objects are too small for transitions. It goes in a header, and is an attribute where a configuration is stored.
	MinimumSize MinimumSize `xml:"minimumSize,attr,omitempty"`

	Rules []Rule `xml:"Rule"`
}

// Rule says what becomes of some objects. It has a Filter, or in the old form a Prefix.
type Rule struct {
	ID                    string                 `xml:"ID"`
	Prefix                *string                `xml:"Prefix"`
	Filter                *Filter                `xml:"Filter"`
	Status                string                 `xml:"Status"` // enabled or disabled
	Transitions           []Transition           `xml:"Transition"`
	Expiration            *Expiration            `xml:"Expiration"`
	NoncurrentTransitions []NoncurrentTransition `xml:"NoncurrentVersionTransition"`
	NoncurrentExpiration  *NoncurrentExpiration  `xml:"NoncurrentVersionExpiration"`
	AbortUploads          *AbortUploads          `xml:"AbortIncompleteMultipartUpload"`
}

const (
	enabled  = "Enabled"
	disabled = "Disabled"
)

// Filter has at most one condition; And combines several. An empty one fits every object.
type Filter struct {
	Prefix      *string      `xml:"Prefix"`
	Tag         *tagging.Tag `xml:"Tag"`
	GreaterThan *int64       `xml:"ObjectSizeGreaterThan"` // bytes
	LessThan    *int64       `xml:"ObjectSizeLessThan"`    // bytes
	And         *And         `xml:"And"`
}

// And has two conditions or more; all must hold.
type And struct {
	Prefix      *string       `xml:"Prefix"`
	Tags        []tagging.Tag `xml:"Tag"`
	GreaterThan *int64        `xml:"ObjectSizeGreaterThan"`
	LessThan    *int64        `xml:"ObjectSizeLessThan"`
}

// Expiration has one of its fields.
type Expiration struct {
	Days         *int32 `xml:"Days"`
	Date         *Date  `xml:"Date"`
	DeleteMarker *bool  `xml:"ExpiredObjectDeleteMarker"`
}

// Transition has Days or Date.
type Transition struct {
	Days         *int32 `xml:"Days"`
	Date         *Date  `xml:"Date"`
	StorageClass string `xml:"StorageClass"`
}

// NoncurrentTransition counts days from when a version was succeeded by another.
type NoncurrentTransition struct {
	Days         *int32 `xml:"NoncurrentDays"`
	Newer        *int32 `xml:"NewerNoncurrentVersions"`
	StorageClass string `xml:"StorageClass"`
}

// NoncurrentExpiration counts days from when a version was succeeded by another.
type NoncurrentExpiration struct {
	Days  *int32 `xml:"NoncurrentDays"`
	Newer *int32 `xml:"NewerNoncurrentVersions"`
}

// AbortUploads counts days from when an upload was begun.
type AbortUploads struct {
	Days *int32 `xml:"DaysAfterInitiation"`
}

// Date is a day in UTC.
type Date struct{ time.Time }

// MarshalText writes a date as S3 does.
func (d Date) MarshalText() ([]byte, error) {
	return d.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// UnmarshalText reads ISO 8601: a day, or a time with its zone.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		t, err = time.Parse(time.DateOnly, string(text))
	}
	if err != nil {
		return fmt.Errorf("read date: %w", err)
	}
	d.Time = t.UTC()
	return nil
}

// MinimumSize is which objects are too small for transitions, by x-amz-transition-default-minimum-object-size.
type MinimumSize string

// The values of S3. An empty MinimumSize is the first.
const (
	AllClasses128K MinimumSize = "all_storage_classes_128K"
	VariesByClass  MinimumSize = "varies_by_storage_class"
)

// ParseMinimumSize reads the header; an absent one is empty. It fails with InvalidRequest.
func ParseMinimumSize(header string) (MinimumSize, error) {
	switch m := MinimumSize(header); m {
	case "", AllClasses128K:
		return AllClasses128K, nil
	case VariesByClass:
		return m, nil
	}
	return "", invalidRequest("Invalid TransitionDefaultMinimumObjectSize found")
}

// Parse reads and checks the document of a request, and names the rules that have no ID. class tells whether the bucket knows a storage class beside S3's. It fails with
// MalformedXML, InvalidRequest or InvalidArgument.
func Parse(body []byte, class func(string) bool) (*Config, error) {
	c, err := Stored(body)
	if err != nil {
		return nil, err
	}
	c.MinimumSize = ""
	if err := c.check(class); err != nil {
		return nil, err
	}
	for i := range c.Rules {
		if c.Rules[i].ID == "" {
			c.Rules[i].ID = rand.Text()
		}
	}
	return c, nil
}

// Stored reads what Encode wrote.
func Stored(text []byte) (*Config, error) {
	c := &Config{}
	return c, schema.Decode(text, c)
}

// Encode writes all of a configuration, to be stored.
func (c *Config) Encode() []byte { return schema.Encode(c) }

// XML is the document as clients see it.
func (c *Config) XML() []byte {
	shown := *c
	shown.MinimumSize = ""
	return shown.Encode()
}

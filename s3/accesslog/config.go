package accesslog

import (
	"encoding/xml"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
)

// Status is the document of PutBucketLogging. Without Enabled, the bucket is not logged.
type Status struct {
	XMLName xml.Name `xml:"BucketLoggingStatus"`
	Enabled *Enabled `xml:"LoggingEnabled"`
}

// Enabled says where the records go.
type Enabled struct {
	Bucket string     `xml:"TargetBucket"`
	Prefix *string    `xml:"TargetPrefix"`
	Grants *Grants    `xml:"TargetGrants"`
	Format *KeyFormat `xml:"TargetObjectKeyFormat"`
}

// Grants are who may do what with the log objects.
type Grants struct {
	List []Grant `xml:"Grant"`
}

// Grant gives one grantee one permission: FULL_CONTROL, READ or WRITE.
type Grant struct {
	Grantee    Grantee `xml:"Grantee"`
	Permission string  `xml:"Permission"`
}

// Grantee is named by ID, address or URI, as its type says.
type Grantee struct {
	Type        string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
	ID          string `xml:"ID,omitempty"`
	DisplayName string `xml:"DisplayName,omitempty"`
	Email       string `xml:"EmailAddress,omitempty"`
	URI         string `xml:"URI,omitempty"`
}

// MarshalXML implements xml.Marshaler: clients look for the type under the prefix xsi.
func (g Grantee) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	start.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns:xsi"}, Value: "http://www.w3.org/2001/XMLSchema-instance"}, {Name: xml.Name{Local: "xsi:type"}, Value: g.Type}}
	return e.EncodeElement(struct {
		ID          string `xml:"ID,omitempty"`
		DisplayName string `xml:"DisplayName,omitempty"`
		Email       string `xml:"EmailAddress,omitempty"`
		URI         string `xml:"URI,omitempty"`
	}{g.ID, g.DisplayName, g.Email, g.URI}, start)
}

// KeyFormat has one of its fields.
type KeyFormat struct {
	Simple      *struct{}    `xml:"SimplePrefix"`
	Partitioned *Partitioned `xml:"PartitionedPrefix"`
}

// Partitioned has names sorted by account, region, source bucket and day.
type Partitioned struct {
	Date string `xml:"PartitionDateSource"` // EventTime or DeliveryTime
}

const maxPrefix = 800 // bytes; with what follows it a name stays under 1,024

// Parse reads and checks a BucketLoggingStatus document, but for whether the target exists and fits. It fails with MalformedXML or InvalidArgument.
func Parse(body []byte) (*Status, error) {
	s := &Status{}
	if err := schema.Decode(body, s); err != nil {
		return nil, err
	}
	e := s.Enabled
	if e == nil {
		return s, nil
	}
	if e.Bucket == "" || e.Prefix == nil {
		return nil, schema.Malformed(nil)
	}
	if len(*e.Prefix) > maxPrefix {
		return nil, errs.Newf(errs.InvalidArgument, "The target prefix is longer than %d bytes.", maxPrefix).Because("InvalidArgument")
	}
	if e.Grants != nil {
		for _, g := range e.Grants.List {
			if err := g.check(); err != nil {
				return nil, err
			}
		}
	}
	if f := e.Format; f != nil {
		if (f.Simple == nil) == (f.Partitioned == nil) {
			return nil, schema.Malformed(nil)
		}
		if p := f.Partitioned; p != nil && p.Date != "" && p.Date != eventTime && p.Date != "DeliveryTime" {
			return nil, schema.Malformed(nil)
		}
	}
	return s, nil
}

func (g Grant) check() error {
	switch g.Permission {
	case "FULL_CONTROL", "READ", "WRITE":
	default:
		return schema.Malformed(nil)
	}
	ok := false
	switch g.Grantee.Type {
	case "CanonicalUser":
		ok = g.Grantee.ID != ""
	case "AmazonCustomerByEmail":
		ok = g.Grantee.Email != ""
	case "Group":
		ok = g.Grantee.URI != ""
	}
	if !ok {
		return schema.Malformed(nil)
	}
	return nil
}

// XML is the document. Parse reads it.
func (s *Status) XML() []byte { return schema.Encode(s) }

// Target is where the records go, and how the objects are named.
func (e *Enabled) Target() Target {
	t := Target{Bucket: e.Bucket, Prefix: *e.Prefix}
	if e.Format != nil && e.Format.Partitioned != nil {
		t.Partitioned, t.ByEvent = true, e.Format.Partitioned.Date == eventTime
	}
	return t
}

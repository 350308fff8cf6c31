// Package tagging is the tag sets of buckets and objects: their rules, their XML and the x-amz-tagging header.
//
// Package s3 and what it is made of import it. A set that Parse or ParseHeader returned keeps the rules; sets are shown in the order of their keys.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html and the pages of PutObjectTagging and PutBucketTagging.
package tagging

import (
	"encoding/xml"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
)

// Limit is how many tags a set may have.
type Limit int

// The limits of S3.
const (
	Object Limit = 10
	Bucket Limit = 50
)

const (
	maxKey   = 128 // characters
	maxValue = 256
)

// Set is tags by key.
type Set map[string]string

// Tag is one tag in XML.
type Tag struct {
	Key   *string `xml:"Key"`
	Value *string `xml:"Value"`
}

type document struct {
	XMLName xml.Name `xml:"Tagging"`
	Tags    *struct {
		Tags []Tag `xml:"Tag"`
	} `xml:"TagSet"`
}

// Parse reads the Tagging document of a request. It fails with MalformedXML or InvalidTag.
func Parse(body []byte, limit Limit) (Set, error) {
	var d document
	if err := schema.Decode(body, &d); err != nil {
		return nil, err
	}
	if d.Tags == nil {
		return nil, schema.Malformed(nil)
	}
	return Of(d.Tags.Tags, limit)
}

// Of makes a set of tags that stood in XML. It fails with MalformedXML when one has no key or no value, and with InvalidTag.
func Of(tags []Tag, limit Limit) (Set, error) {
	if len(tags) > int(limit) {
		return nil, tooMany(limit)
	}
	set := make(Set, len(tags))
	for _, t := range tags {
		if t.Key == nil || t.Value == nil {
			return nil, schema.Malformed(nil)
		}
		if _, twice := set[*t.Key]; twice {
			return nil, invalid("Cannot provide multiple Tags with the same key")
		}
		if err := check(*t.Key, *t.Value); err != nil {
			return nil, err
		}
		set[*t.Key] = *t.Value
	}
	return set, nil
}

// ParseHeader reads an x-amz-tagging header: tags of an object as the parameters of a URL. It fails with InvalidArgument on what is no such thing or names a key twice, and with InvalidTag.
func ParseHeader(header string) (Set, error) {
	set := Set{}
	for pair := range strings.SplitSeq(header, "&") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(name)
		if err != nil {
			return nil, badHeader(err)
		}
		value, err := url.QueryUnescape(text)
		if err != nil || !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, badHeader(err)
		}
		if _, twice := set[key]; twice {
			return nil, badHeader(nil)
		}
		if len(set) == int(Object) {
			return nil, tooMany(Object)
		}
		if err := check(key, value); err != nil {
			return nil, err
		}
		set[key] = value
	}
	return set, nil
}

// XML is the Tagging document of a set. Parse reads it.
func (s Set) XML() []byte {
	d := document{Tags: &struct {
		Tags []Tag `xml:"Tag"`
	}{}}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		value := s[key]
		d.Tags.Tags = append(d.Tags.Tags, Tag{&key, &value})
	}
	return schema.Encode(d)
}

func check(key, value string) error {
	switch {
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return invalid("System tags cannot be added/updated by requester")
	case key == "" || utf8.RuneCountInString(key) > maxKey || strings.ContainsFunc(key, forbidden):
		return invalid("The TagKey you have provided is invalid")
	case utf8.RuneCountInString(value) > maxValue || strings.ContainsFunc(value, forbidden):
		return invalid("The TagValue you have provided is invalid")
	}
	return nil
}

// forbidden reports whether a character may not be in a tag.
func forbidden(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Z, r) && !strings.ContainsRune("_.:/=+-@", r)
}

func tooMany(limit Limit) error {
	if limit == Object {
		return invalid("Object tags cannot be greater than 10")
	}
	return invalid("Bucket tag count cannot be greater than 50")
}

func invalid(message string) error {
	return errs.New(errs.InvalidArgument, message, nil).Because("InvalidTag")
}

func badHeader(cause error) error {
	return errs.New(errs.InvalidArgument, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.", cause).Because("InvalidArgument")
}

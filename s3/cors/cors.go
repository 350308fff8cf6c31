// Package cors is the CORS configuration of a bucket: its rules, its XML, and what it answers to a browser.
//
// Package s3 imports it. A Config that Parse returned keeps the rules of S3; it is never changed and may be used by many at once.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html and https://fetch.spec.whatwg.org/#http-cors-protocol.
package cors

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
)

const (
	maxBytes = 64 << 10
	maxRules = 100
	maxID    = 255
)

// Config is the rules of a bucket. The first one that matches a request counts.
type Config struct {
	XMLName xml.Name `xml:"CORSConfiguration"`
	Rules   []Rule   `xml:"CORSRule"`
}

// Rule allows requests. Origins and headers may have one wildcard each.
type Rule struct {
	ID            string   `xml:"ID,omitempty"`
	Methods       []string `xml:"AllowedMethod"`
	Origins       []string `xml:"AllowedOrigin"`
	Headers       []string `xml:"AllowedHeader"`
	Expose        []string `xml:"ExposeHeader"`
	MaxAgeSeconds *int32   `xml:"MaxAgeSeconds"`
}

// Request is what a browser says of the request that a page makes or means to make.
type Request struct {
	Origin  string
	Method  string
	Headers []string // that the page sets, in a preflight
}

// Parse reads and checks a CORSConfiguration document. It fails with MalformedXML, InvalidRequest, InvalidArgument or MaxMessageLengthExceeded.
func Parse(body []byte) (*Config, error) {
	if len(body) > maxBytes {
		return nil, invalid("MaxMessageLengthExceeded", "Your request was too big.")
	}
	c := &Config{}
	if err := schema.Decode(body, c); err != nil {
		return nil, err
	}
	switch {
	case len(c.Rules) == 0:
		return nil, schema.Malformed(nil)
	case len(c.Rules) > maxRules:
		return nil, invalid("InvalidRequest", "The number of CORS rules should not exceed allowed limit of 100 rules.")
	}
	ids := map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if err := r.check(); err != nil {
			return nil, err
		}
		if r.ID != "" && ids[r.ID] {
			return nil, invalid("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule.")
		}
		ids[r.ID] = true
	}
	return c, nil
}

// XML is the document of a configuration. Parse reads it.
func (c *Config) XML() []byte { return schema.Encode(c) }

func (r *Rule) check() error {
	if len(r.Methods) == 0 || len(r.Origins) == 0 {
		return schema.Malformed(nil)
	}
	if len(r.ID) > maxID {
		return invalid("InvalidArgument", "ID length should not exceed allowed limit of 255")
	}
	for _, m := range r.Methods {
		switch m {
		case http.MethodGet, http.MethodPut, http.MethodHead, http.MethodPost, http.MethodDelete:
		default:
			return invalid("InvalidRequest", "Found unsupported HTTP method in CORS config. Unsupported method is "+m)
		}
	}
	for _, o := range r.Origins {
		if strings.Count(o, "*") > 1 {
			return invalid("InvalidRequest", `AllowedOrigin "`+o+`" can not have more than one wildcard.`)
		}
	}
	for _, h := range r.Headers {
		if strings.Count(h, "*") > 1 {
			return invalid("InvalidRequest", `AllowedHeader "`+h+`" can not have more than one wildcard.`)
		}
	}
	for _, h := range r.Expose {
		if strings.Contains(h, "*") {
			return invalid("InvalidRequest", `ExposeHeader "`+h+`" contains wildcard. We currently do not support wildcard for ExposeHeader.`)
		}
		if !fieldName(h) {
			return invalid("InvalidRequest", `ExposeHeader "`+h+`" is not the name of a header.`)
		}
	}
	if r.MaxAgeSeconds != nil && *r.MaxAgeSeconds < 0 {
		return invalid("InvalidRequest", "MaxAgeSeconds must not be negative.")
	}
	return nil
}

// fieldName reports whether an answer may name a header so (RFC 9110, 5.6.2).
func fieldName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// Allow sets the headers that let a page see the answer, and reports whether a rule allows the request; if none does, it sets none.
func (c *Config) Allow(h http.Header, q Request) bool {
	for i := range c.Rules {
		if origin, ok := c.Rules[i].match(q); ok {
			c.Rules[i].set(h, origin, q)
			return true
		}
	}
	return false
}

// match reports whether the rule allows a request, and the origin that it names for it.
func (r *Rule) match(q Request) (origin string, ok bool) {
	if !slices.Contains(r.Methods, q.Method) {
		return "", false
	}
	i := slices.IndexFunc(r.Origins, func(pattern string) bool { return fits(pattern, q.Origin) })
	if i < 0 {
		return "", false
	}
	for _, name := range q.Headers {
		if !slices.ContainsFunc(r.Headers, func(pattern string) bool { return fits(strings.ToLower(pattern), strings.ToLower(name)) }) {
			return "", false
		}
	}
	return r.Origins[i], true
}

func (r *Rule) set(h http.Header, origin string, q Request) {
	if origin == "*" {
		h["Access-Control-Allow-Origin"] = []string{"*"}
	} else {
		h["Access-Control-Allow-Origin"] = []string{q.Origin}
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
	h["Access-Control-Allow-Methods"] = []string{strings.Join(r.Methods, ", ")}
	if len(q.Headers) > 0 {
		h["Access-Control-Allow-Headers"] = []string{strings.ToLower(strings.Join(q.Headers, ", "))}
	}
	if len(r.Expose) > 0 {
		h["Access-Control-Expose-Headers"] = []string{strings.Join(r.Expose, ", ")}
	}
	if r.MaxAgeSeconds != nil {
		h["Access-Control-Max-Age"] = []string{strconv.Itoa(int(*r.MaxAgeSeconds))}
	}
}

// fits reports whether text is of the form of a pattern with at most one wildcard.
func fits(pattern, text string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

func invalid(reason, message string) error {
	return errs.New(errs.InvalidArgument, message, nil).Because(reason)
}

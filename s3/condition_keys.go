package s3

import (
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/policy"
)

// resourceAccount owns every bucket: there is one tenant.
const resourceAccount = "default"

// conditionKeys are the condition keys of a request, found when a policy asks for them.
// Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
type conditionKeys struct {
	s *Service
	r *request
	a access

	one   [1]string
	begun http.Header // what the multipart upload was begun with
	body  *asked      // what the body of the request asks for
}

var _ policy.Context = (*conditionKeys)(nil)

// Values implements policy.Context. Of a parameter or header that comes several times operations take the first, so policies judge that one alone.
func (c *conditionKeys) Values(k policy.Key) ([]string, error) {
	all, err := c.all(k)
	if len(all) > 1 && k.Name != "s3:requestobjecttagkeys" {
		all = all[:1]
	}
	return all, err
}

// all are the values of a key, as often as the request has them.
func (c *conditionKeys) all(k policy.Key) ([]string, error) {
	family, name, _ := strings.Cut(k.Name, ":")
	if family == "aws" {
		return c.global(name), nil
	}
	switch name {
	case "existingobjecttag":
		o, err := c.object()
		if err != nil {
			return nil, err
		}
		return c.some(o.Tags, k.Tag), nil
	case "requestobjecttag":
		tags, err := c.newTags()
		return c.some(tags, k.Tag), err
	case "requestobjecttagkeys":
		tags, err := c.newTags()
		return slices.Sorted(maps.Keys(tags)), err
	case "versionid":
		return c.unless(c.a.versionID), nil
	case "prefix":
		if c.a.prefix != "" {
			return c.text(c.a.prefix), nil
		}
		return c.r.query["prefix"], nil
	case "delimiter", "max-keys":
		return c.r.query[name], nil
	case "resourceaccount":
		return c.text(resourceAccount), nil
	case "tlsversion":
		return c.tlsVersion(), nil
	case "authtype", "signatureversion", "signatureage", "x-amz-content-sha256":
		return c.signature(name), nil
	case "objectcreationoperation":
		return c.text(strconv.FormatBool(createsObject(c.r.operation))), nil
	case "object-lock-mode", "object-lock-retain-until-date", "object-lock-legal-hold", "object-lock-remaining-retention-days":
		return c.lock(name)
	}
	return c.header(name)
}

func (c *conditionKeys) text(v string) []string {
	c.one[0] = v
	return c.one[:]
}

// unless is a value that is none when it is empty.
func (c *conditionKeys) unless(v string) []string {
	if v == "" {
		return nil
	}
	return c.text(v)
}

func (c *conditionKeys) some(of map[string]string, name string) []string {
	if v, ok := of[name]; ok {
		return c.text(v)
	}
	return nil
}

// object is the object that is asked for as it is now; the zero Object when there is none.
func (c *conditionKeys) object() (catalog.Object, error) {
	if c.a.key == "" {
		return catalog.Object{}, nil
	}
	o, err := c.s.about(c.r, c.a)
	if o == nil {
		return catalog.Object{}, err
	}
	return *o, err
}

// createsObject reports whether an operation with s3:PutObject makes an object visible, as against parts of one.
func createsObject(operation string) bool {
	switch operation {
	case "CreateMultipartUpload", "UploadPart", "UploadPartCopy":
		return false
	}
	return true
}

func (c *conditionKeys) tlsVersion() []string {
	if c.r.TLS == nil {
		return nil
	}
	switch c.r.TLS.Version {
	case tls.VersionTLS12:
		return c.text("1.2")
	case tls.VersionTLS13:
		return c.text("1.3")
	}
	return nil
}

// signature is about how the request proves who sent it. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html.
func (c *conditionKeys) signature(name string) []string {
	if c.r.auth.Anonymous() {
		return nil
	}
	header := c.r.Header.Get("Authorization")
	v2 := strings.HasPrefix(header, "AWS ") || c.r.query.Has("AWSAccessKeyId")
	switch name {
	case "authtype":
		switch {
		case c.r.auth.Presigned:
			return c.text("REST-QUERY-STRING")
		case header != "":
			return c.text("REST-HEADER")
		}
		return c.text("POST")
	case "signatureversion":
		if v2 {
			return c.text("AWS")
		}
		return c.text("AWS4-HMAC-SHA256")
	case "signatureage":
		date := c.r.Header.Get("X-Amz-Date")
		if c.r.auth.Presigned {
			date = c.r.query.Get("X-Amz-Date")
		}
		at, err := time.Parse("20060102T150405Z", date)
		if err != nil || v2 {
			return nil
		}
		return c.text(strconv.FormatInt(c.s.o.Now().Sub(at).Milliseconds(), 10))
	}
	if c.r.auth.Presigned && !v2 {
		return c.text("UNSIGNED-PAYLOAD")
	}
	return c.r.Header["X-Amz-Content-Sha256"]
}

// global is the value of a key that all of AWS has.
func (c *conditionKeys) global(name string) []string {
	switch name {
	case "sourceip":
		host, _, err := net.SplitHostPort(c.r.RemoteAddr)
		if err != nil {
			return nil
		}
		return c.text(host)
	case "securetransport":
		return c.text(strconv.FormatBool(c.s.secure(c.r)))
	case "useragent":
		return c.r.Header["User-Agent"]
	case "referer":
		return c.r.Header["Referer"]
	case "currenttime":
		return c.text(c.s.o.Now().UTC().Format(time.RFC3339))
	case "epochtime":
		return c.text(strconv.FormatInt(c.s.o.Now().Unix(), 10))
	case "requestedregion":
		return c.text(c.s.o.Region)
	case "resourceaccount":
		return c.text(resourceAccount)
	case "viaawsservice", "principalisawsservice":
		return c.text("false")
	}
	return c.caller(name)
}

// caller is the value of a key about who asks.
func (c *conditionKeys) caller(name string) []string {
	auth := &c.r.auth
	root := auth.User == c.s.o.RootUser
	switch name {
	case "principaltype":
		switch {
		case auth.Anonymous():
			return c.text("Anonymous")
		case root:
			return c.text("Account")
		}
		return c.text("User")
	case "principalaccount", "userid":
		if auth.Anonymous() {
			return c.text("anonymous")
		}
		if name == "userid" {
			return c.text(userid.Of(auth.User))
		}
		return c.text(auth.Tenant)
	case "principalarn":
		switch {
		case auth.Anonymous():
			return nil
		case root:
			return c.text("arn:aws:iam::" + auth.Tenant + ":root")
		}
		return c.text("arn:aws:iam::" + auth.Tenant + ":user/" + auth.User)
	case "username":
		return c.unless(auth.User)
	}
	return nil
}

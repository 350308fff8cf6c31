// Package website is the website configuration of a bucket: its rules, its XML, and where they send a request.
//
// Package s3 imports it. A Config that Parse returned keeps the rules of S3; it is never changed and may be used by many at once.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html and
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html.
package website

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
)

const (
	maxBytes    = 128 << 10
	maxRules    = 50
	maxKey      = 1024
	maxRedirect = 2 << 10
)

// Config says what a bucket shows as a website.
type Config struct {
	XMLName     xml.Name  `xml:"WebsiteConfiguration"`
	RedirectAll *Host     `xml:"RedirectAllRequestsTo"`
	Index       *Index    `xml:"IndexDocument"`
	Error       *Document `xml:"ErrorDocument"`
	Routing     *Routing  `xml:"RoutingRules"`
}

// Host is where all requests are sent.
type Host struct {
	Name     string `xml:"HostName"`
	Protocol string `xml:"Protocol,omitempty"` // http, https, or empty: that of the request
}

// Index names the object that is shown for a folder, within that folder.
type Index struct {
	Suffix string `xml:"Suffix"`
}

// Document names the object that is shown in place of an error.
type Document struct {
	Key string `xml:"Key"`
}

// Routing is rules; the first one that matches counts.
type Routing struct {
	Rules []Rule `xml:"RoutingRule"`
}

// Rule redirects the requests that its condition is about; all of them without one.
type Rule struct {
	Condition *Condition `xml:"Condition"`
	Redirect  *Redirect  `xml:"Redirect"`
}

// Condition is about requests by the beginning of their key, or about errors, or both.
type Condition struct {
	Prefix    string `xml:"KeyPrefixEquals,omitempty"`
	ErrorCode string `xml:"HttpErrorCodeReturnedEquals,omitempty"` // an HTTP status
}

// Redirect is where a request is sent; what it leaves out stays as it was.
type Redirect struct {
	Host          string  `xml:"HostName,omitempty"`
	Status        string  `xml:"HttpRedirectCode,omitempty"` // 301 when empty
	Protocol      string  `xml:"Protocol,omitempty"`
	ReplacePrefix *string `xml:"ReplaceKeyPrefixWith"`
	ReplaceKey    *string `xml:"ReplaceKeyWith"`
}

// Request is what redirects look at.
type Request struct {
	Scheme, Host, Key string
}

// Target is where a request is sent.
type Target struct {
	Status   int
	Location string
}

// Parse reads and checks a WebsiteConfiguration document. It fails with MalformedXML, InvalidRequest, InvalidArgument or MaxMessageLengthExceeded.
func Parse(body []byte) (*Config, error) {
	if len(body) > maxBytes {
		return nil, fail("MaxMessageLengthExceeded", "Your request was too big.")
	}
	c := &Config{}
	if err := schema.Decode(body, c); err != nil {
		return nil, err
	}
	return c, c.check()
}

// XML is the document of a configuration. Parse reads it.
func (c *Config) XML() []byte { return schema.Encode(c) }

func (c *Config) check() error {
	if all := c.RedirectAll; all != nil {
		if c.Index != nil || c.Error != nil || c.Routing != nil {
			return fail("InvalidArgument", "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.")
		}
		if all.Name == "" {
			return schema.Malformed(nil)
		}
		return checkHost(all.Name, all.Protocol)
	}
	switch {
	case c.Index == nil:
		return fail("InvalidArgument", "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty")
	case c.Index.Suffix == "" || len(c.Index.Suffix) > maxKey || strings.Contains(c.Index.Suffix, "/"):
		return fail("InvalidArgument", "The IndexDocument Suffix is not well formed")
	case c.Error != nil && (c.Error.Key == "" || len(c.Error.Key) > maxKey):
		return fail("InvalidArgument", "The ErrorDocument Key is not well formed")
	}
	if c.Routing == nil {
		return nil
	}
	switch n := len(c.Routing.Rules); {
	case n == 0:
		return schema.Malformed(nil)
	case n > maxRules:
		return fail("InvalidRequest", strconv.Itoa(n)+" routing rules provided, the number of routing rules in a website configuration is limited to 50.")
	}
	for i := range c.Routing.Rules {
		if err := c.Routing.Rules[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) check() error {
	if r.Redirect == nil || *r.Redirect == (Redirect{}) {
		return schema.Malformed(nil)
	}
	if c := r.Condition; c != nil {
		switch {
		case *c == (Condition{}):
			return fail("InvalidRequest", "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.")
		case c.ErrorCode != "" && !status(c.ErrorCode, 400, 599):
			return fail("InvalidRequest", "The provided HTTP error code ("+c.ErrorCode+") is not valid. Valid codes are 4XX or 5XX.")
		}
	}
	to := r.Redirect
	switch {
	case to.ReplaceKey != nil && to.ReplacePrefix != nil:
		return fail("InvalidRequest", "You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
	case to.Status != "" && !status(to.Status, 301, 399):
		return fail("InvalidRequest", "The provided HTTP redirect code ("+to.Status+") is not valid. Valid codes are 3XX except 300.")
	}
	return checkHost(to.Host, to.Protocol)
}

// checkHost refuses what would not be a host in a Location.
func checkHost(host, protocol string) error {
	if protocol != "" && protocol != "http" && protocol != "https" {
		return fail("InvalidRequest", "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.")
	}
	name, port, _ := strings.Cut(host, ":")
	if strings.ContainsFunc(name, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) || strings.ContainsFunc(port, func(r rune) bool { return r < '0' || r > '9' }) {
		return fail("InvalidRequest", "The HostName is not well formed")
	}
	return nil
}

func status(text string, low, high int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && len(text) == 3 && low <= n && n <= high
}

// IndexKey is the key of the object that is shown for a key: for a folder, its index document.
func (c *Config) IndexKey(key string) string {
	if key == "" || strings.HasSuffix(key, "/") {
		return key + c.Index.Suffix
	}
	return key
}

// Before tells where a request is sent before its object is looked for.
func (c *Config) Before(q Request) (Target, bool) {
	if c.RedirectAll != nil {
		to := Redirect{Host: c.RedirectAll.Name, Protocol: c.RedirectAll.Protocol}
		return to.target(q, ""), true
	}
	return c.match(q, "")
}

// After tells where a request is sent that ends with an error of an HTTP status.
func (c *Config) After(q Request, status int) (Target, bool) {
	return c.match(q, strconv.Itoa(status))
}

func (c *Config) match(q Request, code string) (Target, bool) {
	if c.Routing == nil {
		return Target{}, false
	}
	for _, r := range c.Routing.Rules {
		var when Condition
		if r.Condition != nil {
			when = *r.Condition
		}
		if when.ErrorCode == code && strings.HasPrefix(q.Key, when.Prefix) {
			return r.Redirect.target(q, when.Prefix), true
		}
	}
	return Target{}, false
}

// target is where a request is sent whose key begins with prefix.
func (r *Redirect) target(q Request, prefix string) Target {
	t := Target{Status: http.StatusMovedPermanently}
	if r.Status != "" {
		t.Status, _ = strconv.Atoi(r.Status) // checked
	}
	if r.Host != "" {
		q.Host = r.Host
	}
	if r.Protocol != "" {
		q.Scheme = r.Protocol
	}
	switch {
	case r.ReplaceKey != nil:
		q.Key = *r.ReplaceKey
	case r.ReplacePrefix != nil:
		q.Key = *r.ReplacePrefix + strings.TrimPrefix(q.Key, prefix)
	}
	t.Location = q.Scheme + "://" + q.Host + Path(q.Key)
	return t
}

// Path is the path of a key in a Location.
func Path(key string) string { return (&url.URL{Path: "/" + key}).EscapedPath() }

// CheckRedirect judges where an object says that who asks for it is sent. It fails with InvalidRedirectLocation.
func CheckRedirect(location string) error {
	switch {
	case len(location) > maxRedirect:
		return fail("InvalidRedirectLocation", "The length of website redirect location cannot exceed 2,048 characters.")
	case !strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "http://") && !strings.HasPrefix(location, "https://"):
		return fail("InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
	}
	return nil
}

func fail(reason, message string) error {
	return errs.New(errs.InvalidArgument, message, nil).Because(reason)
}

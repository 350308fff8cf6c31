package notify

import (
	"crypto/rand"
	"encoding/xml"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
)

// Config is the notification configuration of a bucket. No two of its rules want the same event.
type Config struct {
	XMLName     xml.Name   `xml:"NotificationConfiguration"`
	Topics      []topic    `xml:"TopicConfiguration"`
	Queues      []queued   `xml:"QueueConfiguration"`
	Functions   []function `xml:"CloudFunctionConfiguration"`
	EventBridge *struct{}  `xml:"EventBridgeConfiguration"` // refused
}

// Rule sends events to a target. The three kinds of S3 differ in how they name it.
type Rule struct {
	ID     string
	ARN    string
	Events []string // s3:ObjectCreated:*
	Filter *Filter
}

type topic struct {
	ID     string   `xml:"Id"`
	ARN    string   `xml:"Topic"`
	Events []string `xml:"Event"`
	Filter *Filter  `xml:"Filter"`
}

type queued struct {
	ID     string   `xml:"Id"`
	ARN    string   `xml:"Queue"`
	Events []string `xml:"Event"`
	Filter *Filter  `xml:"Filter"`
}

type function struct {
	ID     string   `xml:"Id"`
	ARN    string   `xml:"CloudFunction"`
	Events []string `xml:"Event"`
	Filter *Filter  `xml:"Filter"`
}

// Filter is about the key of an object.
type Filter struct {
	Key *struct {
		Rules []FilterRule `xml:"FilterRule"`
	} `xml:"S3Key"`
}

// FilterRule is named Prefix or Suffix.
type FilterRule struct {
	Name  string `xml:"Name"`
	Value string `xml:"Value"`
}

// Parse reads and checks a NotificationConfiguration document. known says whether there is a target of a name. Rules without an id are given one. It fails
// with MalformedXML, InvalidArgument or NotImplemented.
func Parse(body []byte, region string, known func(target string) bool) (*Config, error) {
	c := &Config{}
	if err := schema.Decode(body, c); err != nil {
		return nil, err
	}
	if c.EventBridge != nil {
		return nil, errs.Newf(errs.Unimplemented, "A header you provided implies functionality that is not implemented: EventBridgeConfiguration").Because("NotImplemented")
	}
	for i := range c.Topics {
		c.Topics[i].ID = idOr(c.Topics[i].ID)
	}
	for i := range c.Queues {
		c.Queues[i].ID = idOr(c.Queues[i].ID)
	}
	for i := range c.Functions {
		c.Functions[i].ID = idOr(c.Functions[i].ID)
	}
	return c, c.check(region, known)
}

func idOr(id string) string {
	if id == "" {
		return rand.Text()
	}
	return id
}

// Stored reads what XML wrote.
func Stored(text []byte) (*Config, error) {
	c := &Config{}
	return c, schema.Decode(text, c)
}

// XML is the document.
func (c *Config) XML() []byte { return schema.Encode(c) }

// Empty reports whether there are no rules.
func (c *Config) Empty() bool { return len(c.Topics)+len(c.Queues)+len(c.Functions) == 0 }

// rules are all rules, in the order of the document's kinds.
func (c *Config) rules() []Rule {
	var all []Rule
	for _, r := range c.Topics {
		all = append(all, Rule(r))
	}
	for _, r := range c.Queues {
		all = append(all, Rule(r))
	}
	for _, r := range c.Functions {
		all = append(all, Rule(r))
	}
	return all
}

// Targets are the names of the targets, each once.
func (c *Config) Targets() []string {
	var names []string
	seen := map[string]bool{}
	for _, r := range c.rules() {
		if name := r.Target(); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// Match finds the rule that wants an event, named without "s3:", of a key.
func (c *Config) Match(event, key string) (Rule, bool) {
	for _, r := range c.rules() {
		if r.wants(event) && r.fits(key) {
			return r, true
		}
	}
	return Rule{}, false
}

func (r Rule) wants(event string) bool {
	for _, e := range r.Events {
		e = strings.TrimPrefix(e, "s3:")
		if kind, all := strings.CutSuffix(e, "*"); e == event || all && strings.HasPrefix(event, kind) {
			return true
		}
	}
	return false
}

func (r Rule) fits(key string) bool {
	prefix, suffix := r.filter()
	return strings.HasPrefix(key, prefix) && strings.HasSuffix(key, suffix)
}

func (r Rule) filter() (prefix, suffix string) {
	if r.Filter == nil || r.Filter.Key == nil {
		return "", ""
	}
	for _, f := range r.Filter.Key.Rules {
		if strings.EqualFold(f.Name, "prefix") {
			prefix = f.Value
		} else {
			suffix = f.Value
		}
	}
	return prefix, suffix
}

// Target is the name of the rule's target: the last part of its ARN.
func (r Rule) Target() string { return r.ARN[strings.LastIndexByte(r.ARN, ':')+1:] }

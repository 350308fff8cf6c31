package accesslog

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func TestParse(t *testing.T) {
	t.Parallel()
	wrap := func(s string) string { return "<BucketLoggingStatus>" + s + "</BucketLoggingStatus>" }
	enabled := func(s string) string {
		return wrap("<LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>p/</TargetPrefix>" + s + "</LoggingEnabled>")
	}
	grant := func(kind, who, permission string) string {
		return enabled(`<TargetGrants><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="` + kind + `">` + who + `</Grantee><Permission>` + permission + `</Permission></Grant></TargetGrants>`)
	}
	for name, c := range map[string]struct {
		body, code string
		want       Target
	}{
		"off":              {body: wrap("")},
		"simple":           {body: enabled(""), want: Target{Bucket: "logs", Prefix: "p/"}},
		"simple said":      {body: enabled("<TargetObjectKeyFormat><SimplePrefix/></TargetObjectKeyFormat>"), want: Target{Bucket: "logs", Prefix: "p/"}},
		"partitioned":      {body: enabled("<TargetObjectKeyFormat><PartitionedPrefix/></TargetObjectKeyFormat>"), want: Target{Bucket: "logs", Prefix: "p/", Partitioned: true}},
		"by event":         {body: enabled("<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>"), want: Target{Bucket: "logs", Prefix: "p/", Partitioned: true, ByEvent: true}},
		"grant":            {body: grant("CanonicalUser", "<ID>a</ID>", "READ"), want: Target{Bucket: "logs", Prefix: "p/"}},
		"empty prefix":     {body: wrap("<LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix/></LoggingEnabled>"), want: Target{Bucket: "logs"}},
		"no prefix":        {body: wrap("<LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled>"), code: "MalformedXML"},
		"no bucket":        {body: wrap("<LoggingEnabled><TargetPrefix/></LoggingEnabled>"), code: "MalformedXML"},
		"long prefix":      {body: wrap("<LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>" + strings.Repeat("a", maxPrefix+1) + "</TargetPrefix></LoggingEnabled>"), code: "InvalidArgument"},
		"both formats":     {body: enabled("<TargetObjectKeyFormat><SimplePrefix/><PartitionedPrefix/></TargetObjectKeyFormat>"), code: "MalformedXML"},
		"no format":        {body: enabled("<TargetObjectKeyFormat/>"), code: "MalformedXML"},
		"other date":       {body: enabled("<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>Now</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>"), code: "MalformedXML"},
		"other permission": {body: grant("CanonicalUser", "<ID>a</ID>", "READ_ACP"), code: "MalformedXML"},
		"grantee of kind":  {body: grant("Group", "<ID>a</ID>", "READ"), code: "MalformedXML"},
		"unknown":          {body: enabled("<LoggingType>Journal</LoggingType>"), code: "MalformedXML"},
		"other root":       {body: "<Logging/>", code: "MalformedXML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse([]byte(c.body))
			if got := errs.ReasonOf(err); got != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if err != nil {
				return
			}
			again, err := Parse(s.XML())
			if err != nil || !reflect.DeepEqual(again.Enabled, s.Enabled) {
				t.Errorf("written and read again: %v\n%s", err, s.XML())
			}
			if s.Enabled != nil && s.Enabled.Target() != c.want {
				t.Errorf("got %+v, want %+v", s.Enabled.Target(), c.want)
			}
		})
	}
}

func TestGranteesKeepTheirType(t *testing.T) {
	t.Parallel()
	p := ""
	s := Status{Enabled: &Enabled{Bucket: "b", Prefix: &p, Grants: &Grants{[]Grant{{Grantee{Type: "Group", URI: "u"}, "READ"}}}}}
	if text := string(s.XML()); !strings.Contains(text, `xsi:type="Group"`) {
		t.Errorf("got %s", text)
	}
}

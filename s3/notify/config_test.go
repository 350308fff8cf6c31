package notify

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func document(rules ...string) string {
	return `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + strings.Join(rules, "") + `</NotificationConfiguration>`
}

func rule(id, arn, filter string, events ...string) string {
	text := "<TopicConfiguration><Id>" + id + "</Id><Topic>" + arn + "</Topic>" + filter
	for _, e := range events {
		text += "<Event>" + e + "</Event>"
	}
	return text + "</TopicConfiguration>"
}

func filter(pairs ...string) string {
	text := "<Filter><S3Key>"
	for i := 0; i < len(pairs); i += 2 {
		text += "<FilterRule><Name>" + pairs[i] + "</Name><Value>" + pairs[i+1] + "</Value></FilterRule>"
	}
	return text + "</S3Key></Filter>"
}

const (
	hook    = "arn:aws:sns:here::hook"
	created = "s3:ObjectCreated:*"
	put     = "s3:ObjectCreated:Put"
	removed = "s3:ObjectRemoved:Delete"
)

func TestParse(t *testing.T) {
	t.Parallel()
	many := make([]string, maxRules+1)
	for i := range many {
		many[i] = rule(fmt.Sprint(i), hook, filter("prefix", fmt.Sprintf("%03d/", i)), created)
	}
	for name, c := range map[string]struct{ body, code, message string }{
		"nothing":           {document(), "", ""},
		"topic":             {document(rule("a", hook, "", created)), "", ""},
		"no region":         {document(rule("a", "arn:aws:sns:::hook", "", created)), "", ""},
		"queue":             {document("<QueueConfiguration><Queue>arn:aws:sqs:here:123456789012:hook</Queue><Event>" + created + "</Event></QueueConfiguration>"), "", ""},
		"function":          {document("<CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:here::function:hook</CloudFunction><Event>" + created + "</Event></CloudFunctionConfiguration>"), "", ""},
		"a hundred":         {document(many[1:]...), "", ""},
		"more":              {document(many...), "InvalidArgument", "100"},
		"event bridge":      {document("<EventBridgeConfiguration/>"), "NotImplemented", "EventBridge"},
		"unknown element":   {document("<LambdaConfiguration/>"), "MalformedXML", ""},
		"no event":          {document(rule("a", hook, "")), "MalformedXML", ""},
		"no target":         {document(rule("a", "", "", created)), "MalformedXML", ""},
		"unknown event":     {document(rule("a", hook, "", "s3:ObjectCreated:Append")), "InvalidArgument", "The event is not supported for notifications"},
		"event of no kind":  {document(rule("a", hook, "", "s3:*")), "InvalidArgument", "not supported"},
		"unknown target":    {document(rule("a", "arn:aws:sns:here::other", "", created)), "InvalidArgument", "Unable to validate the following destination configurations"},
		"no ARN":            {document(rule("a", "hook", "", created)), "InvalidArgument", "not well-formed"},
		"other service":     {document(rule("a", "arn:aws:sqs:here::hook", "", created)), "InvalidArgument", "not well-formed"},
		"longer ARN":        {document(rule("a", "arn:aws:sns:here::x:hook", "", created)), "InvalidArgument", "not well-formed"},
		"other region":      {document(rule("a", "arn:aws:sns:there::hook", "", created)), "InvalidArgument", "different region"},
		"long id":           {document(rule(strings.Repeat("a", 256), hook, "", created)), "InvalidArgument", "255"},
		"same id":           {document(rule("a", hook, "", created), rule("a", hook, "", removed)), "InvalidArgument", "unique"},
		"no such filter":    {document(rule("a", hook, filter("infix", "a"), created)), "InvalidArgument", "filter rule name must be either prefix or suffix"},
		"prefix twice":      {document(rule("a", hook, filter("prefix", "a", "Prefix", "b"), created)), "InvalidArgument", "more than one prefix"},
		"long prefix":       {document(rule("a", hook, filter("prefix", strings.Repeat("a", 1025)), created)), "InvalidArgument", "1024"},
		"overlap":           {document(rule("a", hook, "", created), rule("b", hook, "", put)), "InvalidArgument", "Configurations overlap."},
		"other events":      {document(rule("a", hook, "", created), rule("b", hook, "", removed)), "", ""},
		"other prefixes":    {document(rule("a", hook, filter("prefix", "a"), created), rule("b", hook, filter("prefix", "b"), created)), "", ""},
		"within":            {document(rule("a", hook, filter("prefix", "a"), created), rule("b", hook, filter("prefix", "ab"), put)), "InvalidArgument", "ambiguously"},
		"other suffixes":    {document(rule("a", hook, filter("prefix", "a", "suffix", ".x"), created), rule("b", hook, filter("prefix", "ab", "suffix", ".y"), put)), "", ""},
		"suffix within":     {document(rule("a", hook, filter("suffix", "jpg"), created), rule("b", hook, filter("suffix", "pg"), put)), "InvalidArgument", "ambiguously"},
		"one without":       {document(rule("a", hook, "", created), rule("b", hook, filter("suffix", "pg"), put)), "InvalidArgument", "ambiguously"},
		"across the kinds":  {document(rule("a", hook, "", created), "<QueueConfiguration><Queue>arn:aws:sqs:::hook</Queue><Event>"+put+"</Event></QueueConfiguration>"), "InvalidArgument", "overlap"},
		"empty filter":      {document(rule("a", hook, "<Filter><S3Key/></Filter>", created)), "", ""},
		"filter of no kind": {document(rule("a", hook, "<Filter><S3Tag/></Filter>", created)), "MalformedXML", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := Parse([]byte(c.body), "here", func(name string) bool { return name == "hook" })
			if errs.ReasonOf(err) != c.code || err != nil && !strings.Contains(errs.Public(err), c.message) {
				t.Fatalf("got %v, want %s %q", err, c.code, c.message)
			}
			if err != nil {
				return
			}
			again, err := Stored(config.XML())
			if err != nil || !reflect.DeepEqual(again.rules(), config.rules()) {
				t.Errorf("written and read again: %v\n%s", err, config.XML())
			}
			for _, r := range config.rules() {
				if r.ID == "" || r.Target() != "hook" {
					t.Errorf("a rule is %+v", r)
				}
			}
		})
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	c, err := Parse([]byte(document(rule("images", hook, filter("prefix", "in/", "suffix", ".jpg"), created, removed), rule("tags", hook, "", "s3:ObjectTagging:Put"))), "here", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ event, key, want string }{
		{"ObjectCreated:Put", "in/a.jpg", "images"},
		{"ObjectCreated:CompleteMultipartUpload", "in/a.jpg", "images"},
		{"ObjectRemoved:Delete", "in/a.jpg", "images"},
		{"ObjectRemoved:DeleteMarkerCreated", "in/a.jpg", ""},
		{"ObjectCreated:Put", "in/a.png", ""},
		{"ObjectCreated:Put", "out/a.jpg", ""},
		{"ObjectTagging:Put", "out", "tags"},
		{"ObjectTagging:Delete", "out", ""},
	} {
		r, ok := c.Match(x.event, x.key)
		if r.ID != x.want || ok != (x.want != "") {
			t.Errorf("%s of %s: got %q, want %q", x.event, x.key, r.ID, x.want)
		}
	}
}

package cors

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

// config is a document of one rule that has more in it.
func config(more string) string {
	return "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>" + more + "</CORSRule></CORSConfiguration>"
}

const rule = "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>"

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"least":         {config(""), ""},
		"all":           {config("<ID>a</ID><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>0</MaxAgeSeconds>"), ""},
		"100 rules":     {"<CORSConfiguration>" + strings.Repeat(rule, 100) + "</CORSConfiguration>", ""},
		"101 rules":     {"<CORSConfiguration>" + strings.Repeat(rule, 101) + "</CORSConfiguration>", "InvalidRequest The number of CORS rules should not exceed allowed limit of 100 rules."},
		"no rule":       {"<CORSConfiguration/>", "MalformedXML"},
		"no method":     {"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>", "MalformedXML"},
		"no origin":     {"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>", "MalformedXML"},
		"unknown":       {config("<AllowedPath>/</AllowedPath>"), "MalformedXML"},
		"method":        {config("<AllowedMethod>OPTIONS</AllowedMethod>"), "InvalidRequest Found unsupported HTTP method in CORS config. Unsupported method is OPTIONS"},
		"lower method":  {config("<AllowedMethod>get</AllowedMethod>"), "InvalidRequest Found unsupported HTTP method in CORS config. Unsupported method is get"},
		"wild origin":   {config("<AllowedOrigin>http://*.a.*</AllowedOrigin>"), `InvalidRequest AllowedOrigin "http://*.a.*" can not have more than one wildcard.`},
		"wild header":   {config("<AllowedHeader>*-a-*</AllowedHeader>"), `InvalidRequest AllowedHeader "*-a-*" can not have more than one wildcard.`},
		"wild exposed":  {config("<ExposeHeader>x-*</ExposeHeader>"), `InvalidRequest ExposeHeader "x-*" contains wildcard. We currently do not support wildcard for ExposeHeader.`},
		"exposed lines": {config("<ExposeHeader>a&#13;&#10;b</ExposeHeader>"), "InvalidRequest ExposeHeader \"a\r\nb\" is not the name of a header."},
		"age":           {config("<MaxAgeSeconds>-1</MaxAgeSeconds>"), "InvalidRequest MaxAgeSeconds must not be negative."},
		"age no number": {config("<MaxAgeSeconds>x</MaxAgeSeconds>"), "MalformedXML"},
		"long id":       {config("<ID>" + strings.Repeat("i", 256) + "</ID>"), "InvalidArgument ID length should not exceed allowed limit of 255"},
		"same id":       {strings.Replace(config("<ID>a</ID>"), "</CORSC", "<CORSRule><ID>a</ID><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSC", 1), "InvalidArgument Rule ID must be unique. Found same ID for more than one rule."},
		"too large":     {config("<ExposeHeader>" + strings.Repeat("h", 64<<10) + "</ExposeHeader>"), "MaxMessageLengthExceeded Your request was too big."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := Parse([]byte(c.body))
			got := errs.ReasonOf(err)
			if got != "" && got != "MalformedXML" {
				got += " " + errs.Public(err)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err != nil {
				return
			}
			again, err := Parse(parsed.XML())
			if err != nil || !reflect.DeepEqual(again.Rules, parsed.Rules) {
				t.Errorf("read back: got %+v, %v, want %+v", again, err, parsed)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	c, err := Parse([]byte(`<CORSConfiguration>
		<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>https://a.example</AllowedOrigin><AllowedOrigin>https://*.b.example</AllowedOrigin>
			<AllowedHeader>X-Amz-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-meta-a</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>
		<CORSRule><AllowedMethod>HEAD</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>
	</CORSConfiguration>`))
	if err != nil {
		t.Fatal(err)
	}
	const origin, methods, credentials = "Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Credentials"
	const headers, expose, age = "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age"
	first := func(from string, asked ...string) http.Header {
		h := http.Header{origin: {from}, credentials: {"true"}, methods: {"GET, PUT"}, expose: {"ETag, x-amz-meta-a"}, age: {"3000"}}
		if len(asked) > 0 {
			h[headers] = asked
		}
		return h
	}
	for name, c2 := range map[string]struct {
		q    Request
		want http.Header // nil when not allowed
	}{
		"origin":                {Request{"https://a.example", "GET", nil}, first("https://a.example")},
		"wildcard":              {Request{"https://x.y.b.example", "PUT", nil}, first("https://x.y.b.example")},
		"wildcard of nothing":   {Request{"https://.b.example", "PUT", nil}, first("https://.b.example")},
		"prefix only":           {Request{"https://b.example", "PUT", nil}, nil},
		"another origin":        {Request{"https://a.example.evil", "GET", nil}, nil},
		"another method":        {Request{"https://a.example", "DELETE", nil}, nil},
		"headers in any case":   {Request{"https://a.example", "PUT", []string{"x-amz-DATE", "content-type"}}, first("https://a.example", "x-amz-date, content-type")},
		"a header not allowed":  {Request{"https://a.example", "PUT", []string{"x-amz-date", "authorization"}}, nil},
		"any origin, next rule": {Request{"https://a.example", "HEAD", nil}, http.Header{origin: {"*"}, methods: {"HEAD"}}},
		"no header there":       {Request{"https://a.example", "HEAD", []string{"x-amz-date"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := http.Header{}
			if ok := c.Allow(got, c2.q); ok != (c2.want != nil) || fmt.Sprint(got) != fmt.Sprint(c2.want) && c2.want != nil || !ok && len(got) > 0 {
				t.Errorf("got %v %v, want %v", ok, got, c2.want)
			}
		})
	}
}

func TestFitsDoesNotCountCharactersTwice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"startend": true, "start1end": true, "startend1": false, "star": false, "startnd": false} {
		if got := fits("start*end", text); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if fits("aba*ba", "aba") {
		t.Error("aba fits aba*ba")
	}
}

// FuzzCORS demands that what is taken reads back the same, and that only a rule's origins are ever allowed.
func FuzzCORS(f *testing.F) {
	f.Add(config(""), "https://a", "GET", "x-a")
	f.Add(config("<AllowedHeader>x-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"), "https://a", "GET", "x-a")
	f.Add("<CORSConfiguration/>", "", "", "")
	f.Fuzz(func(t *testing.T, body, origin, method, header string) {
		c, err := Parse([]byte(body))
		if err != nil {
			return
		}
		again, err := Parse(c.XML())
		if err != nil || !reflect.DeepEqual(again.Rules, c.Rules) {
			t.Fatalf("read back: got %+v, %v, want %+v", again, err, c)
		}
		h := http.Header{}
		if !c.Allow(h, Request{origin, method, []string{header}}) {
			return
		}
		if got := h.Get("Access-Control-Allow-Origin"); got != "*" && got != origin {
			t.Errorf("origin %q may, %q asked", got, origin)
		}
	})
}

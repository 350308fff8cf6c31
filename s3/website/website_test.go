package website

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func config(more string) string {
	return "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument>" + more + "</WebsiteConfiguration>"
}

func rules(rules ...string) string {
	return config("<RoutingRules>" + strings.Join(rules, "") + "</RoutingRules>")
}

func rule(condition, redirect string) string {
	if condition != "" {
		condition = "<Condition>" + condition + "</Condition>"
	}
	return "<RoutingRule>" + condition + "<Redirect>" + redirect + "</Redirect></RoutingRule>"
}

const (
	host  = "<HostName>h.example</HostName>"
	all   = "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>h.example</HostName><Protocol>https</Protocol></RedirectAllRequestsTo></WebsiteConfiguration>"
	ofKey = "<KeyPrefixEquals>docs/</KeyPrefixEquals>"
	of404 = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const good = ""
	for name, c := range map[string]struct{ body, want string }{
		"index":            {config(""), good},
		"error":            {config("<ErrorDocument><Key>errors/404.html</Key></ErrorDocument>"), good},
		"redirect all":     {all, good},
		"rules":            {rules(rule(ofKey, host), rule(of404, "<ReplaceKeyWith>x</ReplaceKeyWith>"), rule(ofKey+of404, "<ReplaceKeyPrefixWith/><HttpRedirectCode>302</HttpRedirectCode>"), rule("", "<Protocol>https</Protocol>")), good},
		"50 rules":         {rules(strings.Repeat(rule("", host), 50)), good},
		"51 rules":         {rules(strings.Repeat(rule("", host), 51)), "InvalidRequest 51 routing rules provided, the number of routing rules in a website configuration is limited to 50."},
		"nothing":          {"<WebsiteConfiguration/>", "InvalidArgument A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty"},
		"all and index":    {strings.Replace(all, "</W", "<IndexDocument><Suffix>i</Suffix></IndexDocument></W", 1), "InvalidArgument RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."},
		"all to nowhere":   {strings.Replace(all, "h.example", "", 1), "MalformedXML"},
		"all by protocol":  {strings.Replace(all, "https", "ftp", 1), "InvalidRequest Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically."},
		"suffix":           {strings.Replace(config(""), "index.html", "", 1), "InvalidArgument The IndexDocument Suffix is not well formed"},
		"suffix slash":     {strings.Replace(config(""), "index.html", "a/b", 1), "InvalidArgument The IndexDocument Suffix is not well formed"},
		"error key":        {config("<ErrorDocument><Key/></ErrorDocument>"), "InvalidArgument The ErrorDocument Key is not well formed"},
		"no rules":         {rules(), "MalformedXML"},
		"no redirect":      {rules("<RoutingRule/>"), "MalformedXML"},
		"empty redirect":   {rules(rule(ofKey, "")), "MalformedXML"},
		"empty condition":  {rules("<RoutingRule><Condition/><Redirect>" + host + "</Redirect></RoutingRule>"), "InvalidRequest Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present."},
		"error code":       {rules(rule("<HttpErrorCodeReturnedEquals>302</HttpErrorCodeReturnedEquals>", host)), "InvalidRequest The provided HTTP error code (302) is not valid. Valid codes are 4XX or 5XX."},
		"redirect code":    {rules(rule("", "<HttpRedirectCode>300</HttpRedirectCode>")), "InvalidRequest The provided HTTP redirect code (300) is not valid. Valid codes are 3XX except 300."},
		"both replaced":    {rules(rule("", "<ReplaceKeyPrefixWith>a</ReplaceKeyPrefixWith><ReplaceKeyWith>b</ReplaceKeyWith>")), "InvalidRequest You can only define ReplaceKeyPrefix or ReplaceKey but not both."},
		"host with a path": {rules(rule("", "<HostName>h/p</HostName>")), "InvalidRequest The HostName is not well formed"},
		"host with a port": {rules(rule("", "<HostName>h:80</HostName>")), good},
		"host, no port":    {rules(rule("", "<HostName>h:x</HostName>")), "InvalidRequest The HostName is not well formed"},
		"host with lines":  {rules(rule("", "<HostName>h&#13;&#10;x</HostName>")), "InvalidRequest The HostName is not well formed"},
		"unknown":          {config("<StartDocument/>"), "MalformedXML"},
		"too large":        {config("<ErrorDocument><Key>" + strings.Repeat("k", 128<<10) + "</Key></ErrorDocument>"), "MaxMessageLengthExceeded Your request was too big."},
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
			if again.XMLName = parsed.XMLName; err != nil || !reflect.DeepEqual(again, parsed) {
				t.Errorf("read back: got %+v, %v, want %+v", again, err, parsed)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	parse := func(body string) *Config {
		c, err := Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	routed := parse(rules(
		rule(ofKey+of404, "<ReplaceKeyWith>gone.html</ReplaceKeyWith><HttpRedirectCode>302</HttpRedirectCode>"),
		rule(ofKey, "<ReplaceKeyPrefixWith>manual/</ReplaceKeyPrefixWith>"),
		rule("<KeyPrefixEquals>old </KeyPrefixEquals>", "<Protocol>https</Protocol><HttpRedirectCode>307</HttpRedirectCode>"),
		rule("<HttpErrorCodeReturnedEquals>403</HttpErrorCodeReturnedEquals>", "<HostName>h.example</HostName><ReplaceKeyPrefixWith>denied/</ReplaceKeyPrefixWith>"),
	))
	const none = 0
	for name, c := range map[string]struct {
		c      *Config
		key    string
		after  int // 0: before
		status int
		want   string
	}{
		"all":                 {parse(all), "a b/ü", none, 301, "https://h.example/a%20b/%C3%BC"},
		"prefix":              {routed, "docs/a", none, 301, "http://b.example/manual/a"},
		"protocol":            {routed, "old x", none, 307, "https://b.example/old%20x"},
		"no rule":             {routed, "new", none, none, ""},
		"error and prefix":    {routed, "docs/a", 404, 302, "http://b.example/gone.html"},
		"error, other prefix": {routed, "a", 404, none, ""},
		"another error":       {routed, "x/y", 403, 301, "http://h.example/denied/x/y"},
		"no rules":            {parse(config("")), "a", none, none, ""},
		"no rules of errors":  {parse(config("")), "a", 404, none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := Request{Scheme: "http", Host: "b.example", Key: c.key}
			got, ok := c.c.Before(q)
			if c.after != none {
				got, ok = c.c.After(q, c.after)
			}
			if want := (Target{c.status, c.want}); got != want || ok != (c.status != none) {
				t.Errorf("got %+v %v, want %+v", got, ok, want)
			}
		})
	}
	for key, want := range map[string]string{"": "index.html", "a/": "a/index.html", "a": "a"} {
		if got := routed.IndexKey(key); got != want {
			t.Errorf("index of %q: got %q, want %q", key, got, want)
		}
	}
}

func TestCheckRedirect(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"/x": "", "http://h/x": "", "https://h": "", "/" + strings.Repeat("x", 2047): "",
		"": "InvalidRedirectLocation", "x": "InvalidRedirectLocation", "ftp://h": "InvalidRedirectLocation", "/" + strings.Repeat("x", 2048): "InvalidRedirectLocation",
	} {
		if got := errs.ReasonOf(CheckRedirect(location)); got != want {
			t.Errorf("%.20q (%d): got %q, want %q", location, len(location), got, want)
		}
	}
}

// FuzzParse demands that what is taken reads back the same, and that every Location is a URL of one line.
func FuzzParse(f *testing.F) {
	f.Add(all, "key")
	f.Add(rules(rule(ofKey, host), rule(of404, "<ReplaceKeyWith>x y</ReplaceKeyWith>")), "docs/\r\n")
	f.Fuzz(func(t *testing.T, body, key string) {
		c, err := Parse([]byte(body))
		if err != nil {
			if errs.Is(err, errs.InvalidArgument) {
				return
			}
			t.Fatal(err)
		}
		if again, err := Parse(c.XML()); err != nil || string(again.XML()) != string(c.XML()) {
			t.Errorf("read back: got %+v, %v", again, err)
		}
		q := Request{Scheme: "http", Host: "b.example", Key: key}
		for _, try := range []func() (Target, bool){func() (Target, bool) { return c.Before(q) }, func() (Target, bool) { return c.After(q, http.StatusNotFound) }} {
			if target, ok := try(); ok {
				if _, err := url.Parse(target.Location); err != nil || strings.ContainsAny(target.Location, "\r\n") || target.Status < 301 || target.Status > 399 {
					t.Errorf("got %+v, %v", target, err)
				}
			}
		}
	})
}

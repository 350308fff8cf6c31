package tagging

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

// xmlOf is a Tagging document of keys and values by turns.
func xmlOf(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", pairs[i], pairs[i+1])
	}
	return "<Tagging><TagSet>" + b.String() + "</TagSet></Tagging>"
}

// many are n tags as keys and values by turns.
func many(n int) []string {
	var pairs []string
	for i := range n {
		pairs = append(pairs, fmt.Sprint("k", i), "v")
	}
	return pairs
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		limit Limit
		want  string // tags as a map shows them, or reason and message
	}{
		"two":                {xmlOf("b", "2", "a", ""), Object, "map[a: b:2]"},
		"none":               {"<Tagging><TagSet/></Tagging>", Object, "map[]"},
		"all characters":     {xmlOf("Größe 9_.:/=+-@", "大 9_.:/=+-@"), Object, "map[Größe 9_.:/=+-@:大 9_.:/=+-@]"},
		"longest":            {xmlOf(strings.Repeat("ß", 128), strings.Repeat("ß", 256)), Object, "map[" + strings.Repeat("ß", 128) + ":" + strings.Repeat("ß", 256) + "]"},
		"long key":           {xmlOf(strings.Repeat("k", 129), "v"), Object, "InvalidTag The TagKey you have provided is invalid"},
		"long value":         {xmlOf("k", strings.Repeat("v", 257)), Object, "InvalidTag The TagValue you have provided is invalid"},
		"empty key":          {xmlOf("", "v"), Object, "InvalidTag The TagKey you have provided is invalid"},
		"character in key":   {xmlOf("k?", "v"), Object, "InvalidTag The TagKey you have provided is invalid"},
		"character in value": {xmlOf("k", "v\t"), Object, "InvalidTag The TagValue you have provided is invalid"},
		"system tag":         {xmlOf("AWS:k", "v"), Object, "InvalidTag System tags cannot be added/updated by requester"},
		"twice":              {xmlOf("k", "v", "k", "w"), Object, "InvalidTag Cannot provide multiple Tags with the same key"},
		"ten":                {xmlOf(many(10)...), Object, "map[k0:v k1:v k2:v k3:v k4:v k5:v k6:v k7:v k8:v k9:v]"},
		"eleven":             {xmlOf(many(11)...), Object, "InvalidTag Object tags cannot be greater than 10"},
		"fifty-one":          {xmlOf(many(51)...), Bucket, "InvalidTag Bucket tag count cannot be greater than 50"},
		"no set":             {"<Tagging/>", Object, "MalformedXML"},
		"no value":           {"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>", Object, "MalformedXML"},
		"no key":             {"<Tagging><TagSet><Tag><Value>k</Value></Tag></TagSet></Tagging>", Object, "MalformedXML"},
		"nothing":            {"", Object, "MalformedXML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := Parse([]byte(c.body), c.limit)
			if got := shown(set, err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err != nil {
				return
			}
			again, err := Parse(set.XML(), c.limit)
			if err != nil || !maps.Equal(again, set) {
				t.Errorf("read back: got %v, %v, want %v", again, err, set)
			}
		})
	}
	if set, err := Parse([]byte(xmlOf(many(50)...)), Bucket); err != nil || len(set) != 50 {
		t.Errorf("50 tags of a bucket: got %d, %v", len(set), err)
	}
}

func TestParseHeader(t *testing.T) {
	t.Parallel()
	const bad = "InvalidArgument The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
	for name, c := range map[string]struct{ header, want string }{
		"two":           {"foo=bar&bar", "map[bar: foo:bar]"},
		"none":          {"", "map[]"},
		"escaped":       {"a%2Bb=c+d%20e&%C3%9F=%3D", "map[a+b:c d e ß:=]"},
		"equals sign":   {"a=b=c", "map[a:b=c]"},
		"twice":         {"a=1&a=2", bad},
		"twice escaped": {"a=1&%61=2", bad},
		"bad escape":    {"a=%zz", bad},
		"no UTF-8":      {"a=%ff", bad},
		"empty key":     {"=v", "InvalidTag The TagKey you have provided is invalid"},
		"system tag":    {"aws:k=v", "InvalidTag System tags cannot be added/updated by requester"},
		"character":     {"a=%3F", "InvalidTag The TagValue you have provided is invalid"},
		"eleven":        {"0&1&2&3&4&5&6&7&8&9&10", "InvalidTag Object tags cannot be greater than 10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := shown(ParseHeader(c.header)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func shown(set Set, err error) string {
	switch errs.ReasonOf(err) {
	case "":
		return fmt.Sprint(map[string]string(set))
	case "MalformedXML":
		return "MalformedXML"
	}
	return errs.ReasonOf(err) + " " + errs.Public(err)
}

// FuzzParseHeader demands that what is taken keeps the rules and says the same when it is written anew, as a header and as XML.
func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{"", "foo=bar&bar", "a%2Bb=c+d%20e&%C3%9F=%3D", "a=1&a=2", "a=%zz", "aws:k=v", "=", "&&&", "a;b=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		set, err := ParseHeader(header)
		if err != nil {
			if errs.Is(err, errs.InvalidArgument) {
				return
			}
			t.Fatalf("%q: %v", header, err)
		}
		if len(set) > int(Object) {
			t.Fatalf("%q: %d tags", header, len(set))
		}
		values := url.Values{}
		for k, v := range set {
			values.Set(k, v)
		}
		again, err := ParseHeader(values.Encode())
		if err != nil || !maps.Equal(again, set) {
			t.Errorf("%q as a header: got %v, %v, want %v", header, again, err, set)
		}
		again, err = Parse(set.XML(), Object)
		if err != nil || !maps.Equal(again, set) {
			t.Errorf("%q as XML: got %v, %v, want %v", header, again, err, set)
		}
	})
}

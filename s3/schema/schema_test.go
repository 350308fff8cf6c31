package schema

import (
	"encoding/xml"
	"reflect"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

type box struct {
	XMLName xml.Name `xml:"Box"`
	Label   string   `xml:"Label,omitempty"`
	Items   []item   `xml:"Item"`
	Lid     *lid     `xml:"Lid"`
}

type item struct {
	Count int `xml:"Count"`
}

type lid struct{}

func TestDecode(t *testing.T) {
	t.Parallel()
	const good = ""
	for name, c := range map[string]struct{ body, want string }{
		"whole":               {`<?xml version="1.0"?><!-- c --><Box xmlns="http://x/"><Item><Count>1</Count></Item><Label>a b</Label> <Item><Count>2</Count></Item><Lid/></Box>` + "\n", good},
		"empty":               {`<Box/>`, good},
		"no XML":              {`Box`, "MalformedXML"},
		"nothing":             {``, "MalformedXML"},
		"another root":        {`<Crate/>`, "MalformedXML"},
		"two roots":           {`<Box/><Box/>`, "MalformedXML"},
		"text behind":         {`<Box/>x`, "MalformedXML"},
		"text between":        {`<Box>x<Label>a</Label></Box>`, "MalformedXML"},
		"unknown element":     {`<Box><Lable>a</Lable></Box>`, "MalformedXML"},
		"unknown below":       {`<Box><Item><Count>1</Count><Size>2</Size></Item></Box>`, "MalformedXML"},
		"element in text":     {`<Box><Label><Count>1</Count></Label></Box>`, "MalformedXML"},
		"element in an empty": {`<Box><Lid><Count>1</Count></Lid></Box>`, "MalformedXML"},
		"twice":               {`<Box><Label>a</Label><Label>b</Label></Box>`, "MalformedXML"},
		"no number":           {`<Box><Item><Count>one</Count></Item></Box>`, "MalformedXML"},
		"document type":       {`<!DOCTYPE Box [<!ENTITY a "b">]><Box><Label>&a;</Label></Box>`, "MalformedXML"},
		"no UTF-8":            {"<Box><Label>\xff</Label></Box>", "MalformedXML"},
		"unclosed":            {`<Box><Label>a</Label>`, "MalformedXML"},
		"Go's name":           {`<Box><Items/></Box>`, "MalformedXML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b box
			if got := errs.ReasonOf(Decode([]byte(c.body), &b)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if name == "whole" && (b.Label != "a b" || len(b.Items) != 2 || b.Items[1].Count != 2 || b.Lid == nil) {
				t.Errorf("got %+v", b)
			}
		})
	}
}

func TestEncodeIsReadBack(t *testing.T) {
	t.Parallel()
	want := box{XMLName: xml.Name{Local: "Box"}, Label: `<a> & "b"`, Items: []item{{1}}}
	text := Encode(want)
	const shown = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<Box xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Label>&lt;a&gt; &amp; &#34;b&#34;</Label><Item><Count>1</Count></Item></Box>`
	if string(text) != shown {
		t.Errorf("got %s", text)
	}
	var got box
	if err := Decode(text, &got); err != nil {
		t.Fatal(err)
	}
	got.XMLName = want.XMLName
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

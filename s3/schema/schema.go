// Package schema reads and writes the XML documents of S3's configurations.
//
// Packages below s3 import it. A type describes its document with the struct tags of encoding/xml; what the type has no field for is refused, where encoding/xml
// would leave it out: half a rule may mean the opposite of the whole. Elements may come in any order, as S3 takes them.
package schema

import (
	"bytes"
	"encoding"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
)

const (
	prolog    = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	namespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
)

// Malformed is the error MalformedXML, with a private cause that may be nil.
func Malformed(cause error) error {
	return errs.New(errs.InvalidArgument, "The XML you provided was not well-formed or did not validate against our published schema", cause).Because("MalformedXML")
}

// Decode reads a document into a pointer to a struct that has an XMLName. It fails with MalformedXML on text that is no XML or no UTF-8, on a root of another name, on
// elements that the type does not have, on a repeated element that is no slice, on text between elements, and on document types. Namespaces are not looked at, nor attributes without a field.
func Decode(body []byte, into any) error {
	if !utf8.Valid(body) {
		return Malformed(errors.New("no UTF-8"))
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	root, err := top(d)
	if err == nil {
		err = walk(d, root, reflect.TypeOf(into).Elem())
	}
	if err == nil {
		err = rest(d)
	}
	if err == nil {
		err = xml.Unmarshal(body, into)
	}
	if err != nil {
		return Malformed(err)
	}
	return nil
}

// Encode writes a document with S3's namespace. The types of this package's users can always be written.
func Encode(v any) []byte {
	text, err := xml.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("schema: write %T: %v", v, err))
	}
	name, rest, _ := bytes.Cut(text, []byte(">"))
	out := make([]byte, 0, len(prolog)+len(namespace)+len(text))
	out = append(append(append(out, prolog...), name...), namespace...)
	return append(append(out, '>'), rest...)
}

// top reads up to the root element.
func top(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := token.(xml.StartElement); ok {
			return start, nil
		}
		if err := filler(token); err != nil {
			return xml.StartElement{}, err
		}
	}
}

// rest reads what comes behind the root element.
func rest(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = filler(token)
		}
		if err != nil {
			return err
		}
	}
}

// filler refuses what may not stand between elements.
func filler(token xml.Token) error {
	switch t := token.(type) {
	case xml.CharData:
		if len(bytes.TrimSpace(t)) == 0 {
			return nil
		}
		return errors.New("text between elements")
	case xml.Directive:
		return errors.New("a document type")
	case xml.StartElement:
		return fmt.Errorf("a second root %s", t.Name.Local)
	}
	return nil
}

// walk compares the content of an element with a type.
func walk(d *xml.Decoder, start xml.StartElement, t reflect.Type) error {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return leaf(d, start)
	}
	seen := map[string]bool{}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			name := token.Name.Local
			field, ok := field(t, name)
			if !ok {
				return fmt.Errorf("%s in %s is not known", name, start.Name.Local)
			}
			if seen[name] && field.Kind() != reflect.Slice {
				return fmt.Errorf("%s twice in %s", name, start.Name.Local)
			}
			seen[name] = true
			if err := walk(d, token, field); err != nil {
				return err
			}
		default:
			if err := filler(token); err != nil {
				return err
			}
		}
	}
}

// leaf reads an element that holds text alone.
func leaf(d *xml.Decoder, start xml.StartElement) error {
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			return fmt.Errorf("%s in %s, which holds text", token.Name.Local, start.Name.Local)
		}
	}
}

// field finds the type of the field that an element name stands for.
func field(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, kind, _ := strings.Cut(f.Tag.Get("xml"), ",")
		if f.Name != "XMLName" && tag == name && !strings.HasPrefix(kind, "attr") {
			return f.Type, true
		}
	}
	return nil, false
}

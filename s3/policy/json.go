package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
)

const maxDepth = 8 // a policy needs 6

// malformed makes the error of a policy that is not one.
func malformed(format string, args ...any) error {
	return errs.Newf(errs.InvalidArgument, format, args...).Because("MalformedPolicy")
}

// short cuts a text of the policy to what fits a message.
func short(s string) string {
	const limit = 128
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}

// value is a JSON value: members of an object in order, elements of an array, or the text of a scalar.
type value struct {
	kind    byte // '{', '[', '"' a string, '0' a number, 't' true or false, 'n' null
	text    string
	names   []string // of members
	content []value
}

// parseJSON reads a document, refusing what encoding/json would silently accept: two members of one name, text that is not UTF-8, anything behind the end.
func parseJSON(doc []byte) (value, error) {
	if len(doc) == 0 || doc[0] != '{' {
		return value{}, malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	if !utf8.Valid(doc) {
		return value{}, malformed("This policy contains invalid Json")
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	v, err := read(d, 1)
	if err != nil {
		if errs.ReasonOf(err) != "" {
			return value{}, err
		}
		return value{}, malformed("This policy contains invalid Json")
	}
	if _, err := d.Token(); err != io.EOF {
		return value{}, malformed("This policy contains invalid Json")
	}
	return v, nil
}

func read(d *json.Decoder, depth int) (value, error) {
	if depth > maxDepth {
		return value{}, malformed("Invalid policy syntax.")
	}
	t, err := d.Token()
	if err != nil {
		return value{}, err
	}
	switch x := t.(type) {
	case string:
		return value{kind: '"', text: x}, nil
	case json.Number:
		return value{kind: '0', text: x.String()}, nil
	case bool:
		return value{kind: 't', text: strconv.FormatBool(x)}, nil
	case json.Delim:
		v := value{kind: byte(x)}
		for d.More() {
			if x == '{' {
				name, err := d.Token()
				if err != nil {
					return value{}, err
				}
				v.names = append(v.names, fmt.Sprint(name))
			}
			c, err := read(d, depth+1)
			if err != nil {
				return value{}, err
			}
			v.content = append(v.content, c)
		}
		if _, err := d.Token(); err != nil {
			return value{}, err
		}
		return v, v.unique()
	}
	return value{kind: 'n'}, nil
}

// unique refuses two members of one name.
func (v *value) unique() error {
	seen := make(map[string]bool, len(v.names))
	for _, name := range v.names {
		if seen[name] {
			return malformed("Duplicate field %s", short(name))
		}
		seen[name] = true
	}
	return nil
}

// scalar is a string, number or truth value.
func (v *value) scalar() bool { return v.kind == '"' || v.kind == '0' || v.kind == 't' }

// list gives the strings of a string or an array of strings.
func (v *value) list(field string) ([]string, error) {
	if v.kind == '"' {
		return []string{v.text}, nil
	}
	if v.kind != '[' || len(v.content) == 0 {
		return nil, malformed("%s must be a string or a list of strings", field)
	}
	texts := make([]string, len(v.content))
	for i, c := range v.content {
		if c.kind != '"' {
			return nil, malformed("%s must be a string or a list of strings", field)
		}
		texts[i] = c.text
	}
	return texts, nil
}

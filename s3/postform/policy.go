package postform

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// Policy says which forms its signer meant. ParsePolicy makes it.
type Policy struct {
	expires    time.Time
	conditions []condition
	min, max   int64 // bytes of the file
}

type condition struct {
	prefix bool   // starts-with; else eq
	field  string // lower case
	value  string
}

// ParsePolicy reads the policy field of a form. InvalidPolicyDocument when it is none.
func ParsePolicy(encoded string) (*Policy, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return nil, invalid("invalid base64 encoding", err)
	}
	var fields map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(unescape(raw)))
	if err := d.Decode(&fields); err != nil {
		return nil, invalid("Invalid JSON.", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, invalid("Invalid JSON.", err)
	}
	p := &Policy{max: math.MaxInt64}
	for _, name := range [...]string{"expiration", "conditions"} { // their case counts
		if _, ok := fields[name]; !ok {
			return nil, invalid("Policy missing "+name+".", nil)
		}
	}
	for name := range fields {
		if name != "expiration" && name != "conditions" {
			return nil, invalid(fmt.Sprintf("Unexpected: '%s'", name), nil)
		}
	}
	var expiration string
	if err := json.Unmarshal(fields["expiration"], &expiration); err != nil {
		return nil, invalid("Invalid 'expiration' value", err)
	}
	if p.expires, err = time.Parse("2006-01-02T15:04:05Z", expiration); err != nil { // with a fraction of a second, too
		return nil, invalid(fmt.Sprintf("Invalid 'expiration' value: '%s'", expiration), err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(fields["conditions"], &list); err != nil || list == nil {
		return nil, invalid("Invalid 'conditions' value: must be a List.", err)
	}
	for _, raw := range list {
		if err := p.add(raw); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// unescape turns the escapes \$ and \v, which policies have and JSON has not, into JSON.
func unescape(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(`\$`)) && !bytes.Contains(raw, []byte(`\v`)) {
		return raw
	}
	out := make([]byte, 0, len(raw)+8)
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		switch i++; raw[i] {
		case '$':
			out = append(out, '$')
		case 'v':
			out = append(out, `\u000b`...)
		default:
			out = append(out, '\\', raw[i])
		}
	}
	return out
}

// add reads one condition: {"field": "value"}, ["eq" or "starts-with", "$field", "value"] or ["content-length-range", min, max].
func (p *Policy) add(raw json.RawMessage) error {
	if bytes.HasPrefix(raw, []byte("{")) {
		var pairs map[string]any
		if err := json.Unmarshal(raw, &pairs); err != nil || len(pairs) != 1 {
			return invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.", err)
		}
		for name, value := range pairs {
			text, ok := value.(string)
			if !ok {
				return invalid("Invalid Simple-Condition: value must be a string.", nil)
			}
			p.conditions = append(p.conditions, condition{field: strings.ToLower(name), value: text})
		}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) != 3 {
		return invalid("Invalid Condition: a condition is an object with one property or a list of three values.", err)
	}
	var operator string
	if err := json.Unmarshal(list[0], &operator); err != nil {
		return invalid("Invalid Condition: the operator must be a string.", err)
	}
	operator = strings.ToLower(operator)
	if operator == "content-length-range" {
		return p.addRange(list[1], list[2])
	}
	var name, value string
	if json.Unmarshal(list[1], &name) != nil || json.Unmarshal(list[2], &value) != nil || !strings.HasPrefix(name, "$") {
		return invalid("Invalid Condition: it must be a list of an operator, a field that begins with '$', and a string.", nil)
	}
	if operator != "eq" && operator != "starts-with" {
		return invalid(fmt.Sprintf("Invalid Condition: unknown operation '%s'.", operator), nil)
	}
	p.conditions = append(p.conditions, condition{operator == "starts-with", strings.ToLower(name[1:]), value})
	return nil
}

func (p *Policy) addRange(least, most json.RawMessage) error {
	from, ok := length(least)
	to, also := length(most)
	if !ok || !also || from > to {
		return invalid("Invalid content-length-range: it needs two lengths, the smaller one first.", nil)
	}
	p.min, p.max = max(p.min, from), min(p.max, to)
	return nil
}

// length reads a number of bytes, which may be in quotes.
func length(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	return n, err == nil && n >= 0
}

// Check judges a form that was sent to a bucket. AccessDenied when the policy does not allow it.
func (p *Policy) Check(f *Form, bucket string, now time.Time) error {
	if now.After(p.expires) {
		return denied("Policy expired.")
	}
	covered := map[string]bool{}
	for _, c := range p.conditions {
		value, ok := f.Fields[c.field]
		if c.field == "bucket" { // the one that the request was sent to, whatever the form says
			value, ok = bucket, true
		}
		if !ok && c.prefix && c.value == "" { // any value, and none: forms need not fill in what they may
			continue
		}
		if !ok || !c.holds(value) {
			return denied("Policy Condition failed: " + c.String())
		}
		covered[c.field] = true
	}
	var extra []string
	if !covered["bucket"] {
		extra = append(extra, "bucket")
	}
	for name := range f.Fields {
		if !covered[name] && !uncovered(name) && name != "bucket" && !strings.HasPrefix(name, "x-amz-checksum-") { // a checksum only proves the file
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		return denied("Extra input fields: " + strings.Join(extra, ", "))
	}
	return nil
}

// holds judges a value. A prefix must be that of each of several content types.
func (c condition) holds(value string) bool {
	switch {
	case !c.prefix:
		return value == c.value
	case c.field == "content-type":
		for one := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(strings.TrimSpace(one), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}

// String shows a condition as policies write it.
func (c condition) String() string {
	operator := "eq"
	if c.prefix {
		operator = "starts-with"
	}
	return fmt.Sprintf("[%q, %q, %q]", operator, "$"+c.field, c.value)
}

// Limit bounds a file to what the policy allows, which may be nil, and to most bytes: what is too much fails with EntityTooLarge, an end that comes too early with EntityTooSmall.
func Limit(file io.Reader, p *Policy, most int64) io.Reader {
	if p == nil {
		return &limited{file: file, max: most}
	}
	return &limited{file: file, min: p.min, max: min(p.max, most)}
}

type limited struct {
	file        io.Reader
	min, max, n int64
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.file.Read(b)
	l.n += int64(n)
	switch {
	case l.n > l.max:
		return 0, refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", nil)
	case err == io.EOF && l.n < l.min:
		return 0, refuse("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", nil)
	}
	return n, err
}

func invalid(what string, cause error) error {
	return refuse("InvalidPolicyDocument", "Invalid Policy: "+what, cause)
}

func denied(what string) error {
	return errs.New(errs.PermissionDenied, "Invalid according to Policy: "+what, nil).Because("AccessDenied")
}

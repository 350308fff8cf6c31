package policy

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

type operatorKind uint8

const (
	opEquals operatorKind = iota + 1
	opEqualsFold
	opLike
	opNumeric
	opDate
	opBool
	opBinary
	opIP
	opARN
	opNull
)

// order is what a comparison of numbers or dates wants.
type order uint8

const (
	equal order = iota
	less
	lessEqual
	greater
	greaterEqual
)

func (o order) holds(compared int) bool {
	switch o {
	case less:
		return compared < 0
	case lessEqual:
		return compared <= 0
	case greater:
		return compared > 0
	case greaterEqual:
		return compared >= 0
	}
	return compared == 0
}

// operator is a condition operator without its qualifiers.
type operator struct {
	kind    operatorKind
	negated bool
	order   order
}

type set uint8

const (
	noSet set = iota
	forAll
	forAny
)

// condition is one key of an operator: it holds when one of its values does, or none where it is negated.
type condition struct {
	operator
	set      set
	ifExists bool
	key      Key
	values   []expected

	variables bool // in one of the values
}

// expected is one value of a condition, read as its operator reads it.
type expected struct {
	pattern pattern    // of strings
	arn     [6]pattern // of ARNs
	number  float64
	time    time.Time
	truth   bool
	bytes   string
	network netip.Prefix
}

// variables reports whether a value depends on the request.
func (e *expected) variables() bool {
	for i := range e.arn {
		if e.arn[i].variables {
			return true
		}
	}
	return e.pattern.variables
}

// parseOperator reads the name of a condition operator with its qualifiers.
func parseOperator(text string) (c condition, err error) {
	name := text
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		c.set, name = forAll, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		c.set, name = forAny, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	c.operator = knownOperator(name)
	if c.kind == 0 || c.kind == opNull && (c.ifExists || c.set != noSet) {
		return condition{}, malformed("Invalid Condition type : %s", short(text))
	}
	return c, nil
}

// knownOperator is the table of condition operators.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.
func knownOperator(name string) operator {
	switch name {
	case "StringEquals":
		return operator{kind: opEquals}
	case "StringNotEquals":
		return operator{kind: opEquals, negated: true}
	case "StringEqualsIgnoreCase":
		return operator{kind: opEqualsFold}
	case "StringNotEqualsIgnoreCase":
		return operator{kind: opEqualsFold, negated: true}
	case "StringLike":
		return operator{kind: opLike}
	case "StringNotLike":
		return operator{kind: opLike, negated: true}
	case "NumericEquals":
		return operator{kind: opNumeric}
	case "NumericNotEquals":
		return operator{kind: opNumeric, negated: true}
	case "NumericLessThan":
		return operator{kind: opNumeric, order: less}
	case "NumericLessThanEquals":
		return operator{kind: opNumeric, order: lessEqual}
	case "NumericGreaterThan":
		return operator{kind: opNumeric, order: greater}
	case "NumericGreaterThanEquals":
		return operator{kind: opNumeric, order: greaterEqual}
	case "DateEquals":
		return operator{kind: opDate}
	case "DateNotEquals":
		return operator{kind: opDate, negated: true}
	case "DateLessThan":
		return operator{kind: opDate, order: less}
	case "DateLessThanEquals":
		return operator{kind: opDate, order: lessEqual}
	case "DateGreaterThan":
		return operator{kind: opDate, order: greater}
	case "DateGreaterThanEquals":
		return operator{kind: opDate, order: greaterEqual}
	case "Bool":
		return operator{kind: opBool}
	case "BinaryEquals":
		return operator{kind: opBinary}
	case "IpAddress":
		return operator{kind: opIP}
	case "NotIpAddress":
		return operator{kind: opIP, negated: true}
	case "ArnEquals", "ArnLike":
		return operator{kind: opARN}
	case "ArnNotEquals", "ArnNotLike":
		return operator{kind: opARN, negated: true}
	case "Null":
		return operator{kind: opNull}
	}
	return operator{}
}

// parse reads one value of a condition.
func (c *condition) parse(text string, variables bool) (e expected, err error) {
	ok := true
	switch c.kind {
	case opEquals, opEqualsFold:
		e.pattern, err = newPattern(text, false, variables)
	case opLike:
		e.pattern, err = newPattern(text, true, variables)
	case opNumeric:
		e.number, ok = parseNumber(text)
	case opDate:
		e.time, ok = parseDate(text)
	case opBool, opNull:
		e.truth, ok = parseBool(text)
	case opBinary:
		var b []byte
		b, err := base64.StdEncoding.DecodeString(text)
		e.bytes, ok = string(b), err == nil
	case opIP:
		if e.network, ok = parseNetwork(text); !ok {
			return e, malformed("Invalid IP address in Conditions")
		}
	case opARN:
		fields, whole := splitARN(text)
		if !whole {
			return e, malformed("Invalid ARN in Conditions: %s", short(text))
		}
		for i, f := range fields {
			if e.arn[i], err = newPattern(f, true, variables); err != nil {
				break
			}
		}
	}
	if !ok {
		return e, malformed("Invalid value in Conditions: %s", short(text))
	}
	return e, err
}

// holds reports whether the condition is true of a request.
func (c *condition) holds(context Context) (bool, error) {
	wanted, err := c.resolve(context)
	if err != nil {
		return false, err
	}
	values, err := context.Values(c.key)
	if err != nil {
		return false, err
	}
	if c.kind == opNull {
		return anyOf(wanted, func(e *expected) bool { return e.truth == (len(values) == 0) }), nil
	}
	if len(values) == 0 {
		return c.ifExists || c.set == forAll || c.set == noSet && c.negated, nil
	}
	switch c.set {
	case forAll:
		for _, v := range values {
			if c.oneOf(wanted, v) == c.negated {
				return false, nil
			}
		}
		return true, nil
	case forAny:
		for _, v := range values {
			if c.oneOf(wanted, v) != c.negated {
				return true, nil
			}
		}
		return false, nil
	}
	for _, v := range values {
		if c.oneOf(wanted, v) {
			return !c.negated, nil
		}
	}
	return c.negated, nil
}

// resolve gives the values with the request's own in place of variables, without those whose variables it does not have. It comes before the request's values are
// read: Context gives one key at a time.
func (c *condition) resolve(context Context) ([]expected, error) {
	if !c.variables {
		return c.values, nil
	}
	all := make([]expected, 0, len(c.values))
	for _, e := range c.values {
		ok, err := e.pattern.fill(context)
		for i := 0; i < len(e.arn) && ok && err == nil; i++ {
			ok, err = e.arn[i].fill(context)
		}
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// oneOf reports whether a value of the request equals one of the condition's, in the operator's sense and before negation.
func (c *condition) oneOf(wanted []expected, v string) bool {
	switch c.kind {
	case opNumeric:
		n, ok := parseNumber(v)
		return ok && anyOf(wanted, func(e *expected) bool { return c.order.holds(compare(n, e.number)) })
	case opDate:
		t, ok := parseDate(v)
		return ok && anyOf(wanted, func(e *expected) bool { return c.order.holds(t.Compare(e.time)) })
	case opBool:
		b, ok := parseBool(v)
		return ok && anyOf(wanted, func(e *expected) bool { return e.truth == b })
	case opIP:
		a, err := netip.ParseAddr(v)
		a = a.Unmap().WithZone("")
		return err == nil && anyOf(wanted, func(e *expected) bool { return e.network.Contains(a) })
	case opARN:
		fields, ok := splitARN(v)
		return ok && anyOf(wanted, func(e *expected) bool {
			for i, f := range fields {
				if !matches(e.arn[i].parts, f) {
					return false
				}
			}
			return true
		})
	case opBinary:
		return anyOf(wanted, func(e *expected) bool { return e.bytes == v })
	case opEqualsFold:
		return anyOf(wanted, func(e *expected) bool { return strings.EqualFold(text(e.pattern.parts), v) })
	}
	return anyOf(wanted, func(e *expected) bool { return matches(e.pattern.parts, v) })
}

func anyOf(wanted []expected, ok func(*expected) bool) bool {
	for i := range wanted {
		if ok(&wanted[i]) {
			return true
		}
	}
	return false
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// parseNumber reads an integer or decimal number.
func parseNumber(text string) (float64, bool) {
	digits := strings.TrimLeft(text, "+-")
	if digits == "" || strings.Trim(digits, "0123456789.eE+-") != "" {
		return 0, false // no Inf, NaN, hexadecimal digits, underscores
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

func parseBool(text string) (value, ok bool) {
	switch {
	case strings.EqualFold(text, "true"):
		return true, true
	case strings.EqualFold(text, "false"):
		return false, true
	}
	return false, false
}

// parseDate reads a date of https://www.w3.org/TR/NOTE-datetime, or seconds since 1970.
func parseDate(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02", "2006-01"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	if len(text) == 4 {
		if t, err := time.Parse("2006", text); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 && n < 1<<40 {
		return time.Unix(n, 0), true
	}
	return time.Time{}, false
}

// parseNetwork reads an address or a range in CIDR notation.
func parseNetwork(text string) (netip.Prefix, bool) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().Is4In6() {
			return netip.Prefix{}, false
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

// splitARN cuts an ARN into its six fields; a colon in a policy variable is none between fields.
func splitARN(text string) (fields [6]string, ok bool) {
	n, start, inside := 0, 0, false
	for i := 0; i < len(text) && n < 5; i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			inside = true
		case text[i] == '}':
			inside = false
		case text[i] == ':' && !inside:
			fields[n] = text[start:i]
			n, start = n+1, i+1
		}
	}
	fields[n] = text[start:]
	return fields, n == 5
}

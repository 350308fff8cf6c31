package policy

import (
	"net/netip"
	"strings"
)

// public reports whether a statement allows something to everybody. It does unless it names whom it trusts: as principals, or as fixed values (without wildcard or
// policy variable) of a condition key that says where a request comes from.
func (s *statement) public() bool {
	if !s.allow || !s.principals.everyone {
		return false
	}
	for i := range s.conditions {
		if s.conditions[i].trusts() {
			return false
		}
	}
	return true
}

// trusts reports whether a condition holds only for those whom its values name.
func (c *condition) trusts() bool {
	if c.negated || c.ifExists || c.set == forAll {
		return false // true of a request that lacks the key, or of all but a few
	}
	for i := range c.values {
		if !c.fixed(&c.values[i]) {
			return false
		}
	}
	return true
}

func (c *condition) fixed(e *expected) bool {
	switch c.key.Name {
	case "aws:sourceip":
		return c.kind == opIP && narrow(e.network)
	case "s3:dataaccesspointarn": // the name of the access point may have wildcards, its account not
		return c.kind == opARN && plain(&e.arn[4]) || c.kind == opLike && accountFixed(&e.pattern) || c.literal(e)
	case "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:principalservicename", "aws:sourcearn", "aws:sourceaccount",
		"aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce", "aws:userid", "s3:dataaccesspointaccount":
		return c.literal(e)
	}
	return false
}

// literal reports whether a value of a string or ARN condition has neither wildcard nor variable.
func (c *condition) literal(e *expected) bool {
	switch c.kind {
	case opEquals, opEqualsFold, opLike:
		return plain(&e.pattern)
	case opARN:
		for i := range e.arn {
			if len(e.arn[i].parts) > 0 && !plain(&e.arn[i]) { // region and account of an ARN may be empty
				return false
			}
		}
		return true
	}
	return false
}

func plain(p *pattern) bool {
	for _, x := range p.parts {
		if x.kind != literal {
			return false
		}
	}
	return len(p.parts) > 0
}

// accountFixed reports whether the fields up to the account of an ARN stand before any wildcard.
func accountFixed(p *pattern) bool {
	return len(p.parts) > 0 && p.parts[0].kind == literal && strings.Count(p.parts[0].text, ":") >= 5
}

// narrow reports whether a range of addresses is one that somebody can own: no broader than /8 of IPv4 and /32 of IPv6.
func narrow(n netip.Prefix) bool {
	if n.Addr().Is4() {
		return n.Bits() >= 8
	}
	return n.Bits() >= 32
}

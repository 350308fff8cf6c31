package acl

import (
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/errs"
)

const cannedHeader = "X-Amz-Acl"

// grantHeaders are the headers of explicit grants, in the order in which their grants stand in a list.
var grantHeaders = [...]struct {
	name       string
	permission Permission
}{
	{"X-Amz-Grant-Read", Read},
	{"X-Amz-Grant-Write", Write},
	{"X-Amz-Grant-Read-Acp", ReadACP},
	{"X-Amz-Grant-Write-Acp", WriteACP},
	{"X-Amz-Grant-Full-Control", FullControl},
}

// Asked is the list that the headers of a request ask for: a canned one, grants, or none. Only one of both is set.
type Asked struct {
	Canned string
	Grants []Grant // as they were written: Resolve makes a List of them
}

// None reports whether nothing was asked for.
func (a Asked) None() bool { return a.Canned == "" && a.Grants == nil }

// Headers reads the list that the headers of a request ask for.
func Headers(h http.Header) (Asked, error) {
	a := Asked{Canned: h.Get(cannedHeader)}
	for _, g := range grantHeaders {
		values := h[g.name]
		if len(values) == 0 {
			continue
		}
		grantees, err := parseGrantees(strings.Join(values, ","))
		if err != nil {
			return Asked{}, err
		}
		for _, grantee := range grantees {
			a.Grants = append(a.Grants, Grant{grantee, g.permission})
		}
	}
	if a.Canned != "" && a.Grants != nil {
		return Asked{}, errs.Newf(errs.InvalidArgument, "Specifying both Canned ACLs and Header Grants is not allowed").Because("InvalidRequest")
	}
	if len(a.Grants) > MaxGrants {
		return Asked{}, errs.Newf(errs.InvalidArgument, "An access control list has at most %d grants", MaxGrants).Because("InvalidRequest")
	}
	return a, nil
}

// parseGrantees reads `id="1a2b", emailAddress=ann@example.com, uri="http://..."`: quotes may be left out. It returns at least one.
func parseGrantees(text string) ([]Grantee, error) {
	var out []Grantee
	for rest := text; ; {
		kind, value, found := strings.Cut(rest, "=")
		if !found {
			return nil, errArgument()
		}
		value = strings.TrimLeft(value, " \t")
		if quoted, ok := strings.CutPrefix(value, `"`); ok {
			if value, rest, found = strings.Cut(quoted, `"`); !found {
				return nil, errArgument()
			}
			rest = strings.TrimLeft(rest, " \t")
			if rest != "" && rest[0] != ',' {
				return nil, errArgument()
			}
		} else {
			end := strings.IndexByte(value, ',')
			if end < 0 {
				end = len(value)
			}
			value, rest = strings.TrimRight(value[:end], " \t"), value[end:]
		}
		g, err := grantee(strings.Trim(kind, " \t"), value)
		if err != nil {
			return nil, err
		}
		if out = append(out, g); len(out) > MaxGrants || rest == "" {
			return out, nil
		}
		rest = rest[1:]
	}
}

func grantee(kind, value string) (Grantee, error) {
	switch strings.ToLower(kind) {
	case "id":
		return Grantee{User, value}, nil
	case "emailaddress":
		return Grantee{Email, value}, nil
	case "uri":
		k, err := kindOf(value)
		return Grantee{Kind: k}, err
	}
	return Grantee{}, errArgument()
}

func errArgument() error { return invalid("Argument format not recognized") }

package policy

import "strings"

type principalKind uint8

const (
	byAccount   principalKind = iota + 1 // a tenant; as an account number also a user's canonical id
	byUser                               // a user's name or canonical id
	byCanonical                          // a user's canonical id
	byService
)

type principal struct {
	kind principalKind
	name string
}

// principals are what Principal or NotPrincipal names. Roles, federated users and identity providers are understood, but nobody here is one.
type principals struct {
	everyone bool
	named    []principal
}

func (ps *principals) has(p *Principal) bool {
	if ps.everyone {
		return true
	}
	if p.anonymous() {
		return false
	}
	for _, n := range ps.named {
		var ok bool
		switch n.kind {
		case byAccount:
			ok = n.name == p.Account || n.name == p.ID
		case byUser:
			ok = n.name == p.User || n.name == p.ID
		case byCanonical:
			ok = n.name == p.ID
		case byService:
			ok = n.name == p.Service
		}
		if ok {
			return true
		}
	}
	return false
}

func parsePrincipals(field string, v *value) (principals, error) {
	var ps principals
	if v.kind == '"' && v.text == "*" {
		ps.everyone = true
		return ps, nil
	}
	if v.kind != '{' || len(v.names) == 0 {
		return ps, malformed("Invalid principal in policy")
	}
	for i, kind := range v.names {
		texts, err := v.content[i].list(field)
		if err != nil {
			return ps, malformed("Invalid principal in policy")
		}
		for _, t := range texts {
			if err := ps.add(kind, t); err != nil {
				return ps, err
			}
		}
	}
	return ps, nil
}

func (ps *principals) add(kind, text string) error {
	if kind == "AWS" && text == "*" {
		ps.everyone = true
		return nil
	}
	if text == "" || strings.ContainsAny(text, "*?") {
		return malformed("Invalid principal in policy")
	}
	var n principal
	ok := true
	switch kind {
	case "AWS":
		n, ok = parseAWS(text)
	case "CanonicalUser":
		n = principal{byCanonical, text}
	case "Service":
		n = principal{byService, text}
	case "Federated":
	default:
		ok = false
	}
	if !ok {
		return malformed("Invalid principal in policy")
	}
	ps.named = append(ps.named, n)
	return nil
}

// parseAWS reads an account number, a canonical user id, or the ARN of an account, user or role.
func parseAWS(text string) (principal, bool) {
	rest, isARN := strings.CutPrefix(text, "arn:")
	if !isARN {
		switch {
		case len(text) == 12 && strings.Trim(text, "0123456789") == "":
			return principal{byAccount, text}, true
		case len(text) == 64 && strings.Trim(text, "0123456789abcdef") == "":
			return principal{byCanonical, text}, true
		case len(text) >= 16 && len(text) <= 128 && strings.HasPrefix(text, "A") && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "":
			return principal{}, true // the unique id of a user or role that AWS had when the policy was written
		}
		return principal{}, false
	}
	f := strings.SplitN(rest, ":", 5) // partition, service, region, account, resource
	if len(f) != 5 || f[0] == "" || f[2] != "" {
		return principal{}, false
	}
	account, resource := f[3], f[4]
	kind, name, _ := strings.Cut(resource, "/")
	switch {
	case f[1] == "iam" && resource == "root" && account != "":
		return principal{byAccount, account}, true
	case f[1] == "iam" && kind == "user" && name != "":
		return principal{byUser, name}, true
	case f[1] == "iam" && kind == "role" && name != "", f[1] == "sts" && (kind == "assumed-role" || kind == "federated-user") && name != "":
		return principal{}, true
	}
	return principal{}, false
}

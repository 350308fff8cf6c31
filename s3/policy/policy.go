// Package policy is the bucket policy language of S3: its JSON grammar, its evaluation, and what AWS calls a public policy.
//
// Only s3/ imports it. It is pure: no HTTP, no catalog, no clock. What a condition asks of a request comes through Context, which is
// called only for keys that a statement which otherwise applies asks for. Time is bounded by the policy's size times that of the values that it is compared with: no
// pattern backtracks further than its last asterisk.
//
// Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html (elements, operators, variables),
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html (actions, resources, condition keys),
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html (public).
package policy

// MaxSize is the limit of a policy document, in bytes.
const MaxSize = 20 << 10

// Decision is what a policy says of a request.
type Decision uint8

// The decisions. None, the zero value, means that no statement applies.
const (
	None Decision = iota
	Allow
	Deny
)

// String names the decision.
func (d Decision) String() string {
	return [...]string{"None", "Allow", "Deny"}[d]
}

// Principal is who asks. The zero Principal is anonymous: "*" alone names it.
type Principal struct {
	Account string // the tenant: all its users are in one account
	User    string // name of the user
	ID      string // canonical id of the user
	Service string // such as logging.s3.amazonaws.com, of what the gateway does by itself
}

func (p *Principal) anonymous() bool { return p.User == "" && p.ID == "" && p.Service == "" }

// Key is a condition key: its name in lower case, and for s3:ExistingObjectTag/<key> and the like the tag behind the slash.
type Key struct {
	Name string
	Tag  string
}

// Context gives the values of a request's condition keys.
type Context interface {
	// Values returns none for a key that the request does not have. What it returns is read before the next call.
	Values(k Key) ([]string, error)
}

// Request is what a policy is asked about.
type Request struct {
	Principal Principal
	Action    string // such as s3:GetObject, in AWS's spelling
	Bucket    string
	Key       string // empty for the bucket itself
	Context   Context
}

// Policy is a parsed policy of one bucket. It is immutable and safe for concurrent use.
type Policy struct {
	statements []statement
	byAction   map[string][]uint16 // statements that name the action, those that deny first
	public     bool
}

type statement struct {
	allow        bool
	notPrincipal bool
	notResource  bool
	principals   principals
	resources    []pattern
	conditions   []condition
}

// Public reports whether the policy allows something to everybody, by AWS's definition.
func (p *Policy) Public() bool { return p.public }

// Evaluate says whether the policy denies the request, allows it, or says nothing: a statement that denies outweighs all that allow.
// It fails with what Context fails with, and then denies.
func (p *Policy) Evaluate(r *Request) (Decision, error) {
	applicable := p.byAction[r.Action]
	if len(applicable) == 0 {
		return None, nil
	}
	var room [1100]byte // bucket names have at most 63 bytes, keys 1,024
	resource := append(room[:0], r.Bucket...)
	if r.Key != "" {
		resource = append(append(resource, '/'), r.Key...)
	}
	for _, i := range applicable {
		s := &p.statements[i]
		ok, err := s.applies(r, resource)
		switch {
		case err != nil:
			return Deny, err
		case ok && s.allow:
			return Allow, nil
		case ok:
			return Deny, nil
		}
	}
	return None, nil
}

// applies reports whether a statement that names the action speaks of the request.
func (s *statement) applies(r *Request, resource []byte) (bool, error) {
	if s.principals.has(&r.Principal) == s.notPrincipal {
		return false, nil
	}
	if ok, err := s.concerns(r, resource); !ok || err != nil {
		return false, err
	}
	for i := range s.conditions {
		if ok, err := s.conditions[i].holds(r.Context); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// concerns reports whether the resource is one of the statement's. A pattern with a variable that the request does not have matches nothing; behind NotResource
// it would then widen what is allowed, so that such a statement allows nothing.
func (s *statement) concerns(r *Request, resource []byte) (bool, error) {
	for i := range s.resources {
		parts, known, err := s.resources[i].resolve(r.Context)
		if err != nil {
			return false, err
		}
		if !known {
			if s.notResource && s.allow {
				return false, nil
			}
			continue
		}
		if matches(parts, resource) {
			return !s.notResource, nil
		}
	}
	return s.notResource, nil
}

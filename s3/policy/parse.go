package policy

import "slices"

// Parse reads and validates the policy of a bucket. It fails with InvalidArgument because of MalformedPolicy, and says what is wrong.
func Parse(doc []byte, bucket string) (*Policy, error) {
	if len(doc) > MaxSize {
		return nil, malformed("Policy exceeds the maximum allowed document size.")
	}
	root, err := parseJSON(doc)
	if err != nil {
		return nil, err
	}
	ps := parser{bucket: bucket, table: rows()}
	var statements *value
	for i, name := range root.names {
		v := &root.content[i]
		switch name {
		case "Version":
			if v.kind != '"' || v.text != "2012-10-17" && v.text != "2008-10-17" {
				return nil, malformed("The policy must contain a valid version string")
			}
			ps.variables = v.text == "2012-10-17"
		case "Id":
			if v.kind != '"' {
				return nil, malformed("Id must be a string")
			}
		case "Statement":
			statements = v
		default:
			return nil, malformed("Unknown field %s", short(name))
		}
	}
	if statements == nil {
		return nil, malformed("Missing required field Statement")
	}
	all := []value{*statements}
	if statements.kind == '[' {
		all = statements.content
	}
	if len(all) == 0 {
		return nil, malformed("Could not parse the policy: Statement is empty!")
	}
	ps.policy.byAction = map[string][]uint16{}
	for i := range all {
		if err := ps.statement(&all[i]); err != nil {
			return nil, err
		}
	}
	return ps.finish(), nil
}

// parser collects the statements of one policy.
type parser struct {
	bucket    string
	table     []row
	variables bool
	policy    Policy
	sids      []string
}

// fields are the elements of a statement, nil for those that it does not have.
type fields struct {
	effect, principal, notPrincipal, action, notAction, resource, notResource, condition *value
}

func (ps *parser) statement(v *value) error {
	if v.kind != '{' {
		return malformed("Invalid policy syntax.")
	}
	f, err := ps.fields(v)
	if err != nil {
		return err
	}
	s := statement{notPrincipal: f.notPrincipal != nil, notResource: f.notResource != nil}
	switch {
	case f.effect == nil:
		return malformed("Missing required field Effect")
	case f.effect.kind != '"' || f.effect.text != "Allow" && f.effect.text != "Deny":
		return malformed("Invalid effect: %s", short(f.effect.text))
	}
	s.allow = f.effect.text == "Allow"
	principal, err := either("Principal", f.principal, f.notPrincipal)
	if err != nil {
		return err
	}
	if s.notPrincipal && s.allow {
		return malformed("Allow with NotPrincipal is not allowed.")
	}
	if s.principals, err = parsePrincipals("Principal", principal); err != nil {
		return err
	}
	chosen, err := ps.actions(&f)
	if err != nil {
		return err
	}
	bucket, object, err := ps.resources(&s, &f)
	if err != nil {
		return err
	}
	if f.condition != nil {
		if err := ps.conditions(&s, f.condition, chosen, f.notAction != nil); err != nil {
			return err
		}
	}
	if f.notAction == nil && f.notResource == nil {
		for i := range chosen {
			if !chosen[i].applies(bucket, object) {
				return malformed("Action does not apply to any resource(s) in statement")
			}
		}
	}
	ps.index(chosen, f.notAction != nil)
	ps.policy.statements = append(ps.policy.statements, s)
	return nil
}

func (ps *parser) fields(v *value) (f fields, err error) {
	for i, name := range v.names {
		c := &v.content[i]
		switch name {
		case "Sid":
			if c.kind != '"' {
				return f, malformed("Sid must be a string")
			}
			if c.text != "" && slices.Contains(ps.sids, c.text) {
				return f, malformed("Statement IDs (SID) in a single policy must be unique.")
			}
			ps.sids = append(ps.sids, c.text)
		case "Effect":
			f.effect = c
		case "Principal":
			f.principal = c
		case "NotPrincipal":
			f.notPrincipal = c
		case "Action":
			f.action = c
		case "NotAction":
			f.notAction = c
		case "Resource":
			f.resource = c
		case "NotResource":
			f.notResource = c
		case "Condition":
			f.condition = c
		default:
			return f, malformed("Unknown field %s", short(name))
		}
	}
	return f, nil
}

// either gives the one of two elements that is there.
func either(name string, is, not *value) (*value, error) {
	switch {
	case is != nil && not != nil:
		return nil, malformed("Statement/policy already has instance of %s", name)
	case is == nil && not == nil:
		return nil, malformed("Missing required field %s", name)
	case is != nil:
		return is, nil
	}
	return not, nil
}

func (ps *parser) actions(f *fields) ([]chosen, error) {
	v, err := either("Action", f.action, f.notAction)
	if err != nil {
		return nil, err
	}
	texts, err := v.list("Action")
	if err != nil {
		return nil, err
	}
	all := make([]chosen, len(texts))
	for i, t := range texts {
		if all[i], err = choose(ps.table, t); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (ps *parser) resources(s *statement, f *fields) (bucket, object bool, err error) {
	v, err := either("Resource", f.resource, f.notResource)
	if err != nil {
		return false, false, err
	}
	texts, err := v.list("Resource")
	if err != nil {
		return false, false, err
	}
	s.resources = make([]pattern, len(texts))
	for i, t := range texts {
		var b, o bool
		if s.resources[i], b, o, err = parseResource(t, ps.bucket, ps.variables); err != nil {
			return false, false, err
		}
		bucket, object = bucket || b, object || o
	}
	return bucket, object, nil
}

func (ps *parser) conditions(s *statement, v *value, chosen []chosen, notAction bool) error {
	if v.kind != '{' {
		return malformed("Invalid policy syntax.")
	}
	for i, name := range v.names {
		op, err := parseOperator(name)
		if err != nil {
			return err
		}
		block := &v.content[i]
		if block.kind != '{' {
			return malformed("Invalid policy syntax.")
		}
		seen := map[Key]bool{}
		for j, text := range block.names {
			c := op
			var of keys
			if c.key, of, err = parseKey(text); err != nil {
				return err
			}
			if seen[c.key] {
				return malformed("Duplicate field %s", short(text))
			}
			seen[c.key] = true
			if !notAction && !supported(chosen, of) {
				return malformed("Conditions do not apply to combination of actions and resources in statement")
			}
			if err := ps.values(&c, &block.content[j]); err != nil {
				return err
			}
			s.conditions = append(s.conditions, c)
		}
	}
	return nil
}

// supported reports whether each action that is spelled out has the condition keys. One with wildcards stands for those that have them.
func supported(all []chosen, of keys) bool {
	for _, c := range all {
		if !c.wildcard && c.of[0].keys&of != of {
			return false
		}
	}
	return true
}

func (ps *parser) values(c *condition, v *value) error {
	list := []value{*v}
	if v.kind == '[' {
		list = v.content
	}
	if len(list) == 0 {
		return malformed("Invalid policy syntax.")
	}
	for i := range list {
		if !list[i].scalar() {
			return malformed("Invalid policy syntax.")
		}
		text := list[i].text
		if c.key.Name == "aws:sourceip" && c.kind != opNull {
			if _, ok := parseNetwork(text); !ok {
				return malformed("Invalid IP address in Conditions")
			}
		}
		e, err := c.parse(text, ps.variables)
		if err != nil {
			return err
		}
		c.values = append(c.values, e)
		c.variables = c.variables || e.variables()
	}
	return nil
}

// index notes for which actions the next statement is to be asked.
func (ps *parser) index(all []chosen, not bool) {
	named := map[string]bool{}
	for _, c := range all {
		for _, a := range c.of {
			named[a.name] = true
		}
	}
	n := uint16(len(ps.policy.statements))
	for _, a := range ps.table {
		if named[a.name] != not {
			ps.policy.byAction[a.name] = append(ps.policy.byAction[a.name], n)
		}
	}
}

// finish puts those that deny first, and judges whether the policy is public.
func (ps *parser) finish() *Policy {
	p := &ps.policy
	for _, list := range p.byAction {
		slices.SortStableFunc(list, func(a, b uint16) int { return rank(&p.statements[a]) - rank(&p.statements[b]) })
	}
	p.public = slices.ContainsFunc(p.statements, func(s statement) bool { return s.public() })
	return p
}

func rank(s *statement) int {
	if s.allow {
		return 1
	}
	return 0
}

// Package acl is S3's access control lists: what they grant, how requests say them (canned, by headers, as XML), and how they are stored.
//
// It is pure: it knows users by their canonical ids alone, and who wants an address resolved hands in how. Only s3 imports it.
//
// A list holds grants in normal form: groups before users, otherwise in the order given, nothing twice. S3 documents no order; a fixed one lets clients compare lists.
// Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html for grantees, permissions and canned lists, the pages of PutBucketAcl, PutObjectAcl
// and PutObject of the API reference for headers and errors.
package acl

import (
	"slices"

	"github.com/opensds/gelato/internal/errs"
)

// MaxGrants is how many grants a list may have.
const MaxGrants = 100

// Permission is what a grant allows. The zero value is none.
type Permission uint8

// The permissions. What they mean differs between buckets and objects: see Needed.
const (
	Read Permission = iota + 1
	Write
	ReadACP
	WriteACP
	FullControl // all of them
)

var permissionNames = [...]string{"", "READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"}

// String is the permission as S3 writes it.
func (p Permission) String() string { return permissionNames[p] }

// ParsePermission reads a permission as S3 writes it.
func ParsePermission(name string) (Permission, bool) {
	for p := Read; p <= FullControl; p++ {
		if permissionNames[p] == name {
			return p, true
		}
	}
	return 0, false
}

// Kind is a kind of grantee. The zero value is none.
type Kind uint8

// The kinds of grantees.
const (
	User               Kind = iota + 1 // Grantee.Name is the canonical id
	Email                              // Grantee.Name is the address; never in a List
	AllUsers                           // everybody, known or not
	AuthenticatedUsers                 // every user
	LogDelivery                        // who delivers access logs
)

var groupURIs = map[Kind]string{
	AllUsers:           "http://acs.amazonaws.com/groups/global/AllUsers",
	AuthenticatedUsers: "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
	LogDelivery:        "http://acs.amazonaws.com/groups/s3/LogDelivery",
}

// URI names a group; empty for what is none.
func (k Kind) URI() string { return groupURIs[k] }

func kindOf(uri string) (Kind, error) {
	for k, u := range groupURIs {
		if u == uri {
			return k, nil
		}
	}
	return 0, invalid("Invalid group uri")
}

// Grantee is who gets a grant.
type Grantee struct {
	Kind Kind
	Name string // of users; empty for groups
}

// Grant is one permission for one grantee.
type Grant struct {
	Grantee    Grantee
	Permission Permission
}

// List is an access control list in normal form. No grantee is an Email. A nil List is none at all, an empty one grants nothing.
type List []Grant

// Normal makes a List of grants. It takes the slice over.
func Normal(grants []Grant) List {
	out := make(List, 0, len(grants))
	for _, group := range []bool{true, false} {
		for _, g := range grants {
			if (g.Grantee.Kind != User) == group && !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out
}

// Allows reports whether the list grants p to the user with this canonical id, who is empty for callers that nobody knows.
func (l List) Allows(id string, p Permission) bool {
	for _, g := range l {
		if g.Permission != p && g.Permission != FullControl {
			continue
		}
		switch g.Grantee.Kind {
		case AllUsers:
			return true
		case AuthenticatedUsers:
			if id != "" {
				return true
			}
		case User:
			if id != "" && g.Grantee.Name == id {
				return true
			}
		}
	}
	return false
}

// Public reports whether the list grants anything to AllUsers or AuthenticatedUsers, which is what block public access calls public:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html.
func (l List) Public() bool {
	return slices.ContainsFunc(l, func(g Grant) bool {
		return g.Grantee.Kind == AllUsers || g.Grantee.Kind == AuthenticatedUsers
	})
}

// Closed is the list without what it grants to AllUsers and AuthenticatedUsers.
func (l List) Closed() List {
	out := List{}
	for _, g := range l {
		if g.Grantee.Kind != AllUsers && g.Grantee.Kind != AuthenticatedUsers {
			out = append(out, g)
		}
	}
	return out
}

// Only reports whether the list grants full control to the user with this canonical id and nothing else.
func (l List) Only(id string) bool {
	return len(l) == 1 && l[0] == Grant{Grantee{User, id}, FullControl}
}

// Resolve makes a List of grants as they were asked for. find returns the canonical id of the user that a Grantee of kind User or Email names; its
// NotFound becomes S3's error.
func Resolve(grants []Grant, find func(Grantee) (id string, err error)) (List, error) {
	out := make([]Grant, len(grants))
	for i, g := range grants {
		if g.Grantee.Kind == User || g.Grantee.Kind == Email {
			id, err := find(g.Grantee)
			if errs.Is(err, errs.NotFound) {
				return nil, unknown(g.Grantee)
			}
			if err != nil {
				return nil, err
			}
			g.Grantee = Grantee{User, id}
		}
		out[i] = g
	}
	return Normal(out), nil
}

func unknown(g Grantee) error {
	if g.Kind == Email {
		return errs.Newf(errs.InvalidArgument, "The email address you provided does not match any account on record.").Because("UnresolvableGrantByEmailAddress")
	}
	return invalid("Invalid id")
}

func invalid(message string) error {
	return errs.Newf(errs.InvalidArgument, "%s", message).Because("InvalidArgument")
}

package acl

import (
	"encoding/xml"
	"errors"
	"fmt"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
)

// policyXML is the document AccessControlPolicy.
type policyXML struct {
	XMLName xml.Name  `xml:"AccessControlPolicy"`
	Owner   *ownerXML `xml:"Owner"`
	List    *listXML  `xml:"AccessControlList"`
}

type ownerXML struct {
	ID          string `xml:"ID"`
	DisplayName string `xml:"DisplayName"` // S3 does not look at it
}

type listXML struct {
	Grants []grantXML `xml:"Grant"`
}

type grantXML struct {
	Grantee    granteeXML `xml:"Grantee"`
	Permission string     `xml:"Permission"`
}

type granteeXML struct {
	Type         string `xml:"type,attr"` // xsi:type
	ID           string `xml:"ID"`
	DisplayName  string `xml:"DisplayName"`
	EmailAddress string `xml:"EmailAddress"`
	URI          string `xml:"URI"`
}

// Parse reads an AccessControlPolicy document: whom it takes for the owner, and its grants as they were written (Resolve makes a List of them).
func Parse(document []byte) (owner string, grants []Grant, err error) {
	var p policyXML
	if err := schema.Decode(document, &p); err != nil {
		if _, broken := errors.AsType[*xml.SyntaxError](err); broken {
			return "", nil, err
		}
		return "", nil, malformed(err)
	}
	switch {
	case p.Owner == nil || p.Owner.ID == "":
		return "", nil, malformed(errors.New("no owner"))
	case p.List == nil:
		return "", nil, malformed(errors.New("no list"))
	case len(p.List.Grants) > MaxGrants:
		return "", nil, malformed(errors.New("too many grants"))
	}
	grants = make([]Grant, len(p.List.Grants))
	for i, g := range p.List.Grants {
		permission, ok := ParsePermission(g.Permission)
		if !ok {
			return "", nil, malformed(fmt.Errorf("permission %q", g.Permission))
		}
		who := Grantee{}
		switch g.Grantee.Type {
		case "CanonicalUser":
			who = Grantee{User, g.Grantee.ID}
		case "AmazonCustomerByEmail":
			who = Grantee{Email, g.Grantee.EmailAddress}
		case "Group":
			if who.Kind, err = kindOf(g.Grantee.URI); err != nil {
				return "", nil, err
			}
		default:
			return "", nil, malformed(fmt.Errorf("grantee of type %q", g.Grantee.Type))
		}
		grants[i] = Grant{who, permission}
	}
	return p.Owner.ID, grants, nil
}

func malformed(cause error) error {
	return errs.New(errs.InvalidArgument, "The XML you provided was not well-formed or did not validate against our published schema", cause).Because("MalformedACLError")
}

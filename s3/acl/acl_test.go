package acl

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
)

var ann, bob = userid.Of("ann"), userid.Of("bob")

func user(id string, p Permission) Grant    { return Grant{Grantee{User, id}, p} }
func group(k Kind, p Permission) Grant      { return Grant{Grantee{Kind: k}, p} }
func email(addr string, p Permission) Grant { return Grant{Grantee{Email, addr}, p} }

// find knows ann and bob, by id and address.
func find(g Grantee) (string, error) {
	switch g.Name {
	case ann, "ann@example.com":
		return ann, nil
	case bob, "bob@example.com":
		return bob, nil
	case "away":
		return "", errs.Newf(errs.Unavailable, "away")
	}
	return "", errs.Newf(errs.NotFound, "no such user")
}

func TestCanned(t *testing.T) {
	t.Parallel()
	full := user(ann, FullControl)
	for _, c := range []struct {
		name   string
		target Target
		want   List // nil: refused
	}{
		{"private", Bucket, List{full}},
		{"private", Object, List{full}},
		{"aws-exec-read", Object, List{full}},
		{"public-read", Bucket, List{group(AllUsers, Read), full}},
		{"public-read-write", Object, List{group(AllUsers, Read), group(AllUsers, Write), full}},
		{"authenticated-read", Bucket, List{group(AuthenticatedUsers, Read), full}},
		{"bucket-owner-read", Object, List{full, user(bob, Read)}},
		{"bucket-owner-read", Bucket, List{full}},
		{"bucket-owner-full-control", Object, List{full, user(bob, FullControl)}},
		{"bucket-owner-full-control", Bucket, List{full}},
		{"log-delivery-write", Bucket, List{group(LogDelivery, Write), group(LogDelivery, ReadACP), full}},
		{"log-delivery-write", Object, nil},
		{"Private", Object, nil},
		{"public", Bucket, nil},
	} {
		got, err := Canned(c.name, c.target, ann, bob)
		if (err == nil) != (c.want != nil) || err != nil && errs.ReasonOf(err) != "InvalidArgument" || err == nil && !reflect.DeepEqual(got, c.want) {
			t.Errorf("Canned(%q, %d) = %v, %v, want %v", c.name, c.target, got, err, c.want)
		}
	}
	for _, name := range []string{"bucket-owner-read", "bucket-owner-full-control"} {
		if got, err := Canned(name, Object, ann, ann); err != nil || !got.Only(ann) {
			t.Errorf("%s of the owner's own object = %v, %v", name, got, err)
		}
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	all := []Permission{Read, Write, ReadACP, WriteACP}
	for _, c := range []struct {
		name           string
		list           List
		ann, bob, none []Permission
	}{
		{"nothing", List{}, nil, nil, nil},
		{"a user", List{user(ann, Read)}, []Permission{Read}, nil, nil},
		{"full control", List{user(ann, FullControl)}, all, nil, nil},
		{"everybody", List{group(AllUsers, Write)}, []Permission{Write}, []Permission{Write}, []Permission{Write}},
		{"users", List{group(AuthenticatedUsers, ReadACP)}, []Permission{ReadACP}, []Permission{ReadACP}, nil},
		{"the logs' deliverer", List{group(LogDelivery, FullControl)}, nil, nil, nil},
		{"two grants", List{group(AllUsers, Read), user(bob, WriteACP)}, []Permission{Read}, []Permission{Read, WriteACP}, []Permission{Read}},
		{"a nameless user", List{user("", Read)}, nil, nil, nil},
	} {
		for id, want := range map[string][]Permission{ann: c.ann, bob: c.bob, "": c.none} {
			var got []Permission
			for _, p := range all {
				if c.list.Allows(id, p) {
					got = append(got, p)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %q may %v, want %v", c.name, id, got, want)
			}
		}
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list List
		want bool
	}{
		{nil, false},
		{List{user(ann, FullControl)}, false},
		{List{group(LogDelivery, Write)}, false},
		{List{group(AuthenticatedUsers, ReadACP)}, true},
		{List{group(AllUsers, WriteACP), user(ann, Read)}, true},
	} {
		if got := c.list.Public(); got != c.want {
			t.Errorf("%v is public: %t", c.list, got)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	got, err := Resolve([]Grant{user(bob, Read), email("ann@example.com", Write), group(AllUsers, Read), user(ann, Write), user(bob, Write)}, find)
	if want := (List{group(AllUsers, Read), user(bob, Read), user(ann, Write), user(bob, Write)}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Resolve = %v, %v, want %v", got, err, want)
	}
	if got, err := Resolve(nil, find); got == nil || len(got) != 0 || err != nil {
		t.Errorf("Resolve(nil) = %#v, %v", got, err)
	}
	for _, c := range []struct {
		grant Grant
		want  string
	}{
		{user("_foo", Read), "InvalidArgument"},
		{email("nobody@example.com", Read), "UnresolvableGrantByEmailAddress"},
	} {
		if _, err := Resolve([]Grant{c.grant}, find); errs.ReasonOf(err) != c.want {
			t.Errorf("Resolve(%v) = %v, want %s", c.grant, err, c.want)
		}
	}
	if _, err := Resolve([]Grant{user("away", Read)}, find); !errs.Is(err, errs.Unavailable) {
		t.Errorf("Resolve while the users cannot be asked for: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	const all = "http://acs.amazonaws.com/groups/global/AllUsers"
	for _, c := range []struct {
		name   string
		header http.Header
		want   Asked
		reason string
	}{
		{"none", http.Header{"X-Amz-Meta-A": {"b"}}, Asked{}, ""},
		{"canned", http.Header{"X-Amz-Acl": {"public-read"}}, Asked{Canned: "public-read"}, ""},
		{"quoted", http.Header{"X-Amz-Grant-Read": {`id="` + ann + `", emailAddress="a,b@example.com" ,uri="` + all + `"`}},
			Asked{Grants: []Grant{user(ann, Read), email("a,b@example.com", Read), group(AllUsers, Read)}}, ""},
		{"bare", http.Header{"X-Amz-Grant-Full-Control": {"id=" + ann + " , uri = " + all}}, Asked{Grants: []Grant{user(ann, FullControl), group(AllUsers, FullControl)}}, ""},
		{"order", http.Header{"X-Amz-Grant-Full-Control": {"id=a"}, "X-Amz-Grant-Write-Acp": {"id=b"}, "X-Amz-Grant-Read-Acp": {"id=c"}, "X-Amz-Grant-Write": {"id=d"}, "X-Amz-Grant-Read": {"id=e", "ID=f"}},
			Asked{Grants: []Grant{user("e", Read), user("f", Read), user("d", Write), user("c", ReadACP), user("b", WriteACP), user("a", FullControl)}}, ""},
		{"both", http.Header{"X-Amz-Acl": {"private"}, "X-Amz-Grant-Read": {"id=a"}}, Asked{}, "InvalidRequest"},
		{"empty", http.Header{"X-Amz-Grant-Read": {""}}, Asked{}, "InvalidArgument"},
		{"no kind", http.Header{"X-Amz-Grant-Read": {ann}}, Asked{}, "InvalidArgument"},
		{"unknown kind", http.Header{"X-Amz-Grant-Read": {"name=ann"}}, Asked{}, "InvalidArgument"},
		{"open quote", http.Header{"X-Amz-Grant-Read": {`id="a`}}, Asked{}, "InvalidArgument"},
		{"text behind a quote", http.Header{"X-Amz-Grant-Read": {`id="a"b`}}, Asked{}, "InvalidArgument"},
		{"comma at the end", http.Header{"X-Amz-Grant-Read": {`id=a,`}}, Asked{}, "InvalidArgument"},
		{"unknown group", http.Header{"X-Amz-Grant-Read": {`uri=http://acs.amazonaws.com/groups/global/Some`}}, Asked{}, "InvalidArgument"},
		{"100 grants", http.Header{"X-Amz-Grant-Read": {strings.Repeat("id=a,", 99) + "id=a"}}, Asked{Grants: bytesOf(100)}, ""},
		{"101 grants", http.Header{"X-Amz-Grant-Read": {strings.Repeat("id=a,", 100) + "id=a"}}, Asked{}, "InvalidRequest"},
	} {
		got, err := Headers(c.header)
		if errs.ReasonOf(err) != c.reason || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v, %q", c.name, got, err, c.want, c.reason)
		}
		if got.None() != (c.want.Canned == "" && c.want.Grants == nil) {
			t.Errorf("%s: None() = %t", c.name, got.None())
		}
	}
}

func bytesOf(n int) []Grant {
	out := make([]Grant, n)
	for i := range out {
		out[i] = user("a", Read)
	}
	return out
}

// document makes an AccessControlPolicy of what stands in the list.
func document(list string) string {
	return `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>` + ann + `</ID><DisplayName>ann</DisplayName></Owner><AccessControlList>` + list + `</AccessControlList></AccessControlPolicy>`
}

func grantOf(kind, inner, permission string) string {
	return `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="` + kind + `">` + inner + `</Grantee><Permission>` + permission + `</Permission></Grant>`
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []Grant
		reason     string
	}{
		{"every kind", document(grantOf("CanonicalUser", "<ID>"+bob+"</ID><DisplayName>x</DisplayName>", "READ") + grantOf("AmazonCustomerByEmail", "<EmailAddress>b@example.com</EmailAddress>", "WRITE_ACP") +
			grantOf("Group", "<URI>http://acs.amazonaws.com/groups/s3/LogDelivery</URI>", "WRITE")), []Grant{user(bob, Read), email("b@example.com", WriteACP), group(LogDelivery, Write)}, ""},
		{"nothing granted", document(""), []Grant{}, ""},
		{"list of another owner", strings.Replace(document(""), ann, bob, 1), []Grant{}, ""},
		{"no list", "<AccessControlPolicy><Owner><ID>x</ID></Owner></AccessControlPolicy>", nil, "MalformedACLError"},
		{"no owner", "<AccessControlPolicy><AccessControlList></AccessControlList></AccessControlPolicy>", nil, "MalformedACLError"},
		{"no owner's id", "<AccessControlPolicy><Owner></Owner><AccessControlList></AccessControlList></AccessControlPolicy>", nil, "MalformedACLError"},
		{"another root", "<Policy/>", nil, "MalformedACLError"},
		{"unknown element", document("<Deny/>"), nil, "MalformedACLError"},
		{"unknown permission", document(grantOf("CanonicalUser", "<ID>x</ID>", "EXECUTE")), nil, "MalformedACLError"},
		{"unknown kind", document(grantOf("Robot", "<ID>x</ID>", "READ")), nil, "MalformedACLError"},
		{"no kind", document("<Grant><Grantee><ID>x</ID></Grantee><Permission>READ</Permission></Grant>"), nil, "MalformedACLError"},
		{"unknown group", document(grantOf("Group", "<URI>http://acs.amazonaws.com/groups/x</URI>", "READ")), nil, "InvalidArgument"},
		{"no XML", "<AccessControlPolicy><Owner>", nil, "MalformedXML"},
		{"too many", document(strings.Repeat(grantOf("CanonicalUser", "<ID>x</ID>", "READ"), MaxGrants+1)), nil, "MalformedACLError"},
	} {
		_, got, err := Parse([]byte(c.text))
		if errs.ReasonOf(err) != c.reason || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v, want %v, %q", c.name, got, err, c.want, c.reason)
		}
	}
	if owner, _, _ := Parse([]byte(document(""))); owner != ann {
		t.Errorf("the owner is %q", owner)
	}
}

func TestStored(t *testing.T) {
	t.Parallel()
	for _, l := range []List{nil, {}, {group(AllUsers, Read), group(LogDelivery, ReadACP), group(AuthenticatedUsers, WriteACP), user(ann, FullControl), user(bob, Write)}} {
		stored, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(stored); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%v is read as %v, %v", l, got, err)
		}
	}
	if stored, err := (List{user("short", Read)}).Encode(); err == nil {
		t.Errorf("a grant to nobody is stored as %x", stored)
	}
	for _, bad := range []string{"\x02", "\x01\x10", "\x01\x16", "\x01\x11short", "\x01\x21", "\x01\x61", "\x01\x01"} {
		if got, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{
		"s3:ListBucket": "1 READ true", "s3:PutObject": "1 WRITE true", "s3:GetBucketAcl": "1 READ_ACP true", "s3:PutBucketAcl": "1 WRITE_ACP true",
		"s3:GetObjectVersion": "2 READ true", "s3:GetObjectAcl": "2 READ_ACP true", "s3:PutObjectVersionAcl": "2 WRITE_ACP true",
		"s3:DeleteObject": "0  false", "s3:DeleteBucket": "0  false", "s3:PutBucketPolicy": "0  false", "": "0  false",
	} {
		target, p, ok := Needed(action)
		if got := fmt.Sprint(target, " ", p, " ", ok); got != want {
			t.Errorf("Needed(%q) = %s, want %s", action, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(document(grantOf("CanonicalUser", "<ID>"+bob+"</ID>", "READ") + grantOf("Group", "<URI>"+AllUsers.URI()+"</URI>", "WRITE"))))
	f.Add([]byte("<AccessControlPolicy"))
	f.Fuzz(func(t *testing.T, text []byte) {
		owner, grants, err := Parse(text)
		if err != nil {
			if errs.CodeOf(err) != errs.InvalidArgument || grants != nil {
				t.Errorf("%v, %v", grants, err)
			}
			return
		}
		if owner == "" || len(grants) > MaxGrants {
			t.Errorf("owner %q, %d grants", owner, len(grants))
		}
		stays(t, grants)
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("", `id="`+ann+`", emailAddress="a@b"`, "uri="+AllUsers.URI())
	f.Add("private", "", `id="`)
	f.Fuzz(func(t *testing.T, canned, read, full string) {
		a, err := Headers(http.Header{"X-Amz-Acl": {canned}, "X-Amz-Grant-Read": {read}, "X-Amz-Grant-Full-Control": {full}})
		if err != nil {
			if errs.CodeOf(err) != errs.InvalidArgument || !a.None() {
				t.Errorf("%+v, %v", a, err)
			}
			return
		}
		if len(a.Grants) > MaxGrants || a.Canned != "" && a.Grants != nil {
			t.Errorf("%+v", a)
		}
		stays(t, a.Grants)
	})
}

// stays checks that a list of users who exist survives its stored form.
func stays(t *testing.T, grants []Grant) {
	l, err := Resolve(grants, func(Grantee) (string, error) { return ann, nil })
	if err != nil {
		t.Fatal(err)
	}
	stored, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(stored)
	if err != nil || !reflect.DeepEqual(again, l) {
		t.Errorf("%v is read as %v, %v", l, again, err)
	}
}

func FuzzDecode(f *testing.F) {
	stored, _ := List{group(AllUsers, Read), user(ann, FullControl)}.Encode()
	f.Add(stored)
	f.Fuzz(func(t *testing.T, stored []byte) {
		l, err := Decode(stored)
		if err != nil {
			return
		}
		if again, err := l.Encode(); err != nil || !bytes.Equal(again, stored) {
			t.Errorf("%x is read as %v, stored as %x, %v", stored, l, again, err)
		}
	})
}

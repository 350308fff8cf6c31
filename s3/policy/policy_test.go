package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

const canonical = "1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff001"

// values is a Context of a map by the key's name in lower case, and its tag behind a slash.
type values map[string][]string

var _ Context = values(nil)

// Values implements Context.
func (v values) Values(k Key) ([]string, error) {
	if k.Tag != "" {
		return v[k.Name+"/"+k.Tag], nil
	}
	return v[k.Name], nil
}

func parsed(t testing.TB, doc string) *Policy {
	t.Helper()
	p, err := Parse([]byte(doc), "bucket")
	if err != nil {
		t.Fatalf("Parse(%.200s): %v", doc, err)
	}
	return p
}

// one is a policy of one statement, given as JSON members.
func one(members string) string { return `{"Version":"2012-10-17","Statement":{` + members + `}}` }

// padded is a policy of so many bytes.
func padded(size int) string {
	head, tail := `{"Id":"`, `","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

func alice() Principal { return Principal{Account: "tenant", User: "alice", ID: canonical} }

func TestEvaluate(t *testing.T) {
	t.Parallel()
	const get, all = `"Action":"s3:GetObject"`, `"Resource":"arn:aws:s3:::bucket/*"`
	tests := []struct {
		name   string
		policy string
		who    Principal
		action string
		key    string
		want   Decision
	}{
		{"allowed to everybody", one(`"Effect":"Allow","Principal":"*",` + get + `,` + all), Principal{}, "s3:GetObject", "k", Allow},
		{"list of everybody", one(`"Effect":"Allow","Principal":{"AWS":["*"]},` + get + `,` + all), Principal{}, "s3:GetObject", "k", Allow},
		{"another action", one(`"Effect":"Allow","Principal":"*",` + get + `,` + all), Principal{}, "s3:PutObject", "k", None},
		{"unknown action", one(`"Effect":"Allow","Principal":"*","Action":"s3:*",` + all), Principal{}, "s3:Nothing", "k", None},
		{"bucket is no object", one(`"Effect":"Allow","Principal":"*",` + get + `,` + all), Principal{}, "s3:GetObject", "", None},
		{"other prefix", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/a/*"`), Principal{}, "s3:GetObject", "b/a/k", None},
		{"user by name, account empty", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:::user/alice"},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"user by name, any account", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"user by id", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::tenant:user/` + canonical + `"},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"another user", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::tenant:user/bob"},` + get + `,` + all), alice(), "s3:GetObject", "k", None},
		{"users are no prefix", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::tenant:user/ali"},` + get + `,` + all), alice(), "s3:GetObject", "k", None},
		{"anonymous is no user", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::tenant:root"},` + get + `,` + all), Principal{Account: "tenant"}, "s3:GetObject", "k", None},
		{"account", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::tenant:root"},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"account by number", one(`"Effect":"Allow","Principal":{"AWS":"123456789012"},` + get + `,` + all), Principal{Account: "123456789012", User: "x", ID: "y"}, "s3:GetObject", "k", Allow},
		{"another account", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::other:root"},` + get + `,` + all), alice(), "s3:GetObject", "k", None},
		{"id as account", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + canonical + `:root"},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"bare id", one(`"Effect":"Allow","Principal":{"AWS":"` + canonical + `"},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"canonical user", one(`"Effect":"Allow","Principal":{"CanonicalUser":"` + canonical + `"},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"role is nobody", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/alice"},` + get + `,` + all), alice(), "s3:GetObject", "k", None},
		{"federated is nobody", one(`"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},` + get + `,` + all), alice(), "s3:GetObject", "k", None},
		{"service", one(`"Effect":"Allow","Principal":{"Service":["a.amazonaws.com","logging.s3.amazonaws.com"]},"Action":"s3:PutObject",` + all), Principal{Service: "logging.s3.amazonaws.com"}, "s3:PutObject", "logs/1", Allow},
		{"service is no user", one(`"Effect":"Allow","Principal":{"Service":"alice"},` + get + `,` + all), alice(), "s3:GetObject", "k", None},
		{"kinds of principals together", one(`"Effect":"Allow","Principal":{"Service":"x.amazonaws.com","AWS":["arn:aws:iam::t:user/bob","arn:aws:iam::t:user/alice"]},` + get + `,` + all), alice(), "s3:GetObject", "k", Allow},
		{"all but one denied: another", one(`"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam:::user/bob"},` + get + `,` + all), alice(), "s3:GetObject", "k", Deny},
		{"all but one denied: that one", one(`"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam:::user/alice"},` + get + `,` + all), alice(), "s3:GetObject", "k", None},
		{"all but one denied: anonymous", one(`"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam:::user/alice"},` + get + `,` + all), Principal{}, "s3:GetObject", "k", Deny},
		{"action's case", one(`"Effect":"Allow","Principal":"*","Action":"S3:getobject",` + all), Principal{}, "s3:GetObject", "k", Allow},
		{"action's wildcard", one(`"Effect":"Allow","Principal":"*","Action":"s3:Get*",` + all), Principal{}, "s3:GetObjectTagging", "k", Allow},
		{"action's question mark", one(`"Effect":"Allow","Principal":"*","Action":"s3:?etObject",` + all), Principal{}, "s3:GetObject", "k", Allow},
		{"any action", one(`"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:s3:::bucket"`), Principal{}, "s3:ListBucket", "", Allow},
		{"all actions but", one(`"Effect":"Allow","Principal":"*","NotAction":["s3:GetObject","s3:Put*"],` + all), Principal{}, "s3:DeleteObject", "k", Allow},
		{"all actions but this", one(`"Effect":"Allow","Principal":"*","NotAction":["s3:GetObject","s3:Put*"],` + all), Principal{}, "s3:PutObject", "k", None},
		{"any resource", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"*"`), Principal{}, "s3:GetObject", "k", Allow},
		{"all resources but", one(`"Effect":"Deny","Principal":"*",` + get + `,"NotResource":"arn:aws:s3:::bucket/public/*"`), Principal{}, "s3:GetObject", "k", Deny},
		{"all resources but this", one(`"Effect":"Deny","Principal":"*",` + get + `,"NotResource":"arn:aws:s3:::bucket/public/*"`), Principal{}, "s3:GetObject", "public/k", None},
		{"wildcard over the slash", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::b*k"`), Principal{}, "s3:GetObject", "x/k", Allow},
		{"variable in resource", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/home/${aws:username}/*"`), alice(), "s3:GetObject", "home/alice/k", Allow},
		{"variable of another", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/home/${aws:username}/*"`), alice(), "s3:GetObject", "home/bob/k", None},
		{"variable that is unknown", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/home/${aws:userid}/*"`), alice(), "s3:GetObject", "home//k", None},
		{"variable with default", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/${aws:userid, 'all'}/*"`), alice(), "s3:GetObject", "all/k", Allow},
		{"escaped wildcard", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/${*}${?}${$}*"`), alice(), "s3:GetObject", "*?$k", Allow},
		{"escaped wildcard is no wildcard", one(`"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/${*}k"`), alice(), "s3:GetObject", "xk", None},
		{"no variables in 2008", `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/${aws:username}"}}`, alice(), "s3:GetObject", "${aws:username}", Allow},
		{"nor without a version", `{"Statement":{"Effect":"Allow","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/${aws:username}"}}`, alice(), "s3:GetObject", "alice", None},
		{"unknown variable widens nothing", one(`"Effect":"Allow","Principal":"*",` + get + `,"NotResource":"arn:aws:s3:::bucket/${aws:userid}/*"`), alice(), "s3:GetObject", "k", None},
		{"unknown variable denies", one(`"Effect":"Deny","Principal":"*",` + get + `,"NotResource":"arn:aws:s3:::bucket/${aws:userid}/*"`), alice(), "s3:GetObject", "k", Deny},
		{"deny outweighs an earlier allow", `{"Statement":[{"Effect":"Allow","Principal":"*",` + get + `,` + all + `},{"Effect":"Deny","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/secret*"}]}`, alice(), "s3:GetObject", "secrets", Deny},
		{"deny of something else", `{"Statement":[{"Effect":"Allow","Principal":"*",` + get + `,` + all + `},{"Effect":"Deny","Principal":"*",` + get + `,"Resource":"arn:aws:s3:::bucket/secret*"}]}`, alice(), "s3:GetObject", "open", Allow},
		{"one of several resources", one(`"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`), alice(), "s3:ListBucket", "", Allow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			context := values{}
			if tt.who.User != "" {
				context["aws:username"] = []string{tt.who.User}
			}
			got, err := parsed(t, tt.policy).Evaluate(&Request{Principal: tt.who, Action: tt.action, Bucket: "bucket", Key: tt.key, Context: context})
			if got != tt.want || err != nil {
				t.Errorf("Evaluate = %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// failing is a Context that cannot be read.
type failing struct{}

// Values implements Context.
func (failing) Values(Key) ([]string, error) { return nil, errors.New("away") }

func TestContextIsAskedLateAndItsFailureDenies(t *testing.T) {
	t.Parallel()
	p := parsed(t, one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:::user/alice"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/a*","Condition":{"StringEquals":{"s3:ExistingObjectTag/x":"y"}}`))
	for _, r := range []Request{
		{Principal: Principal{User: "bob"}, Action: "s3:GetObject", Key: "a"},
		{Principal: alice(), Action: "s3:PutObject", Key: "a"},
		{Principal: alice(), Action: "s3:GetObject", Key: "b"},
	} {
		r.Bucket, r.Context = "bucket", failing{}
		if got, err := p.Evaluate(&r); got != None || err != nil {
			t.Errorf("Evaluate(%v) = %v, %v, want None without a question", r, got, err)
		}
	}
	got, err := p.Evaluate(&Request{Principal: alice(), Action: "s3:GetObject", Bucket: "bucket", Key: "a", Context: failing{}})
	if got != Deny || err == nil {
		t.Errorf("Evaluate = %v, %v, want Deny and the failure", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const rest = `"Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"`
	with := func(members string) string { return one(`"Effect":"Allow",` + rest + `,` + members) }
	tests := []struct{ name, policy, want string }{
		{"nothing", ``, "first byte must be '{'"},
		{"no object", `["a"]`, "first byte must be '{'"},
		{"blank before", ` {}`, "first byte must be '{'"},
		{"cut off", `{"Version":"2012-10-17"`, "invalid Json"},
		{"more behind", one(`"Effect":"Allow",`+rest) + `{}`, "invalid Json"},
		{"not UTF-8", "{\"Version\":\"\xff\"}", "invalid Json"},
		{"too deep", `{"Id":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "Invalid policy syntax."},
		{"too large", padded(MaxSize + 1), "maximum allowed document size"},
		{"unknown element", `{"version":"2012-10-17"}`, "Unknown field version"},
		{"version", `{"Version":"2013-01-01","Statement":[]}`, "valid version string"},
		{"id", `{"Id":1,"Statement":[]}`, "Id must be a string"},
		{"no statement", `{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{"empty statement list", `{"Statement":[]}`, "Statement is empty!"},
		{"statement is text", `{"Statement":"x"}`, "Invalid policy syntax."},
		{"element twice", `{"Statement":[],"Statement":[]}`, "Duplicate field Statement"},
		{"field twice", one(`"Effect":"Allow","Effect":"Deny",` + rest), "Duplicate field Effect"},
		{"unknown field", with(`"Resources":"*"`), "Unknown field Resources"},
		{"sid", with(`"Sid":[]`), "Sid must be a string"},
		{"sid twice", `{"Statement":[{"Sid":"a","Effect":"Allow",` + rest + `},{"Sid":"a","Effect":"Deny",` + rest + `}]}`, "must be unique"},
		{"no effect", one(rest), "Missing required field Effect"},
		{"effect's case", one(`"Effect":"allow",` + rest), "Invalid effect: allow"},
		{"no principal", one(`"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"`), "Missing required field Principal"},
		{"no action", one(`"Effect":"Allow","Principal":"*","Resource":"arn:aws:s3:::bucket/*"`), "Missing required field Action"},
		{"no resource", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject"`), "Missing required field Resource"},
		{"both principals", with(`"NotPrincipal":"*"`), "already has instance of Principal"},
		{"both actions", with(`"NotAction":"s3:PutObject"`), "already has instance of Action"},
		{"both resources", with(`"NotResource":"*"`), "already has instance of Resource"},
		{"allow all but one", one(`"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam:::user/a"},"Action":"s3:GetObject","Resource":"*"`), "Allow with NotPrincipal is not allowed."},
		{"principal's name", one(`"Effect":"Allow","Principal":"alice","Action":"s3:GetObject","Resource":"*"`), "Invalid principal in policy"},
		{"principal's kind", one(`"Effect":"Allow","Principal":{"User":"alice"},"Action":"s3:GetObject","Resource":"*"`), "Invalid principal in policy"},
		{"principal empty", one(`"Effect":"Allow","Principal":{},"Action":"s3:GetObject","Resource":"*"`), "Invalid principal in policy"},
		{"principal's list empty", one(`"Effect":"Allow","Principal":{"AWS":[]},"Action":"s3:GetObject","Resource":"*"`), "Invalid principal in policy"},
		{"principal with wildcard", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/*"},"Action":"s3:GetObject","Resource":"*"`), "Invalid principal in policy"},
		{"principal of another service", one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:s3:::bucket"},"Action":"s3:GetObject","Resource":"*"`), "Invalid principal in policy"},
		{"bare name", one(`"Effect":"Allow","Principal":{"AWS":"alice"},"Action":"s3:GetObject","Resource":"*"`), "Invalid principal in policy"},
		{"action unknown", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObjekt","Resource":"*"`), "Policy has invalid action"},
		{"action of another service", one(`"Effect":"Allow","Principal":"*","Action":"ec2:RunInstances","Resource":"*"`), "Policy has invalid action"},
		{"action pattern of nothing", one(`"Effect":"Allow","Principal":"*","Action":["s3:*","s3:X*"],"Resource":"*"`), "Policy has invalid action"},
		{"action is number", one(`"Effect":"Allow","Principal":"*","Action":7,"Resource":"*"`), "Action must be a string"},
		{"another bucket", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"`), "Policy has invalid resource"},
		{"bucket's beginning", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::buck/*"`), "Policy has invalid resource"},
		{"bucket with a tail", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket2"`), "Policy has invalid resource"},
		{"bare bucket", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"bucket/*"`), "Policy has invalid resource"},
		{"with region", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:us-east-1::bucket/*"`), "Policy has invalid resource"},
		{"resource in NotResource", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","NotResource":"arn:aws:s3:::other"`), "Policy has invalid resource"},
		{"object action, bucket resource", one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket"`), "Action does not apply to any resource(s) in statement"},
		{"bucket action, object resource", one(`"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::bucket/*"`), "Action does not apply to any resource(s) in statement"},
		{"account action", one(`"Effect":"Allow","Principal":"*","Action":"s3:ListAllMyBuckets","Resource":"*"`), "Action does not apply to any resource(s) in statement"},
		{"variable open", with(`"Condition":{"StringEquals":{"aws:Referer":"${aws:username"}}`), "Invalid policy variable"},
		{"variable empty", with(`"Condition":{"StringEquals":{"aws:Referer":"${}"}}`), "Invalid policy variable"},
		{"variable's default", with(`"Condition":{"StringEquals":{"aws:Referer":"${aws:username, none}"}}`), "Invalid policy variable"},
		{"operator unknown", with(`"Condition":{"stringequals":{"aws:Referer":"x"}}`), "Invalid Condition type : stringequals"},
		{"operator's set", with(`"Condition":{"ForEach:StringEquals":{"aws:Referer":"x"}}`), "Invalid Condition type : ForEach:StringEquals"},
		{"null if it exists", with(`"Condition":{"NullIfExists":{"aws:Referer":"true"}}`), "Invalid Condition type : NullIfExists"},
		{"key unknown", with(`"Condition":{"StringEquals":{"s3:colour":"x"}}`), "Policy has an invalid condition key"},
		{"key without tag", with(`"Condition":{"StringEquals":{"s3:ExistingObjectTag":"x"}}`), "Policy has an invalid condition key"},
		{"key with tag", with(`"Condition":{"StringEquals":{"aws:Referer/x":"x"}}`), "Policy has an invalid condition key"},
		{"key of another action", with(`"Condition":{"StringEquals":{"s3:prefix":"x"}}`), "Conditions do not apply to combination of actions and resources in statement"},
		{"key of one of two actions", one(`"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:PutObject"],"Resource":"*","Condition":{"StringEquals":{"s3:x-amz-acl":"private"}}`), "Conditions do not apply to combination"},
		{"key twice", with(`"Condition":{"StringEquals":{"aws:Referer":"x","AWS:referer":"y"}}`), "Duplicate field AWS:referer"},
		{"operator twice", with(`"Condition":{"Bool":{"aws:SecureTransport":true},"Bool":{}}`), "Duplicate field Bool"},
		{"condition is list", with(`"Condition":[]`), "Invalid policy syntax."},
		{"operator's value is text", with(`"Condition":{"Bool":"aws:SecureTransport"}`), "Invalid policy syntax."},
		{"no values", with(`"Condition":{"Bool":{"aws:SecureTransport":[]}}`), "Invalid policy syntax."},
		{"null value", with(`"Condition":{"Bool":{"aws:SecureTransport":null}}`), "Invalid policy syntax."},
		{"truth", with(`"Condition":{"Bool":{"aws:SecureTransport":"yes"}}`), "Invalid value in Conditions: yes"},
		{"number", with(`"Condition":{"NumericEquals":{"s3:TlsVersion":"0x10"}}`), "Invalid value in Conditions: 0x10"},
		{"infinite", with(`"Condition":{"NumericEquals":{"s3:TlsVersion":"Inf"}}`), "Invalid value in Conditions: Inf"},
		{"date", with(`"Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`), "Invalid value in Conditions: tomorrow"},
		{"binary", with(`"Condition":{"BinaryEquals":{"aws:Referer":"%"}}`), "Invalid value in Conditions: %"},
		{"address", with(`"Condition":{"IpAddress":{"aws:VpcSourceIp":"10.0.0.300"}}`), "Invalid IP address in Conditions"},
		{"address's mask", with(`"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}`), "Invalid IP address in Conditions"},
		{"address as text", with(`"Condition":{"StringLike":{"aws:SourceIp":"10.*"}}`), "Invalid IP address in Conditions"},
		{"ARN", with(`"Condition":{"ArnLike":{"aws:PrincipalArn":"alice"}}`), "Invalid ARN in Conditions: alice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(tt.policy), "bucket")
			if errs.ReasonOf(err) != "MalformedPolicy" || !strings.Contains(errs.Public(err), tt.want) {
				t.Errorf("Parse(%.200s) = %v (%s), want MalformedPolicy that says %q", tt.policy, err, errs.ReasonOf(err), tt.want)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	statement := func(members string) string {
		return one(`"Effect":"Deny","Principal":"*",` + members)
	}
	tests := []struct{ name, policy string }{
		{"as large as may be", padded(MaxSize)},
		{"sid with blanks", statement(`"Sid":"Allow Public Access","Action":"s3:GetObject","Resource":"*"`)},
		{"wildcard over buckets", statement(`"Action":"s3:ListBucket","Resource":["arn:aws:s3:::*","arn:aws:s3:::*/*"]`)},
		{"wildcard in the bucket", statement(`"Action":"s3:GetObject","Resource":"arn:aws:s3:::b?cket/x"`)},
		{"variable in the bucket", statement(`"Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:username}/x"`)},
		{"both kinds of resource", statement(`"Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::bucket*"`)},
		{"keys behind a wildcard action", statement(`"Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-acl":"public-read"}}`)},
		{"keys behind NotAction", statement(`"NotAction":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-acl":"public-read"}}`)},
		{"scalars that are no strings", statement(`"Action":"s3:ListBucket","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false},"NumericGreaterThan":{"s3:max-keys":[10,20.5]}}`)},
		{"empty condition", statement(`"Action":"s3:ListBucket","Resource":"*","Condition":{}`)},
		{"tag keys that differ in case", statement(`"Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/a":"x","s3:ExistingObjectTag/A":"y"}}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse([]byte(tt.policy), "bucket"); err != nil {
				t.Errorf("Parse(%.200s): %v", tt.policy, err)
			}
		})
	}
}

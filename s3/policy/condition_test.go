package policy

import "testing"

func TestConditions(t *testing.T) {
	t.Parallel()
	has := func(key string, v ...string) values { return values{key: v} }
	tests := []struct {
		name      string
		condition string
		context   values
		want      bool
	}{
		{"equal", `"StringEquals":{"s3:prefix":"a"}`, has("s3:prefix", "a"), true},
		{"key's case", `"StringEquals":{"S3:Prefix":"a"}`, has("s3:prefix", "a"), true},
		{"value's case", `"StringEquals":{"s3:prefix":"a"}`, has("s3:prefix", "A"), false},
		{"one of", `"StringEquals":{"s3:prefix":["","a"]}`, has("s3:prefix", ""), true},
		{"empty is no absence", `"StringEquals":{"s3:prefix":""}`, values{}, false},
		{"asterisk is text", `"StringEquals":{"s3:prefix":"a*"}`, has("s3:prefix", "ab"), false},
		{"absent", `"StringEquals":{"s3:prefix":"a"}`, values{}, false},
		{"absent if it exists", `"StringEqualsIfExists":{"s3:prefix":"a"}`, values{}, true},
		{"there if it exists", `"StringEqualsIfExists":{"s3:prefix":"a"}`, has("s3:prefix", "b"), false},
		{"not equal", `"StringNotEquals":{"s3:prefix":"a"}`, has("s3:prefix", "b"), true},
		{"not equal to none of", `"StringNotEquals":{"s3:prefix":["a","b"]}`, has("s3:prefix", "b"), false},
		{"not equal, absent", `"StringNotEquals":{"s3:prefix":"a"}`, values{}, true},
		{"fold", `"StringEqualsIgnoreCase":{"s3:prefix":"Straße"}`, has("s3:prefix", "sTRAßE"), true},
		{"not fold", `"StringNotEqualsIgnoreCase":{"s3:prefix":"a"}`, has("s3:prefix", "A"), false},
		{"like", `"StringLike":{"s3:prefix":["x","a*b?"]}`, has("s3:prefix", "a/bb/bé"), true},
		{"not like", `"StringNotLike":{"s3:prefix":"a*"}`, has("s3:prefix", "ab"), false},
		{"like, variable", `"StringLike":{"s3:prefix":"home/${aws:username}/*"}`, values{"s3:prefix": {"home/a/x"}, "aws:username": {"a"}}, true},
		{"like, value of a variable is text", `"StringLike":{"s3:prefix":"${aws:username}"}`, values{"s3:prefix": {"ab"}, "aws:username": {"a*"}}, false},
		{"equal, variable", `"StringEquals":{"s3:prefix":"${aws:username}-${s3:delimiter}"}`, values{"s3:prefix": {"a-/"}, "aws:username": {"a"}, "s3:delimiter": {"/"}}, true},
		{"fold, variable", `"StringEqualsIgnoreCase":{"s3:prefix":"x${aws:username}"}`, values{"s3:prefix": {"XA"}, "aws:username": {"a"}}, true},
		{"variable absent", `"StringEquals":{"s3:prefix":"${aws:username}"}`, has("s3:prefix", ""), false},
		{"variable absent, negated", `"StringNotEquals":{"s3:prefix":"${aws:username}"}`, has("s3:prefix", "x"), true},
		{"two keys", `"StringEquals":{"s3:prefix":"a","s3:delimiter":"/"}`, values{"s3:prefix": {"a"}, "s3:delimiter": {"-"}}, false},
		{"two operators", `"StringEquals":{"s3:prefix":"a"},"StringLike":{"s3:delimiter":"?"}`, values{"s3:prefix": {"a"}, "s3:delimiter": {"-"}}, true},

		{"number", `"NumericEquals":{"s3:max-keys":"10"}`, has("s3:max-keys", "10.0"), true},
		{"number unequal", `"NumericNotEquals":{"s3:max-keys":10}`, has("s3:max-keys", "10"), false},
		{"less", `"NumericLessThan":{"s3:max-keys":10}`, has("s3:max-keys", "10"), false},
		{"less or equal", `"NumericLessThanEquals":{"s3:max-keys":"10"}`, has("s3:max-keys", "10"), true},
		{"greater", `"NumericGreaterThan":{"s3:max-keys":"9"}`, has("s3:max-keys", "10"), true},
		{"greater or equal", `"NumericGreaterThanEquals":{"s3:max-keys":"-1e2"}`, has("s3:max-keys", "-100"), true},
		{"no number", `"NumericLessThan":{"s3:max-keys":"10"}`, has("s3:max-keys", "x"), false},
		{"no number, negated", `"NumericNotEquals":{"s3:max-keys":"10"}`, has("s3:max-keys", "x"), true},

		{"date before", `"DateLessThan":{"aws:CurrentTime":"2026-01-02T00:00:00Z"}`, has("aws:currenttime", "2026-01-01T23:59:59Z"), true},
		{"date at", `"DateEquals":{"aws:CurrentTime":"2026-01-02T01:00:00+01:00"}`, has("aws:currenttime", "2026-01-02T00:00:00Z"), true},
		{"date not at", `"DateNotEquals":{"aws:CurrentTime":"2026-01-02"}`, has("aws:currenttime", "2026-01-02T00:00:00Z"), false},
		{"date up to", `"DateLessThanEquals":{"aws:CurrentTime":"2026-01-02T00:00Z"}`, has("aws:currenttime", "2026-01-02T00:00:00.5Z"), false},
		{"date after", `"DateGreaterThan":{"aws:CurrentTime":"2026"}`, has("aws:currenttime", "2026-01-02T00:00:00Z"), true},
		{"date from", `"DateGreaterThanEquals":{"aws:EpochTime":"1767312000"}`, has("aws:epochtime", "1767312000"), true},
		{"no date", `"DateGreaterThan":{"aws:CurrentTime":"2026-01"}`, has("aws:currenttime", "now"), false},

		{"truth", `"Bool":{"aws:SecureTransport":"TRUE"}`, has("aws:securetransport", "true"), true},
		{"untruth", `"Bool":{"aws:SecureTransport":false}`, has("aws:securetransport", "true"), false},
		{"truth absent", `"Bool":{"aws:SecureTransport":false}`, values{}, false},
		{"truth absent if it exists", `"BoolIfExists":{"aws:SecureTransport":false}`, values{}, true},
		{"binary", `"BinaryEquals":{"aws:Referer":"aGVsbG8="}`, has("aws:referer", "hello"), true},
		{"binary differs", `"BinaryEquals":{"aws:Referer":"aGVsbG8="}`, has("aws:referer", "hallo"), false},

		{"address in range", `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, has("aws:sourceip", "203.0.113.7"), true},
		{"address out of range", `"IpAddress":{"aws:SourceIp":["203.0.113.0/25","2001:db8::/32"]}`, has("aws:sourceip", "203.0.113.200"), false},
		{"address alone", `"IpAddress":{"aws:SourceIp":"203.0.113.7"}`, has("aws:sourceip", "203.0.113.7"), true},
		{"address mapped", `"IpAddress":{"aws:SourceIp":"203.0.113.7/31"}`, has("aws:sourceip", "::ffff:203.0.113.6"), true},
		{"address of six", `"IpAddress":{"aws:SourceIp":"2001:DB8:1234:5678::/64"}`, has("aws:sourceip", "2001:db8:1234:5678::1"), true},
		{"range not masked", `"IpAddress":{"aws:SourceIp":"10.1.2.3/8"}`, has("aws:sourceip", "10.9.9.9"), true},
		{"not address", `"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, has("aws:sourceip", "203.0.113.7"), false},
		{"not address elsewhere", `"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, has("aws:sourceip", "198.51.100.1"), true},

		{"ARN", `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::t:user/a"}`, has("aws:principalarn", "arn:aws:iam::t:user/a"), true},
		{"ARN with wildcard", `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}`, has("aws:principalarn", "arn:aws:iam::t:user/a:b"), true},
		{"ARN's wildcard stays in its field", `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam:*t:*:*"}`, has("aws:principalarn", "arn:aws:iam::t:user/a:b"), false},
		{"ARN with variable", `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:user/*"}`, values{"aws:principalarn": {"arn:aws:iam::t:user/a"}, "aws:principalaccount": {"t"}}, true},
		{"not ARN", `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::t:*"}`, has("aws:principalarn", "arn:aws:iam::t:user/a"), false},
		{"no ARN", `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::t:*"}`, has("aws:principalarn", "alice"), false},

		{"null of the absent", `"Null":{"s3:prefix":"true"}`, values{}, true},
		{"null of what is there", `"Null":{"s3:prefix":true}`, has("s3:prefix", ""), false},
		{"not null", `"Null":{"s3:prefix":false}`, has("s3:prefix", ""), true},
		{"not null of the absent", `"Null":{"s3:prefix":"false"}`, values{}, false},

		{"all values", `"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`, has("aws:tagkeys", "b", "a"), true},
		{"not all values", `"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`, has("aws:tagkeys", "b", "c"), false},
		{"all of no values", `"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`, values{}, true},
		{"all values not", `"ForAllValues:StringNotEquals":{"aws:TagKeys":["a","b"]}`, has("aws:tagkeys", "c", "b"), false},
		{"any value", `"ForAnyValue:StringLike":{"aws:TagKeys":["a*"]}`, has("aws:tagkeys", "x", "ab"), true},
		{"not any value", `"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]}`, has("aws:tagkeys", "x"), false},
		{"any of no values", `"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]}`, values{}, false},
		{"any of no values, negated", `"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}`, values{}, false},
		{"any of no values if it exists", `"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":["a"]}`, values{}, true},
		{"any value not", `"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}`, has("aws:tagkeys", "a", "b"), true},
		{"several values, no set", `"StringEquals":{"aws:TagKeys":"b"}`, has("aws:tagkeys", "a", "b"), true},
		{"several values, no set, negated", `"StringNotEquals":{"aws:TagKeys":"b"}`, has("aws:tagkeys", "a", "b"), false},

		{"tag", `"StringEquals":{"s3:ExistingObjectTag/Stage":"prod"}`, has("s3:existingobjecttag/Stage", "prod"), true},
		{"tag's case", `"StringEquals":{"s3:ExistingObjectTag/stage":"prod"}`, has("s3:existingobjecttag/Stage", "prod"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := parsed(t, one(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{`+tt.condition+`}`))
			d, err := p.Evaluate(&Request{Action: "s3:ListBucket", Bucket: "bucket", Context: tt.context})
			if got := d == Allow; got != tt.want || err != nil {
				t.Errorf("%s of %v = %v, %v, want %v", tt.condition, tt.context, got, err, tt.want)
			}
		})
	}
}

// The examples of https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html and their neighbours.
func TestPublic(t *testing.T) {
	t.Parallel()
	allow := func(principal, condition string) string {
		return one(`"Effect":"Allow","Principal":` + principal + `,"Action":"s3:PutObject","Resource":"*","Condition":{` + condition + `}`)
	}
	const everybody = `"*"`
	tests := []struct {
		name   string
		policy string
		want   bool
	}{
		{"everybody", allow(everybody, ``), true},
		{"everybody in a list", allow(`{"AWS":["arn:aws:iam:::user/a","*"]}`, ``), true},
		{"a user", allow(`{"AWS":"arn:aws:iam:::user/a"}`, ``), false},
		{"an account", allow(`{"AWS":"arn:aws:iam::s3tenant1:root"}`, ``), false},
		{"a service", allow(`{"Service":"logging.s3.amazonaws.com"}`, ``), false},
		{"denied", one(`"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*"`), false},
		{"denied to all but one", one(`"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam:::user/a"},"Action":"s3:PutObject","Resource":"*"`), false},
		{"network with wildcard", allow(everybody, `"StringLike":{"aws:SourceVpc":"vpc-*"}`), true},
		{"network", allow(everybody, `"StringEquals":{"aws:SourceVpc":"vpc-91237329"}`), false},
		{"network, like without wildcard", allow(everybody, `"StringLike":{"aws:SourceVpc":"vpc-91237329"}`), false},
		{"network, negated", allow(everybody, `"StringNotEquals":{"aws:SourceVpc":"vpc-91237329"}`), true},
		{"network, if it exists", allow(everybody, `"StringEqualsIfExists":{"aws:SourceVpc":"vpc-91237329"}`), true},
		{"network, all values", allow(everybody, `"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-91237329"}`), true},
		{"network, any value", allow(everybody, `"ForAnyValue:StringEquals":{"aws:SourceVpc":"vpc-91237329"}`), false},
		{"network by variable", allow(everybody, `"StringEquals":{"aws:SourceVpc":"${aws:PrincipalTag/vpc}"}`), true},
		{"one of the values open", allow(everybody, `"StringLike":{"aws:SourceVpc":["vpc-1","vpc-*"]}`), true},
		{"address", allow(everybody, `"IpAddress":{"aws:SourceIp":"10.0.0.0/32"}`), false},
		{"addresses", allow(everybody, `"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]}`), false},
		{"half of all addresses", allow(everybody, `"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}`), true},
		{"as broad as may be", allow(everybody, `"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`), false},
		{"broader", allow(everybody, `"IpAddress":{"aws:SourceIp":"10.0.0.0/7"}`), true},
		{"broad six", allow(everybody, `"IpAddress":{"aws:SourceIp":"2001::/31"}`), true},
		{"all addresses but", allow(everybody, `"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), true},
		{"organisation", allow(everybody, `"StringEquals":{"aws:PrincipalOrgID":"o-1"}`), false},
		{"principal's ARN", allow(everybody, `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::1:user/a"}`), false},
		{"principals' ARN", allow(everybody, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1:user/*"}`), true},
		{"user's id", allow(everybody, `"StringEquals":{"aws:userid":"AIDA"}`), false},
		{"user's id, open", allow(everybody, `"StringLike":{"aws:userid":"AROA:*"}`), true},
		{"access points of an account", allow(everybody, `"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:123456789012:accesspoint/*"}`), false},
		{"access points by text", allow(everybody, `"StringLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:123456789012:accesspoint/*"}`), false},
		{"access points of anybody", allow(everybody, `"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:*:accesspoint/x"}`), true},
		{"other keys do not tell", allow(everybody, `"StringEquals":{"aws:UserAgent":"x"}`), true},
		{"nor do these", allow(everybody, `"Bool":{"aws:SecureTransport":true}`), true},
		{"presence of a key", allow(everybody, `"Null":{"aws:SourceVpc":false}`), true},
		{"two conditions, one of them fixed", allow(everybody, `"Bool":{"aws:SecureTransport":true},"StringEquals":{"aws:SourceVpce":"vpce-1"}`), false},
		{"one public statement of two", `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := parsed(t, tt.policy).Public(); got != tt.want {
				t.Errorf("Public(%s) = %v, want %v", tt.policy, got, tt.want)
			}
		})
	}
}

package policy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzPolicy: whatever the document, parsing and evaluating do not panic, the same document re-encoded means the same, and a policy's size bounds the time.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{
		one(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket*"`),
		one(`"Effect":"Deny","NotPrincipal":{"AWS":["123456789012"]},"NotAction":"s3:Get*","NotResource":"arn:aws:s3:::bucket/${aws:username,'x'}*"`),
		one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:::user/alice"},"Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":["a*b*c?","${aws:username}"]},"NumericLessThan":{"s3:max-keys":10}}`),
		one(`"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"ForAllValues:StringNotEquals":{"s3:RequestObjectTagKeys":"a"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a"},"Null":{"s3:prefix":true},"DateLessThan":{"aws:CurrentTime":"2026-01-01"},"BinaryEquals":{"aws:Referer":"aGVsbG8="}}`),
		`{"Version":"2008-10-17","Id":"x","Statement":[]}`, `{"a":{"b":[1,2,null,true]}}`, "{",
	} {
		f.Add([]byte(s), "dir/key", "alice", "ab")
	}
	f.Fuzz(func(t *testing.T, doc []byte, key, user, v string) {
		p, err := Parse(doc, "bucket")
		if err != nil {
			return
		}
		var tree any
		if err := json.Unmarshal(doc, &tree); err != nil {
			t.Fatalf("Parse accepts what is no JSON: %v", err)
		}
		again, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > MaxSize { // escapes are longer
			return
		}
		q, err := Parse(again, "bucket")
		if err != nil {
			t.Fatalf("re-encoded as %s: %v", again, err)
		}
		if p.Public() != q.Public() {
			t.Fatalf("Public = %v, re-encoded %v", p.Public(), q.Public())
		}
		context := values{"s3:prefix": {v}, "s3:max-keys": {v}, "aws:username": {user}, "aws:sourceip": {"10.1.2.3"}, "aws:principalarn": {"arn:aws:iam::t:user/" + user},
			"aws:currenttime": {"2026-01-01T00:00:00Z"}, "aws:referer": {v}, "s3:requestobjecttagkeys": {v, key}}
		for _, a := range actions() {
			r := Request{Principal: Principal{Account: "t", User: user, ID: canonical}, Action: a.name, Bucket: "bucket", Key: key, Context: context}
			x, err1 := p.Evaluate(&r)
			y, err2 := q.Evaluate(&r)
			if x != y || err1 != nil || err2 != nil {
				t.Fatalf("%s: %v, %v, re-encoded %v, %v", a.name, x, err1, y, err2)
			}
		}
	})
}

// TestMatchesAgreesWithRegexp compares the matcher with another one.
func TestMatchesAgreesWithRegexp(t *testing.T) {
	t.Parallel()
	patterns := []string{"", "*", "?", "a", "a*", "*a", "*a*", "a?c", "a*c", "?*", "*?", "**", "a*b*c", "*ab*ab", "a**b?", "*.é?", "é*"}
	texts := []string{"", "a", "b", "abc", "aXc", "ac", "abab", "abXab", "aabb", "x.éy", "é", "ééé", "a*c", "abcabc", "aab"}
	for _, p := range patterns {
		parsed, err := newPattern(p, true, true)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile("(?s)^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p)) + "$")
		for _, s := range texts {
			if got, want := matches(parsed.parts, s), re.MatchString(s); got != want {
				t.Errorf("matches(%q, %q) = %v, want %v", p, s, got, want)
			}
			if got, want := matches(parsed.parts, []byte(s)), re.MatchString(s); got != want {
				t.Errorf("matches(%q, bytes of %q) = %v, want %v", p, s, got, want)
			}
		}
	}
}

// TestWildcardsTakeBoundedTime is the classic that costs a backtracking matcher years.
func TestWildcardsTakeBoundedTime(t *testing.T) {
	t.Parallel()
	p := parsed(t, one(`"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/`+strings.Repeat("*a", 4000)+`b"`))
	start := time.Now()
	d, err := p.Evaluate(&Request{Action: "s3:GetObject", Bucket: "bucket", Key: strings.Repeat("a", 1024), Context: values{}})
	if d != None || err != nil {
		t.Errorf("Evaluate = %v, %v, want None", d, err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("Evaluate took %v", took)
	}
}

// ten is a policy of 10 statements of common kinds, of which the last one allows.
func ten() string {
	var s []string
	for i := range 4 {
		s = append(s, fmt.Sprintf(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"],"Condition":{"IpAddress":{"aws:SourceIp":"198.51.%d.0/24"}}}`, i))
		s = append(s, fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:::user/user%d"},"Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::bucket/user%d/*"}`, i, i))
	}
	s = append(s, `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*","Condition":{"Bool":{"aws:SecureTransport":false}}}`)
	s = append(s, `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/public/*","Condition":{"StringLike":{"aws:Referer":["https://*.example.com/*"]}}}`)
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(s, ",") + `]}`
}

func tenRequest() *Request {
	return &Request{Principal: alice(), Action: "s3:GetObject", Bucket: "bucket", Key: "public/some/key/of/usual/length.txt",
		Context: values{"aws:sourceip": {"203.0.113.7"}, "aws:securetransport": {"true"}, "aws:referer": {"https://www.example.com/index.html"}}}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	p, r := parsed(t, ten()), tenRequest()
	if d, err := p.Evaluate(r); d != Allow || err != nil {
		t.Fatalf("Evaluate = %v, %v, want Allow", d, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Evaluate(r) }); n != 0 {
		t.Errorf("Evaluate allocates %v times, want 0", n)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p, r := parsed(b, ten()), tenRequest()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := p.Evaluate(r); d != Allow || err != nil {
			b.Fatal(d, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	doc := []byte(ten())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(doc, "bucket"); err != nil {
			b.Fatal(err)
		}
	}
}

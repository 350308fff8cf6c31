package s3

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/opensds/gelato/s3/policy"
)

// What a policy judges is what the operation then does: nothing that a caller adds may show the policy one value and the operation another.
func TestPoliciesJudgeWhatIsServed(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	const all, itself = "arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket"
	g.allow(bucket, statement("Allow", "*", "s3:*", all, ""))
	begun := g.as("other", call{method: "POST", path: "/bucket/mine", query: "uploads"})
	id := url.QueryEscape(between(string(begun.body), "<UploadId>", "</UploadId>"))
	if id == "" {
		t.Fatalf("begin an upload: %d %s", begun.status, begun.body)
	}
	tags := `<Tagging><TagSet><Tag><Key>stage</Key><Value>prod</Value></Tag></TagSet></Tagging>`
	noPublic := statement("Deny", "*", "s3:*", all, `"StringEquals":{"s3:x-amz-acl":"public-read"}`)
	noProd := statement("Deny", "*", "s3:PutObjectTagging", all, `"StringEquals":{"s3:RequestObjectTag/stage":"prod"}`)
	public := map[string]string{"X-Amz-Acl": "public-read"}
	sum := md5Sum(call{body: []byte(tags)}).header
	for _, tt := range []struct {
		name   string
		policy string
		call   call
	}{
		{"two prefixes", statement("Allow", "*", "s3:ListBucket", itself, `"StringLike":{"s3:prefix":"public/*"}`), call{method: "GET", path: "/bucket", query: "prefix=private%2F&prefix=public%2F"}},
		{"two limits", statement("Allow", "*", "s3:ListBucket", itself, `"NumericLessThan":{"s3:max-keys":"5"}`), call{method: "GET", path: "/bucket", query: "max-keys=100&max-keys=4"}},
		{"the beginning of an upload that names another", noPublic, call{method: "POST", path: "/bucket/mine", query: "uploads&uploadId=" + id, header: public}},
		{"a list that names an upload", noPublic, call{method: "PUT", path: "/bucket/public/k", query: "acl&uploadId=" + id, header: public}},
		{"tags of unknown length", noProd, call{method: "PUT", path: "/bucket/public/k", query: "tagging", body: []byte(tags), chunkedTransfer: true, header: sum}},
		{"tags in aws-chunked", noProd, call{method: "PUT", path: "/bucket/public/k", query: "tagging", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
			body: []byte("52\r\n" + tags + "\r\n0\r\n\r\n"), header: with(sum, map[string]string{"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "82"})}},
	} {
		g.allow(bucket, tt.policy, statement("Allow", "*", "s3:*", all, ""))
		if got := g.as("other", tt.call); got.code != "AccessDenied" {
			t.Errorf("%s: got %d %q %s, want AccessDenied", tt.name, got.status, got.code, got.body)
		}
	}
}

// Of a header or parameter that comes twice operations take the first.
func TestConditionKeysHaveOneValue(t *testing.T) {
	t.Parallel()
	r := &request{Request: &http.Request{Header: http.Header{"X-Amz-Acl": {"public-read", "private"}, "X-Amz-Grant-Read": {"a", "b"}, "Referer": {"a", "b"}, "X-Amz-Content-Sha256": {"a", "b"}}}, query: url.Values{"prefix": {"a", "b"}, "delimiter": {"a", "b"}}}
	r.auth.AccessKey = "key"
	c := &conditionKeys{r: r}
	for name, want := range map[string]string{"s3:x-amz-acl": "public-read", "s3:x-amz-grant-read": "a,b", "aws:referer": "a", "s3:prefix": "a", "s3:delimiter": "a", "s3:x-amz-content-sha256": "a"} {
		if got, err := c.Values(policy.Key{Name: name}); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q, %v, want %q alone", name, got, err, want)
		}
	}
}

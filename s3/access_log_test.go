package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/accesslog"
)

// logTo has the requests to a bucket logged in another one, below p/.
func (g *gateway) logTo(source, target string, change func(*types.LoggingEnabled)) error {
	e := &types.LoggingEnabled{TargetBucket: &target, TargetPrefix: aws.String("p/")}
	if change != nil {
		change(e)
	}
	_, err := g.root().PutBucketLogging(g.t.Context(), &awss3.PutBucketLoggingInput{Bucket: &source, BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: e}})
	return err
}

// logLines runs the service until all that was logged is written, and returns the lines in the bucket.
func (g *gateway) logLines(bucket string) (lines []string) {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	cancel()
	if err := g.service.Run(ctx); err != nil {
		g.t.Fatal(err)
	}
	c := g.root()
	list, err := c.ListObjectsV2(g.t.Context(), &awss3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, o := range list.Contents {
		got, err := c.GetObject(g.t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: o.Key})
		if err != nil {
			g.t.Fatal(err)
		}
		body, _ := io.ReadAll(got.Body)
		got.Body.Close()
		lines = append(lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	}
	return lines
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	source, target := g.bucket("source", ""), g.bucket("logs", "")
	if err := g.logTo(source, target, nil); err != nil {
		t.Fatal(err)
	}
	c := g.root()
	put := func(key string) {
		if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &source, Key: &key, Body: strings.NewReader("hello")}); err != nil {
			t.Fatal(err)
		}
	}
	put("a b")
	put("c")
	got, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &source, Key: aws.String("a b"), Range: aws.String("bytes=1-2")})
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, got.Body)
	got.Body.Close()
	_, err = c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: &source, Key: aws.String("d"), CopySource: aws.String("source/c")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.sdk(rootKey, "wrong").GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &source, Key: aws.String("c")})
	wantCode(t, err, "SignatureDoesNotMatch")
	_, err = g.sdk(userKey, userSecret).GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &source, Key: aws.String("c")})
	wantCode(t, err, "AccessDenied")
	a, err := http.Get(g.url + "/source/c")
	if err != nil {
		t.Fatal(err)
	}
	if a.Body.Close(); a.StatusCode != http.StatusForbidden {
		t.Errorf("anonymous: got %d", a.StatusCode)
	}
	_, err = c.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: &source, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("c")}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetBucketLogging(t.Context(), &awss3.GetBucketLoggingInput{Bucket: &source}); err != nil {
		t.Fatal(err)
	}
	root := userid.Of("root")
	const n, rest = `[0-9]+ `, ` - SigV4 - AuthHeader 127\.0\.0\.1:[0-9]+ - - - -$`
	prefix := `^` + root + ` source \[[^]]+\] 127\.0\.0\.1 `
	want := []string{
		prefix + root + ` [0-9A-F]{16} REST\.PUT\.OBJECT a%20b "PUT /source/a%20b\?x-id=PutObject HTTP/1\.1" 200 - - 5 ` + n + n + `"-" "aws-sdk-go[^"]*" -` + rest,
		prefix + root + ` [0-9A-F]{16} REST\.PUT\.OBJECT c `,
		prefix + root + ` [0-9A-F]{16} REST\.GET\.OBJECT a%20b "GET /source/a%20b\?x-id=GetObject HTTP/1\.1" 206 - 2 5 ` + n + n,
		prefix + root + ` [0-9A-F]{16} REST\.COPY\.OBJECT_GET c "PUT /source/d\?x-id=CopyObject HTTP/1\.1" 200 - `,
		prefix + root + ` [0-9A-F]{16} REST\.COPY\.OBJECT d "PUT /source/d\?x-id=CopyObject HTTP/1\.1" 200 - [0-9]+ `,
		prefix + `- [0-9A-F]{16} REST\.GET\.OBJECT c "GET [^"]*" 403 SignatureDoesNotMatch [0-9]+ - `,
		prefix + userid.Of("user") + ` [0-9A-F]{16} REST\.GET\.OBJECT c "GET [^"]*" 403 AccessDenied `,
		prefix + `- [0-9A-F]{16} REST\.GET\.OBJECT c "GET /source/c HTTP/1\.1" 403 AccessDenied [0-9]+ - [0-9]+ [0-9]+ "-" "[^"]+" - - - - - 127`,
		prefix + root + ` [0-9A-F]{16} BATCH\.DELETE\.OBJECT c "POST /source\?delete= HTTP/1\.1" 204 - - - - - `,
		prefix + root + ` [0-9A-F]{16} REST\.POST\.MULTI_OBJECT_DELETE - "POST /source\?delete= HTTP/1\.1" 200 - `,
		prefix + root + ` [0-9A-F]{16} REST\.GET\.LOGGING_STATUS - "GET /source\?logging= HTTP/1\.1" 200 - `,
	}
	lines := g.logLines(target)
	for _, w := range want {
		if !slices.ContainsFunc(lines, regexp.MustCompile(w).MatchString) {
			t.Errorf("no line is %s", w)
		}
	}
	if len(lines) != len(want)+1 { // PutBucketLogging itself may be one
		t.Logf("%d lines", len(lines))
	}
	if t.Failed() {
		t.Log(strings.Join(lines, "\n"))
	}
}

// TestLogsOfTheirOwn: a bucket may be logged in itself. What writes the logs is not logged.
func TestLogsOfTheirOwn(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	b := g.bucket("source", "")
	if err := g.logTo(b, b, nil); err != nil {
		t.Fatal(err)
	}
	before := len(g.blobs("a"))
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.service.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(g.blobs("a")) - before; got > 1 {
		t.Errorf("%d objects were written, want one at most", got)
	}
}

func TestLoggingIsRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("source", "")
	g.bucket("logs", "")
	if _, err := g.sdk(userKey, userSecret).CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("foreign")}); err != nil {
		t.Fatal(err)
	}
	enforced := types.ObjectOwnershipBucketOwnerEnforced
	if _, err := g.root().CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("enforced"), ObjectOwnership: enforced}); err != nil {
		t.Fatal(err)
	}
	grants := func(permission types.BucketLogsPermission, grantee types.Grantee) func(*types.LoggingEnabled) {
		return func(e *types.LoggingEnabled) {
			e.TargetGrants = []types.TargetGrant{{Permission: permission, Grantee: &grantee}}
		}
	}
	user := types.Grantee{Type: types.TypeCanonicalUser, ID: aws.String(userid.Of("user"))}
	for name, c := range map[string]struct {
		target, code string
		change       func(*types.LoggingEnabled)
	}{
		"absent":       {"absent", "InvalidTargetBucketForLogging", nil},
		"no name":      {"A", "InvalidTargetBucketForLogging", nil},
		"foreign":      {"foreign", "InvalidTargetBucketForLogging", nil},
		"enforced":     {"enforced", "InvalidArgument", grants("READ", user)},
		"unknown user": {"logs", "InvalidArgument", grants("READ", types.Grantee{Type: types.TypeCanonicalUser, ID: aws.String("nobody")})},
		"bad right":    {"logs", "MalformedXML", grants("WRITE_ACP", user)},
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, g.logTo("source", c.target, c.change), c.code)
		})
	}
	for _, email := range []types.Grantee{user, {Type: types.TypeAmazonCustomerByEmail, EmailAddress: aws.String("user@example.com")}} {
		if err := g.logTo("source", "logs", grants("READ", email)); err != nil {
			t.Fatal(err)
		}
		got, err := g.root().GetBucketLogging(t.Context(), &awss3.GetBucketLoggingInput{Bucket: aws.String("source")})
		if err != nil {
			t.Fatal(err)
		}
		if e := got.LoggingEnabled; e == nil || len(e.TargetGrants) != 1 || e.TargetGrants[0].Grantee.Type != types.TypeCanonicalUser || *e.TargetGrants[0].Grantee.ID != *user.ID {
			t.Errorf("got %+v", e)
		}
	}
	if lines := g.logLines("logs"); len(lines) == 0 {
		t.Error("nothing was logged")
	}
	list, err := g.root().ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("logs")})
	if err != nil || len(list.Contents) == 0 {
		t.Fatalf("%v %v", list, err)
	}
	if _, err := g.sdk(userKey, userSecret).HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String("logs"), Key: list.Contents[0].Key}); err != nil {
		t.Errorf("a grantee cannot read: %v", err)
	}
	if _, err := g.root().PutBucketLogging(t.Context(), &awss3.PutBucketLoggingInput{Bucket: aws.String("source"), BucketLoggingStatus: &types.BucketLoggingStatus{}}); err != nil {
		t.Fatal(err)
	}
	got, err := g.root().GetBucketLogging(t.Context(), &awss3.GetBucketLoggingInput{Bucket: aws.String("source")})
	if err != nil || got.LoggingEnabled != nil {
		t.Errorf("got %+v, %v, want nothing", got.LoggingEnabled, err)
	}
}

// TestRequestsDoNotWaitForLogs: while nobody takes the records, requests go on and losses are counted.
func TestRequestsDoNotWaitForLogs(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{AccessLogs: accesslog.Options{Waiting: 1}})
	if err := g.logTo(g.bucket("source", ""), g.bucket("logs", ""), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 10 {
		if _, err := g.root().PutObject(ctx, &awss3.PutObjectInput{Bucket: aws.String("source"), Key: aws.String(fmt.Sprint(i)), Body: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
	}
}

package s3

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestWebsiteConfiguration(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("site", ""), g.root(), t.Context()
	_, err := c.GetBucketWebsite(ctx, &awss3.GetBucketWebsiteInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchWebsiteConfiguration")
	put := func(w types.WebsiteConfiguration) error {
		_, err := c.PutBucketWebsite(ctx, &awss3.PutBucketWebsiteInput{Bucket: &bucket, WebsiteConfiguration: &w})
		return err
	}
	w := types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: aws.String("i.html")}, ErrorDocument: &types.ErrorDocument{Key: aws.String("e.html")},
		RoutingRules: []types.RoutingRule{{Condition: &types.Condition{KeyPrefixEquals: aws.String("a/")}, Redirect: &types.Redirect{ReplaceKeyPrefixWith: aws.String("b/"), Protocol: types.ProtocolHttps}}}}
	if err := put(w); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put(types.WebsiteConfiguration{ErrorDocument: w.ErrorDocument}), "InvalidArgument")
	out, err := c.GetBucketWebsite(ctx, &awss3.GetBucketWebsiteInput{Bucket: &bucket})
	if err != nil || *out.IndexDocument.Suffix != "i.html" || *out.ErrorDocument.Key != "e.html" || *out.RoutingRules[0].Condition.KeyPrefixEquals != "a/" ||
		*out.RoutingRules[0].Redirect.ReplaceKeyPrefixWith != "b/" || out.RoutingRules[0].Redirect.Protocol != "https" {
		t.Errorf("got %+v, %v", out, err)
	}
	if _, err := c.DeleteBucketWebsite(ctx, &awss3.DeleteBucketWebsiteInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketWebsite(ctx, &awss3.GetBucketWebsiteInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchWebsiteConfiguration")
}

func TestWebsiteRedirectLocation(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("site", ""), g.root(), t.Context()
	want := func(key, location string) {
		t.Helper()
		head, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if err != nil || aws.ToString(head.WebsiteRedirectLocation) != location {
			t.Errorf("%s: got %q, %v, want %q", key, aws.ToString(head.WebsiteRedirectLocation), err, location)
		}
	}
	put := func(location string) error {
		_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("x"), WebsiteRedirectLocation: &location})
		return err
	}
	if err := put("/other page"); err != nil {
		t.Fatal(err)
	}
	want("k", "/other page")
	wantCode(t, put("other"), "InvalidRedirectLocation")
	wantCode(t, put("/"+strings.Repeat("x", 2048)), "InvalidRedirectLocation")
	copyIt := func(key string, location *string) {
		t.Helper()
		if _, err := c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &bucket, Key: &key, CopySource: aws.String(bucket + "/k"), WebsiteRedirectLocation: location}); err != nil {
			t.Fatal(err)
		}
	}
	copyIt("copy", nil) // it belongs to one object and does not travel
	want("copy", "")
	copyIt("k", aws.String("https://h.example/")) // onto itself, with this changed
	want("k", "https://h.example/")
	up, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("parts"), WebsiteRedirectLocation: aws.String("/p")})
	if err != nil {
		t.Fatal(err)
	}
	part, err := c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &bucket, Key: up.Key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &bucket, Key: up.Key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}}); err != nil {
		t.Fatal(err)
	}
	want("parts", "/p")
}

// A website as a browser sees it. One bucket lets everyone read, another one nobody.
func TestWebsite(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Websites: []string{"web.example"}, Domains: []string{"s3.example"}})
	const config = `<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>oops.html</Key></ErrorDocument><RoutingRules>
		<RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith></Redirect></RoutingRule>
		<RoutingRule><Condition><KeyPrefixEquals>lost/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><HostName>h.example</HostName><Protocol>https</Protocol><HttpRedirectCode>302</HttpRedirectCode><ReplaceKeyWith>found me</ReplaceKeyWith></Redirect></RoutingRule>
		</RoutingRules></WebsiteConfiguration>`
	allow := func(bucket, action, resource string) string {
		return `{"Effect":"Allow","Principal":"*","Action":"` + action + `","Resource":"arn:aws:s3:::` + bucket + resource + `"}`
	}
	do := func(c call) {
		t.Helper()
		if a := g.send(c); a.status >= 300 {
			t.Fatal(c.path, c.query, a, a.message)
		}
	}
	site := func(name, config, statements string) {
		t.Helper()
		g.bucket(name, "")
		if config != "" {
			do(md5Sum(call{method: "PUT", path: "/" + name, query: "website=", body: []byte(config)}))
		}
		if statements != "" {
			do(md5Sum(call{method: "PUT", path: "/" + name, query: "policy=", body: []byte(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)}))
		}
	}
	site("open", config, allow("open", "s3:GetObject", "/*")+","+allow("open", "s3:ListBucket", ""))
	site("unlisted", config, allow("unlisted", "s3:GetObject", "/*"))
	site("shut", config, "")
	site("plain", "", "")
	site("bare", `<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument><ErrorDocument><Key>absent.html</Key></ErrorDocument></WebsiteConfiguration>`, allow("bare", "s3:*", "/*")+","+allow("bare", "s3:*", ""))
	site("moved", `<WebsiteConfiguration><RedirectAllRequestsTo><HostName>www.example:8080</HostName></RedirectAllRequestsTo></WebsiteConfiguration>`, "")
	for _, b := range []string{"open", "unlisted", "shut"} {
		for key, text := range map[string]string{"index.html": "home", "docs/index.html": "docs", "page.html": "page", "oops.html": "sorry", "docs page": "spaced"} {
			do(call{method: "PUT", path: "/" + b + "/" + strings.ReplaceAll(key, " ", "%20"), body: []byte(text), header: map[string]string{"Content-Type": "text/html"}})
		}
	}
	do(call{method: "PUT", path: "/open/away", body: []byte("not shown"), header: map[string]string{"X-Amz-Website-Redirect-Location": "https://h.example/x"}})
	do(md5Sum(call{method: "PUT", path: "/open", query: "cors=", body: []byte(`<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`)}))

	for name, k := range map[string]struct {
		method, bucket, path string
		header               map[string]string
		status               int
		body                 string // whole, or with "..." before it a part of it
		location, code       string
	}{
		"home":                  {"GET", "open", "/", nil, 200, "home", "", ""},
		"home, nobody lists":    {"GET", "unlisted", "/", nil, 200, "home", "", ""},
		"page":                  {"GET", "open", "/page.html", nil, 200, "page", "", ""},
		"query says nothing":    {"GET", "open", "/page.html?acl&versionId=x&list-type=2", nil, 200, "page", "", ""},
		"page with a space":     {"GET", "open", "/docs%20page", nil, 200, "spaced", "", ""},
		"part of a page":        {"GET", "open", "/page.html", map[string]string{"Range": "bytes=1-2"}, 206, "ag", "", ""},
		"as before":             {"GET", "open", "/page.html", map[string]string{"If-Modified-Since": "Fri, 01 Jan 2999 00:00:00 GMT"}, 304, "", "", ""},
		"HEAD":                  {"HEAD", "open", "/page.html", nil, 200, "", "", ""},
		"folder":                {"GET", "open", "/docs/", nil, 200, "docs", "", ""},
		"folder without slash":  {"GET", "open", "/docs", nil, 302, "", "/docs/", ""},
		"folder, nobody lists":  {"GET", "unlisted", "/docs", nil, 302, "", "/docs/", ""},
		"absent":                {"GET", "open", "/absent", nil, 404, "sorry", "", "NoSuchKey"},
		"absent, range":         {"GET", "open", "/absent", map[string]string{"Range": "bytes=1-2", "If-None-Match": "*"}, 404, "sorry", "", "NoSuchKey"},
		"absent, HEAD":          {"HEAD", "open", "/absent", nil, 404, "", "", "NoSuchKey"},
		"absent, nobody lists":  {"GET", "unlisted", "/absent", nil, 403, "sorry", "", "AccessDenied"},
		"absent folder":         {"GET", "open", "/absent/", nil, 404, "sorry", "", "NoSuchKey"},
		"routed":                {"GET", "open", "/old/a%20b", nil, 301, "", "http://open.web.example/new/a%20b", ""},
		"routed for its error":  {"GET", "open", "/lost/x", nil, 302, "", "https://h.example/found%20me", ""},
		"object sends away":     {"GET", "open", "/away", nil, 301, "", "https://h.example/x", ""},
		"all sent away":         {"GET", "moved", "/a%20b?c", nil, 301, "", "http://www.example:8080/a%20b", ""},
		"behind TLS":            {"GET", "moved", "/a", map[string]string{"X-Forwarded-Proto": "https"}, 301, "", "https://www.example:8080/a", ""},
		"nobody reads":          {"GET", "shut", "/page.html", nil, 403, "...<li>Code: AccessDenied</li>", "", "AccessDenied"},
		"signed all the same":   {"GET", "shut", "/page.html", map[string]string{"Authorization": "AWS4-HMAC-SHA256 x"}, 403, "...Code: AccessDenied", "", "AccessDenied"},
		"no website":            {"GET", "plain", "/", nil, 404, "...<li>Code: NoSuchWebsiteConfiguration</li><li>Message: The specified bucket does not have a website configuration</li>", "", "NoSuchWebsiteConfiguration"},
		"no bucket":             {"GET", "nowhere", "/", nil, 404, "...<title>404 Not Found</title>", "", "NoSuchBucket"},
		"no page for the error": {"GET", "bare", "/a&b", nil, 404, "...<li>Key: a&amp;b</li>", "", "NoSuchKey"},
		"which is told":         {"GET", "bare", "/", nil, 404, "...Retrieve a Custom Error Document</h3><ul><li>Code: NoSuchKey</li><li>Message: The specified key does not exist.</li><li>Key: absent.html</li>", "", "NoSuchKey"},
		"PUT":                   {"PUT", "open", "/page.html", nil, 405, "...Code: MethodNotAllowed", "", "MethodNotAllowed"},
		"not a form either":     {"POST", "open", "/", nil, 405, "...Code: MethodNotAllowed", "", "MethodNotAllowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := g.send(call{method: k.method, path: k.path, unsigned: true, header: k.header, host: k.bucket + ".web.example"})
			text := string(a.body)
			part, partial := strings.CutPrefix(k.body, "...")
			if a.status != k.status || !partial && text != k.body || !strings.Contains(text, part) {
				t.Errorf("got %d %q, want %d %q", a.status, text, k.status, k.body)
			}
			if partial && !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				t.Errorf("Content-Type %q", a.header.Get("Content-Type"))
			}
			if got := a.header.Get("Location"); got != k.location {
				t.Errorf("Location %q, want %q", got, k.location)
			}
			if got := a.header.Get("X-Amz-Error-Code"); got != k.code && k.code != "" || k.code == "" && a.status < 400 && got != "" {
				t.Errorf("x-amz-error-code %q, want %q", got, k.code)
			}
		})
	}
	if a := g.send(call{method: "GET", path: "/page.html", unsigned: true, host: "open.web.example:8090", header: map[string]string{"Origin": "https://page.example"}}); a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("from a page: %v", a.header)
	}
	if a := g.send(call{method: "GET", path: "/open/page.html", host: "web.example"}); a.status != http.StatusOK || string(a.body) != "page" {
		t.Errorf("the domain itself is no website: got %v %s", a, a.body)
	}
}

func TestRequestPayment(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("paid", ""), g.root(), t.Context()
	g.send(call{method: "PUT", path: "/paid/k", body: []byte("bytes")})
	if a := g.send(md5Sum(call{method: "PUT", path: "/paid", query: "policy=", body: []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::paid","arn:aws:s3:::paid/*"]}]}`)})); a.status >= 300 {
		t.Fatal(a, a.message)
	}
	payer := func() types.Payer {
		t.Helper()
		out, err := c.GetBucketRequestPayment(ctx, &awss3.GetBucketRequestPaymentInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		return out.Payer
	}
	put := func(p types.Payer) error {
		_, err := c.PutBucketRequestPayment(ctx, &awss3.PutBucketRequestPaymentInput{Bucket: &bucket, RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: p}})
		return err
	}
	if got := payer(); got != types.PayerBucketOwner {
		t.Errorf("at first: %s", got)
	}
	get := call{method: "GET", path: "/paid/k", access: userKey, secret: userSecret}
	paying, nobody := get, get
	paying.header = map[string]string{"X-Amz-Request-Payer": "requester"}
	nobody.unsigned, nobody.header = true, paying.header
	check := func(name string, c call, want, charged string) {
		t.Helper()
		if a := g.send(c); a.String() != want || a.header.Get("X-Amz-Request-Charged") != charged {
			t.Errorf("%s: got %v, charged %q, want %s, %q", name, a, a.header.Get("X-Amz-Request-Charged"), want, charged)
		}
	}
	check("owner pays", paying, "200", "")
	if err := put(types.PayerRequester); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("Nobody"), "MalformedXML")
	if got := payer(); got != types.PayerRequester {
		t.Errorf("then: %s", got)
	}
	check("silent", get, "403 AccessDenied", "")
	check("paying", paying, "200", "requester")
	check("anonymous", nobody, "403 AccessDenied", "")
	check("owner", call{method: "GET", path: "/paid/k"}, "200", "")
	copying := call{method: "PUT", path: "/own/k", access: userKey, secret: userSecret, header: map[string]string{"X-Amz-Copy-Source": "/paid/k"}}
	if a := g.send(call{method: "PUT", path: "/own", access: userKey, secret: userSecret}); a.status != 200 {
		t.Fatal(a)
	}
	check("copying", copying, "403 AccessDenied", "")
	copying.header["X-Amz-Request-Payer"] = "requester"
	check("copying, paying", copying, "200", "")
}

func TestAcceleration(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, dotted, c, ctx := g.bucket("fast", ""), g.bucket("fa.st", ""), g.root(), t.Context()
	status := func() types.BucketAccelerateStatus {
		t.Helper()
		out, err := c.GetBucketAccelerateConfiguration(ctx, &awss3.GetBucketAccelerateConfigurationInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		return out.Status
	}
	put := func(bucket string, s types.BucketAccelerateStatus) error {
		_, err := c.PutBucketAccelerateConfiguration(ctx, &awss3.PutBucketAccelerateConfigurationInput{Bucket: &bucket, AccelerateConfiguration: &types.AccelerateConfiguration{Status: s}})
		return err
	}
	if got := status(); got != "" {
		t.Errorf("at first: %q", got)
	}
	if err := put(bucket, types.BucketAccelerateStatusEnabled); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put(bucket, "On"), "MalformedXML")
	wantCode(t, put(dotted, types.BucketAccelerateStatusEnabled), "InvalidRequest")
	if got := status(); got != types.BucketAccelerateStatusEnabled {
		t.Errorf("then: %q", got)
	}
}

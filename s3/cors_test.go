package s3

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestCORSConfiguration(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("shared", ""), g.root(), t.Context()
	_, err := c.GetBucketCors(ctx, &awss3.GetBucketCorsInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchCORSConfiguration")
	rule := types.CORSRule{ID: aws.String("one"), AllowedMethods: []string{"PUT", "GET"}, AllowedOrigins: []string{"https://*.example"}, AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: aws.Int32(0)}
	put := func(r types.CORSRule) error {
		_, err := c.PutBucketCors(ctx, &awss3.PutBucketCorsInput{Bucket: &bucket, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{r}}})
		return err
	}
	if err := put(rule); err != nil {
		t.Fatal(err)
	}
	bad := rule
	bad.AllowedMethods = []string{"PATCH"}
	wantCode(t, put(bad), "InvalidRequest")
	out, err := c.GetBucketCors(ctx, &awss3.GetBucketCorsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	got := out.CORSRules[0]
	if len(out.CORSRules) != 1 || *got.ID != "one" || strings.Join(got.AllowedMethods, " ") != "PUT GET" || got.AllowedOrigins[0] != "https://*.example" || got.AllowedHeaders[0] != "*" || got.ExposeHeaders[0] != "ETag" || *got.MaxAgeSeconds != 0 {
		t.Errorf("got %+v", got)
	}
	if _, err := c.DeleteBucketCors(ctx, &awss3.DeleteBucketCorsInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketCors(ctx, &awss3.GetBucketCorsInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchCORSConfiguration")
	_, err = g.sdk(userKey, userSecret).GetBucketCors(ctx, &awss3.GetBucketCorsInput{Bucket: &bucket})
	wantCode(t, err, "AccessDenied")
}

// What a browser sends and looks at.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Domains: []string{"s3.example"}})
	g.bucket("shared", "")
	g.bucket("closed", "")
	g.send(call{method: "PUT", path: "/shared/k", body: []byte("bytes")})
	if a := g.send(md5Sum(call{method: "PUT", path: "/shared", query: "cors=", body: []byte(`<CORSConfiguration>
		<CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://page.example</AllowedOrigin><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule>
		<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`)})); a.status != 200 {
		t.Fatal(a, a.message)
	}
	const vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
	page := map[string]string{"Access-Control-Allow-Origin": "https://page.example", "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Methods": "PUT, GET",
		"Access-Control-Expose-Headers": "ETag", "Access-Control-Max-Age": "600", "Vary": vary}
	anyone := map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET", "Vary": vary}
	none := map[string]string{}
	with := func(m map[string]string, name, value string) map[string]string {
		m = maps.Clone(m)
		m[name] = value
		return m
	}
	ask := func(path, origin, method, headers string) call {
		c := call{method: "OPTIONS", path: path, unsigned: true, header: map[string]string{}}
		for name, value := range map[string]string{"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers} {
			if value != "" {
				c.header[name] = value
			}
		}
		return c
	}
	from := func(method, path, origin string) call {
		return call{method: method, path: path, header: map[string]string{"Origin": origin}}
	}
	unsigned := func(c call) call {
		c.unsigned = true
		return c
	}
	hosted := ask("/k", "https://page.example", "PUT", "")
	hosted.host = "shared.s3.example"
	for name, k := range map[string]struct {
		c       call
		want    string
		headers map[string]string
	}{
		"preflight":                  {ask("/shared/new", "https://page.example", "PUT", ""), "200", page},
		"preflight with headers":     {ask("/shared/new", "https://page.example", "PUT", "X-Amz-Date, x-amz-acl"), "200", with(page, "Access-Control-Allow-Headers", "x-amz-date, x-amz-acl")},
		"preflight of a bucket":      {ask("/shared?list-type=2", "https://page.example", "GET", ""), "200", page},
		"preflight of a subresource": {ask("/shared/k?acl", "https://page.example", "PUT", ""), "200", page},
		"preflight by host":          {hosted, "200", page},
		"preflight of anyone":        {ask("/shared/k", "https://other.example", "GET", ""), "200", anyone},
		"another method":             {ask("/shared/k", "https://other.example", "PUT", ""), "403 AccessForbidden", with(none, "Vary", vary)},
		"another header":             {ask("/shared/k", "https://page.example", "PUT", "x-other"), "403 AccessForbidden", with(none, "Vary", vary)},
		"no rules":                   {ask("/closed/k", "https://page.example", "PUT", ""), "403 AccessForbidden", none},
		"no bucket":                  {ask("/absent/k", "https://page.example", "PUT", ""), "403 AccessForbidden", none},
		"no origin":                  {ask("/shared/k", "", "PUT", ""), "400 BadRequest", none},
		"no method":                  {ask("/shared/k", "https://page.example", "", ""), "400 BadRequest", none},
		"unknown method":             {ask("/shared/k", "https://page.example", "PATCH", ""), "400 BadRequest", none},
		"service":                    {ask("/", "https://page.example", "GET", ""), "405 MethodNotAllowed", none},

		"GET":                     {from("GET", "/shared/k", "https://page.example"), "200", page},
		"GET of anyone":           {from("GET", "/shared/k", "https://other.example"), "200", anyone},
		"GET without an origin":   {call{method: "GET", path: "/shared/k"}, "200", with(none, "Vary", vary)},
		"PUT":                     {from("PUT", "/shared/put", "https://page.example"), "200", page},
		"PUT not allowed":         {from("PUT", "/shared/put", "https://other.example"), "200", with(none, "Vary", vary)},
		"absent key":              {from("GET", "/shared/absent", "https://page.example"), "404 NoSuchKey", page},
		"anonymous, refused":      {unsigned(from("GET", "/shared/k", "https://page.example")), "403 AccessDenied", page},
		"wrong secret":            {call{method: "GET", path: "/shared/k", access: rootKey, secret: "wrong", header: map[string]string{"Origin": "https://page.example"}}, "403 SignatureDoesNotMatch", page},
		"a bucket without rules":  {from("PUT", "/closed/k", "https://page.example"), "200", none},
		"GET that says preflight": {call{method: "GET", path: "/shared/k", header: map[string]string{"Origin": "https://other.example", "Access-Control-Request-Method": "PUT"}}, "200", with(none, "Vary", vary)},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.send(k.c)
			if a.String() != k.want {
				t.Errorf("got %v %q, want %s", a, a.message, k.want)
			}
			got := map[string]string{}
			for name := range a.header {
				if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
					got[name] = strings.Join(a.header[name], "; ")
				}
			}
			if !maps.Equal(got, k.headers) {
				t.Errorf("got %v, want %v", got, k.headers)
			}
			if a.code == "AccessForbidden" && !(strings.HasPrefix(a.message, "CORSResponse: ") && strings.Contains(string(a.body), "<Method>PUT</Method><ResourceType>OBJECT</ResourceType>")) {
				t.Errorf("got %s", a.body)
			}
		})
	}
}

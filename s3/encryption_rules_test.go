package s3

import (
	"bytes"
	"encoding/base64"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/s3/keyring"
	"github.com/opensds/gelato/s3/sse"
)

func TestEncryptionRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t)})
	g.bucket("refused", "a")
	own := customerHeaders(ownCustomer, 1)
	without := func(name string) map[string]string {
		m := maps.Clone(own)
		delete(m, ownCustomer+name)
		return m
	}
	json := base64.StdEncoding.EncodeToString([]byte(`{"a":"b"}`))
	for name, c := range map[string]struct {
		header map[string]string
		want   string
	}{
		"unknown method":        {map[string]string{sseHeader: "aes:kms"}, "400 InvalidArgument"},
		"dsse":                  {map[string]string{sseHeader: "aws:kms:dsse"}, "501 NotImplemented"},
		"key id of SSE-S3":      {map[string]string{sseHeader: "AES256", sseKeyHeader: "k"}, "400 InvalidArgument"},
		"key id alone":          {map[string]string{sseKeyHeader: "k"}, "400 InvalidArgument"},
		"context alone":         {map[string]string{sseContextHeader: json}, "400 InvalidArgument"},
		"both":                  {with(own, map[string]string{sseHeader: "AES256"}), "400 InvalidArgument"},
		"both, KMS":             {with(own, map[string]string{sseHeader: "aws:kms", sseKeyHeader: "k"}), "400 InvalidArgument"},
		"no such key":           {map[string]string{sseHeader: "aws:kms", sseKeyHeader: "none"}, "400 KMS.NotFoundException"},
		"the service's key":     {map[string]string{sseHeader: "aws:kms", sseKeyHeader: keyring.ServiceKey}, "400 KMS.NotFoundException"},
		"disabled key":          {map[string]string{sseHeader: "aws:kms", sseKeyHeader: "off"}, "400 KMS.DisabledException"},
		"context of no base64":  {map[string]string{sseHeader: "aws:kms", sseContextHeader: "{"}, "400 InvalidArgument"},
		"context of no object":  {map[string]string{sseHeader: "aws:kms", sseContextHeader: base64.StdEncoding.EncodeToString([]byte("[1]"))}, "400 InvalidArgument"},
		"bucket key":            {map[string]string{sseHeader: "aws:kms", sseBucketHeader: "perhaps"}, "400 InvalidArgument"},
		"no algorithm":          {without("Algorithm"), "400 InvalidArgument"},
		"no customer key":       {without("Key"), "400 InvalidArgument"},
		"no MD5":                {without("Key-Md5"), "400 InvalidArgument"},
		"other algorithm":       {with(own, map[string]string{ownCustomer + "Algorithm": "AES192"}), "400 InvalidEncryptionAlgorithmError"},
		"short customer key":    {with(own, map[string]string{ownCustomer + "Key": "AAAA"}), "400 InvalidArgument"},
		"no base64":             {with(own, map[string]string{ownCustomer + "Key": "!"}), "400 InvalidArgument"},
		"other MD5":             {with(own, map[string]string{ownCustomer + "Key-Md5": "AAAAAAAAAAAAAAAAAAAAAA=="}), "400 InvalidArgument"},
		"through a plain proxy": {with(own, map[string]string{"X-Forwarded-Proto": "http"}), "400 InvalidRequest"},
		"through a TLS proxy":   {with(own, map[string]string{"X-Forwarded-Proto": "https"}), "200"},
		"default key":           {map[string]string{sseHeader: "aws:kms"}, "200"},
		"context":               {map[string]string{sseHeader: "aws:kms", sseContextHeader: json, sseBucketHeader: "true"}, "200"},
	} {
		a := g.send(call{method: "PUT", path: "/refused/k", body: []byte("x"), header: c.header})
		if a.String() != c.want {
			t.Errorf("%s: %v %s, want %s", name, a, a.message, c.want)
		}
		if b := g.send(call{method: "POST", path: "/refused/k", query: "uploads", header: c.header}); b.String() != c.want {
			t.Errorf("%s, an upload: %v, want %s", name, b, c.want)
		}
		if name == "context" && (a.header.Get(sseContextHeader) != json || a.header.Get(sseBucketHeader) != "true") {
			t.Errorf("context: %v", a.header)
		}
		if name == "default key" && a.header.Get(sseKeyHeader) != keyring.DefaultKey {
			t.Errorf("default key: %v", a.header)
		}
	}
	put := func(key string, h map[string]string) {
		if a := g.send(call{method: "PUT", path: "/refused/" + key, body: []byte("secret"), header: h}); a.status != 200 {
			t.Fatalf("%s: %v", key, a)
		}
	}
	put("plain", nil)
	put("s3", map[string]string{sseHeader: "AES256"})
	put("own", own)
	for _, c := range []struct {
		key    string
		header map[string]string
		want   string
	}{
		{"own", nil, "400 InvalidRequest"},
		{"own", customerHeaders(ownCustomer, 2), "403 AccessDenied"},
		{"own", without("Key"), "400 InvalidArgument"},
		{"own", without("Key-Md5"), "200"}, // as S3 has it
		{"own", own, "200"},
		{"plain", own, "400 InvalidRequest"},
		{"s3", own, "400 InvalidRequest"},
		{"s3", map[string]string{sseHeader: "AES256"}, "400 InvalidArgument"},
		{"plain", map[string]string{sseHeader: "aws:kms", sseKeyHeader: "k"}, "400 InvalidArgument"},
	} {
		a := g.send(call{method: "GET", path: "/refused/" + c.key, header: c.header})
		if a.String() != c.want {
			t.Errorf("GET %s with %v: %v %s, want %s", c.key, c.header, a, a.message, c.want)
		}
		if b := g.send(call{method: "HEAD", path: "/refused/" + c.key, header: c.header}); b.status != a.status {
			t.Errorf("HEAD %s with %v: %v, GET %v", c.key, c.header, b, a)
		}
	}
}

func TestCustomerKeysNeedAPrivateConnection(t *testing.T) {
	t.Parallel()
	s := &Service{}
	for _, c := range []struct {
		from, proto string
		options     Options
		want        bool
	}{
		{"127.0.0.1:9", "", Options{}, true}, {"[::1]:9", "https", Options{}, true}, {"127.0.0.1:9", "http", Options{}, false},
		{"192.0.2.1:9", "", Options{}, false}, {"192.0.2.1:9", "https", Options{}, false},
		{"192.0.2.1:9", "https", Options{TrustedProxies: prefixes("192.0.2.0/24")}, true}, {"[::ffff:192.0.2.1]:9", "https", Options{TrustedProxies: prefixes("192.0.2.0/24")}, true},
		{"192.0.2.1:9", "", Options{TrustedProxies: prefixes("192.0.2.0/24")}, false}, {"192.0.3.1:9", "https", Options{TrustedProxies: prefixes("192.0.2.0/24")}, false},
		{"192.0.2.1:9", "", Options{PlainCustomerKeys: true}, true}, {"nonsense", "https", Options{}, false},
	} {
		s.o = c.options
		r := &request{Request: &http.Request{RemoteAddr: c.from, Header: http.Header{}}}
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		if got := s.private(r); got != c.want {
			t.Errorf("from %s by %q, %+v: %v, want %v", c.from, c.proto, c.options, got, c.want)
		}
	}
}

// TestTamperedBlob changes a blob behind the gateway's back: nothing that was changed is given out.
func TestTamperedBlob(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t)})
	g.bucket("tampered", "a")
	want := data(6, 3*sse.SegmentSize)
	if a := g.send(call{method: "PUT", path: "/tampered/k", body: want, header: map[string]string{sseHeader: "AES256"}}); a.status != 200 {
		t.Fatal(a)
	}
	blob := g.blob("tampered", "k", "a")
	blob[len(blob)-1] ^= 1
	_, o := g.head("tampered", "k")
	if _, err := g.store("a").Put(t.Context(), o.Location.NativeKey, bytes.NewReader(blob), int64(len(blob)), adapters.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if a := g.send(call{method: "GET", path: "/tampered/k", header: map[string]string{"Range": "bytes=0-9"}}); a.status != 206 || !bytes.Equal(a.body, want[:10]) {
		t.Errorf("a segment that nobody changed: %v", a)
	}
	resp, err := http.DefaultClient.Do(g.request(call{method: "GET", path: "/tampered/k"}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil || !bytes.Equal(got, want[:len(got)]) || len(got) > 2*sse.SegmentSize {
		t.Errorf("%d bytes, %v; want at most two segments and a broken connection", len(got), err)
	}
}

func TestRotatedAndDisabledKeys(t *testing.T) {
	t.Parallel()
	ring := testRing(t)
	g := newGateway(t, Options{Keyring: ring})
	g.bucket("rotated", "a")
	h := map[string]string{sseHeader: "aws:kms", sseKeyHeader: "k"}
	for _, key := range []string{"one", "two"} {
		if a := g.send(call{method: "PUT", path: "/rotated/" + key, body: []byte(key), header: h}); a.status != 200 {
			t.Fatal(a)
		}
		if _, err := ring.Rotate("k"); err != nil {
			t.Fatal(err)
		}
	}
	read := func(want string) {
		t.Helper()
		for _, key := range []string{"one", "two"} {
			if a := g.send(call{method: "GET", path: "/rotated/" + key}); a.String() != want || want == "200" && string(a.body) != key {
				t.Errorf("%s: %v, want %s", key, a, want)
			}
		}
	}
	read("200")
	if _, err := ring.SetEnabled("k", false); err != nil {
		t.Fatal(err)
	}
	read("400 KMS.DisabledException")
	if _, err := ring.SetEnabled("k", true); err != nil {
		t.Fatal(err)
	}
	read("200")
	_, one := g.head("rotated", "one")
	_, two := g.head("rotated", "two")
	a, err := sse.Decode(one.Encryption)
	b, err2 := sse.Decode(two.Encryption)
	if err != nil || err2 != nil || a.KeyVersion != 1 || b.KeyVersion != 2 {
		t.Errorf("versions %d and %d, %v, %v", a.KeyVersion, b.KeyVersion, err, err2)
	}
}

func TestBucketEncryption(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t)})
	g.bucket("default", "a")
	config := func(rule string) string {
		return `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>` + rule + `</Rule></ServerSideEncryptionConfiguration>`
	}
	apply := func(inner string) string {
		return "<ApplyServerSideEncryptionByDefault>" + inner + "</ApplyServerSideEncryptionByDefault>"
	}
	set := func(text string) reply {
		return g.send(call{method: "PUT", path: "/default", query: "encryption=", body: []byte(text)})
	}
	ask := func() reply { return g.send(call{method: "GET", path: "/default", query: "encryption="}) }
	put := func(h map[string]string) http.Header {
		t.Helper()
		a := g.send(call{method: "PUT", path: "/default/k", body: []byte("x"), header: h})
		if a.status != 200 {
			t.Fatalf("put: %v %s", a, a.message)
		}
		return a.header
	}
	if a := ask(); a.String() != "404 ServerSideEncryptionConfigurationNotFoundError" {
		t.Errorf("at first: %v", a)
	}
	wantShown(t, "at first", put(nil), nil)
	for name, c := range map[string]struct{ text, want string }{
		"no rule":          {`<ServerSideEncryptionConfiguration/>`, "400 MalformedXML"},
		"empty rule":       {config(""), "400 MalformedXML"},
		"no algorithm":     {config(apply("")), "400 MalformedXML"},
		"other algorithm":  {config(apply("<SSEAlgorithm>AES</SSEAlgorithm>")), "400 MalformedXML"},
		"key of AES256":    {config(apply("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>")), "400 InvalidArgument"},
		"dsse":             {config(apply("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>")), "501 NotImplemented"},
		"unknown element":  {config(apply("<SSEAlgorithm>AES256</SSEAlgorithm><X/>")), "400 MalformedXML"},
		"unknown blocking": {config("<BlockedEncryptionTypes><EncryptionType>X</EncryptionType></BlockedEncryptionTypes>"), "400 MalformedXML"},
		"no XML":           {"x", "400 MalformedXML"},
	} {
		if a := set(c.text); a.String() != c.want {
			t.Errorf("%s: %v, want %s", name, a, c.want)
		}
	}
	for _, c := range []struct {
		rule  string
		shown map[string]string
	}{
		{apply("<SSEAlgorithm>AES256</SSEAlgorithm>"), map[string]string{sseHeader: "AES256"}},
		{apply("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>") + "<BucketKeyEnabled>true</BucketKeyEnabled>",
			map[string]string{sseHeader: "aws:kms", sseKeyHeader: "k", sseBucketHeader: "true"}},
		{apply("<SSEAlgorithm>aws:kms</SSEAlgorithm>"), map[string]string{sseHeader: "aws:kms", sseKeyHeader: keyring.DefaultKey}},
	} {
		if a := set(config(c.rule)); a.status != 200 {
			t.Fatalf("%s: %v %s", c.rule, a, a.message)
		}
		wantShown(t, c.rule, put(nil), c.shown)
		if got := ask(); got.status != 200 || !strings.Contains(string(got.body), between(c.rule, "<SSEAlgorithm>", "<")) || strings.Contains(string(got.body), "KMSMasterKeyID") != strings.Contains(c.rule, "KMSMasterKeyID") {
			t.Errorf("%s is shown as %s", c.rule, got.body)
		}
		if got := g.send(call{method: "GET", path: "/default/k"}); string(got.body) != "x" {
			t.Errorf("%s: %v", c.rule, got)
		}
		// What a request says goes before what the bucket does.
		wantShown(t, "asked for AES256", put(map[string]string{sseHeader: "AES256"}), map[string]string{sseHeader: "AES256"})
	}
	if a := set(config(apply("<SSEAlgorithm>AES256</SSEAlgorithm>") + "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>")); a.status != 200 {
		t.Fatal(a)
	}
	if a := g.send(call{method: "PUT", path: "/default/k", body: []byte("x"), header: customerHeaders(ownCustomer, 1)}); a.String() != "403 AccessDenied" {
		t.Errorf("SSE-C, blocked: %v", a)
	}
	for range 2 {
		if a := g.send(call{method: "DELETE", path: "/default", query: "encryption="}); a.status != 204 {
			t.Error(a)
		}
	}
	if a := ask(); a.String() != "404 ServerSideEncryptionConfigurationNotFoundError" {
		t.Errorf("removed: %v", a)
	}
	wantShown(t, "removed", put(nil), nil)
}

func TestGatewaysDefaultEncryption(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t), DefaultEncryption: "AES256"})
	g.bucket("all", "a")
	if a := g.send(call{method: "GET", path: "/all", query: "encryption="}); a.status != 200 || !strings.Contains(string(a.body), "<SSEAlgorithm>AES256</SSEAlgorithm>") {
		t.Errorf("got %v %s", a, a.body)
	}
	a := g.send(call{method: "PUT", path: "/all/k", body: []byte("x")})
	wantShown(t, "put", a.header, map[string]string{sseHeader: "AES256"})
	if got := g.send(call{method: "GET", path: "/all/k"}); string(got.body) != "x" || len(g.blob("all", "k", "a")) != 17 {
		t.Errorf("got %v", got)
	}
}

func TestNoKeyring(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("none", "a")
	if a := g.send(call{method: "PUT", path: "/none/k", body: []byte("x"), header: map[string]string{sseHeader: "AES256"}}); a.String() != "501 NotImplemented" {
		t.Errorf("SSE-S3: %v", a)
	}
	own := customerHeaders(ownCustomer, 1)
	if a := g.send(call{method: "PUT", path: "/none/k", body: []byte("x"), header: own}); a.status != 200 {
		t.Errorf("SSE-C needs no keyring: %v", a)
	}
	if a := g.send(call{method: "GET", path: "/none/k", header: own}); string(a.body) != "x" {
		t.Errorf("got %v", a)
	}
}

func prefixes(list ...string) (all []netip.Prefix) {
	for _, p := range list {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func crc64Of(b []byte) uint64 {
	h := checksum.New(checksum.CRC64NVME).(hash.Hash64)
	h.Write(b)
	return h.Sum64()
}

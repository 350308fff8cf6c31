package postform

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// body makes a form of names and values in turn; its file comes where the name is "file:<file name>".
func body(fields ...string) (form []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		var part io.Writer
		if name, ok := strings.CutPrefix(fields[i], "file:"); ok {
			part, _ = w.CreateFormFile("file", name)
		} else {
			part, _ = w.CreateFormField(fields[i])
		}
		io.WriteString(part, fields[i+1])
	}
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

func TestRead(t *testing.T) {
	t.Parallel()
	raw, kind := body("kEy", "up/${filename}", "policy", "${filename}", "x-ignore-this", "1", `file:C:\docs\a b.txt`, "content\r\n--x", "key", "too late")
	f, err := Read(iotest.OneByteReader(bytes.NewReader(raw)), kind)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(f.Fields), "map[key:up/a b.txt policy:${filename}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, err := io.ReadAll(f.File); string(got) != "content\r\n--x" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	whole, kind := body("key", "k", "file:f", "content")
	noFile, noFileKind := body("key", "k")
	twice, twiceKind := body("key", "k", "Key", "l", "file:f", "")
	nameless, namelessKind := body("", "k", "file:f", "")
	large, largeKind := body("key", strings.Repeat("k", maxFields+readAhead), "file:f", "")
	many, manyKind := body(strings.Fields(strings.Repeat("x-ignore-1 x ", 300) + "file:f x")...)
	bomb, bombKind := body("key", strings.Repeat("${filename}", 30), "file:"+strings.Repeat("f", 1000), "")
	for _, c := range []struct {
		name   string
		body   []byte
		kind   string
		reason string
	}{
		{"no form", whole, "text/plain", "RequestIsNotMultiPartContent"},
		{"another form", whole, "application/x-www-form-urlencoded", "RequestIsNotMultiPartContent"},
		{"no type", whole, "", "RequestIsNotMultiPartContent"},
		{"no boundary", whole, "multipart/form-data", "MalformedPOSTRequest"},
		{"another boundary", whole, "multipart/form-data; boundary=x", "MalformedPOSTRequest"},
		{"empty", nil, kind, "MalformedPOSTRequest"},
		{"ends in a field", whole[:60], kind, "MalformedPOSTRequest"},
		{"no file", noFile, noFileKind, "IncorrectNumberOfFilesInPostRequest"},
		{"a field twice", twice, twiceKind, "MalformedPOSTRequest"},
		{"a field without a name", nameless, namelessKind, "MalformedPOSTRequest"},
		{"a large field", large, largeKind, "MaxPostPreDataLengthExceededError"},
		{"a file name many times", bomb, bombKind, "MaxPostPreDataLengthExceededError"},
		{"many fields", many, manyKind, "MaxPostPreDataLengthExceededError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Read(bytes.NewReader(c.body), c.kind); errs.ReasonOf(err) != c.reason {
				t.Errorf("got %v, want %s", err, c.reason)
			}
		})
	}
	f, err := Read(bytes.NewReader(whole[:len(whole)-10]), kind)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(f.File); errs.ReasonOf(err) != "MalformedPOSTRequest" {
		t.Errorf("a file that ends early: got %v", err)
	}
	timeout := errs.New(errs.InvalidArgument, "too slow", nil).Because("RequestTimeout")
	if _, err := Read(io.MultiReader(bytes.NewReader(whole[:60]), iotest.ErrReader(timeout)), kind); !errors.Is(err, timeout) {
		t.Errorf("a body that fails: got %v", err)
	}
}

const expiration = "2030-01-01T00:00:00Z"

func policy(t *testing.T, conditions string) *Policy {
	t.Helper()
	p, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(`{"expiration": "` + expiration + `", "conditions": [` + conditions + `]}`)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParsePolicyRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `null`, `[]`, `{`, `{"expiration": "2030-01-01T00:00:00Z"}`, `{"conditions": []}`, `{"Expiration": "2030-01-01T00:00:00Z", "conditions": []}`,
		`{"expiration": "2030-01-01T00:00:00Z", "conditions": [], "more": 1}`, `{"expiration": "2030-01-01T00:00:00Z", "conditions": []} x`,
		`{"expiration": "2030-01-01 00:00:00", "conditions": []}`, `{"expiration": 1, "conditions": []}`,
		`{"expiration": "2030-01-01T00:00:00Z", "conditions": null}`, `{"expiration": "2030-01-01T00:00:00Z", "conditions": {}}`,
	} {
		if _, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(text))); errs.ReasonOf(err) != "InvalidPolicyDocument" {
			t.Errorf("%s: got %v", text, err)
		}
	}
	for _, condition := range []string{
		`{}`, `{"a": "b", "c": "d"}`, `{"a": 1}`, `[]`, `["eq"]`, `["eq", "key", "v"]`, `["eq", "$key"]`, `["eq", "$key", 1]`, `["ends-with", "$key", "v"]`, `[1, "$key", "v"]`, `"x"`, `1`,
		`["content-length-range", 0]`, `["content-length-range", -1, 0]`, `["content-length-range", 2, 1]`, `["content-length-range", 0, 1.5]`, `["content-length-range", 0, "x"]`,
	} {
		text := `{"expiration": "2030-01-01T00:00:00Z", "conditions": [` + condition + `]}`
		if _, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(text))); errs.ReasonOf(err) != "InvalidPolicyDocument" {
			t.Errorf("%s: got %v", condition, err)
		}
	}
	if _, err := ParsePolicy("!"); errs.ReasonOf(err) != "InvalidPolicyDocument" {
		t.Errorf("no base64: got %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const bucket = `{"bucket": "b"}`
	for _, c := range []struct {
		name, conditions string
		fields           map[string]string
		want             string // part of the message; empty: allowed
	}{
		{"nothing else", bucket, nil, ""},
		{"no bucket", `["eq", "$key", "k"]`, map[string]string{"key": "k"}, "Extra input fields: bucket"},
		{"another bucket", `{"bucket": "c"}`, map[string]string{"bucket": "c"}, "Policy Condition failed"},
		{"a bucket by prefix", `["starts-with", "$bucket", ""]`, nil, ""},
		{"eq", bucket + `, ["eq", "$key", "k"]`, map[string]string{"key": "k"}, ""},
		{"another value", bucket + `, ["eq", "$key", "k"]`, map[string]string{"key": "K"}, `Policy Condition failed: ["eq", "$key", "k"]`},
		{"a missing field", bucket + `, ["starts-with", "$x-amz-meta-a", "b"]`, nil, "Policy Condition failed"},
		{"a missing field that may be anything", bucket + `, ["starts-with", "$x-amz-meta-a", ""]`, nil, ""},
		{"any value", bucket + `, ["starts-with", "$key", ""]`, map[string]string{"key": "anything"}, ""},
		{"a prefix", bucket + `, ["StArTs-WiTh", "$KeY", "user/"]`, map[string]string{"key": "user/k"}, ""},
		{"no prefix", bucket + `, ["starts-with", "$key", "user/"]`, map[string]string{"key": "k"}, "Policy Condition failed"},
		{"two conditions on one field", bucket + `, ["starts-with", "$key", "a"], ["starts-with", "$key", "ab"]`, map[string]string{"key": "ac"}, "Policy Condition failed"},
		{"a field too many", bucket, map[string]string{"x-amz-meta-b": "", "acl": ""}, "Extra input fields: acl, x-amz-meta-b"},
		{"fields that need no condition", bucket, map[string]string{"policy": "", "signature": "", "awsaccesskeyid": "", "x-amz-signature": "", "x-amz-checksum-sha256": ""}, ""},
		{"content types", bucket + `, ["starts-with", "$Content-Type", "image/"]`, map[string]string{"content-type": "image/png, image/gif"}, ""},
		{"one wrong content type", bucket + `, ["starts-with", "$Content-Type", "image/"]`, map[string]string{"content-type": "image/png,text/html"}, "Policy Condition failed"},
		{"a dollar", bucket + `, {"acl": "\$x\\$"}`, map[string]string{"acl": `$x\$`}, ""},
		{"a vertical tab", bucket + `, {"acl": "\v"}`, map[string]string{"acl": "\v"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := policy(t, c.conditions).Check(&Form{Fields: c.fields}, "b", time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC))
			switch {
			case c.want == "" && err != nil, c.want != "" && (errs.ReasonOf(err) != "AccessDenied" || !strings.Contains(errs.Public(err), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if err := policy(t, bucket).Check(&Form{}, "b", time.Date(2030, 1, 1, 0, 0, 1, 0, time.UTC)); errs.ReasonOf(err) != "AccessDenied" {
		t.Errorf("expired: got %v", err)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		conditions string
		size       int
		reason     string
	}{
		{``, 100, ""},
		{``, 101, "EntityTooLarge"},
		{`["content-length-range", 3, 5]`, 2, "EntityTooSmall"},
		{`["content-length-range", 3, 5]`, 3, ""},
		{`["content-length-range", "3", "5"]`, 5, ""},
		{`["content-length-range", 3, 5]`, 6, "EntityTooLarge"},
		{`["content-length-range", 3, 1000]`, 101, "EntityTooLarge"},
		{`["content-length-range", 0, 5], ["content-length-range", 3, 9]`, 6, "EntityTooLarge"},
	} {
		for _, read := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
			got, err := io.ReadAll(Limit(read(strings.NewReader(strings.Repeat("x", c.size))), policy(t, c.conditions), 100))
			if errs.ReasonOf(err) != c.reason || (err == nil) != (c.reason == "") || err == nil && len(got) != c.size {
				t.Errorf("%s, %d bytes: got %d, %v", c.conditions, c.size, len(got), err)
			}
		}
	}
	if _, err := io.ReadAll(Limit(strings.NewReader("xx"), nil, 1)); errs.ReasonOf(err) != "EntityTooLarge" {
		t.Errorf("without a policy: got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	raw, kind := body("key", "k", "file:f", "content")
	f.Add(raw, kind)
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=file\r\n\r\n\r\n--x--"), "multipart/form-data; boundary=x")
	f.Fuzz(func(t *testing.T, raw []byte, kind string) {
		form, err := Read(bytes.NewReader(raw), kind)
		if err == nil {
			size := 0
			for name, value := range form.Fields {
				size += len(name) + len(value)
			}
			if size > 2*(maxFields+readAhead)*len(form.Fields) {
				t.Errorf("%d bytes of fields were taken", size)
			}
			var n int64
			if n, err = io.Copy(io.Discard, form.File); n > int64(len(raw)) {
				t.Errorf("%d bytes of a file from %d", n, len(raw))
			}
		}
		if err != nil && errs.ReasonOf(err) == "" {
			t.Errorf("%v has no reason", err)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"expiration": "2030-01-01T00:00:00Z", "conditions": [{"bucket": "b"}, ["starts-with", "$key", "\$"], ["content-length-range", 0, 10]]}`), "k")
	f.Add([]byte(`{"expiration": "2007-12-01T12:00:00.000Z", "conditions": [["eq", "$acl", "x"]]}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, key string) {
		p, err := ParsePolicy(base64.StdEncoding.EncodeToString(raw))
		if err != nil {
			if errs.ReasonOf(err) != "InvalidPolicyDocument" {
				t.Errorf("got %v", err)
			}
			return
		}
		form := &Form{Fields: map[string]string{"key": key}}
		if p.Check(form, "b", time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) == nil {
			form.Fields["x-amz-meta-more"] = "x"
			if err := p.Check(form, "b", time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil && !bytes.Contains(bytes.ToLower(raw), []byte("x-amz-meta-more")) && !bytes.Contains(raw, []byte(`\u`)) {
				t.Errorf("%s allows a field that it does not name", raw)
			}
		}
		if p.min < 0 {
			t.Errorf("%s: from %d bytes on", raw, p.min)
		}
	})
}

package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

type object = map[string]any

// rest sends a request to REST and keeps the answer to be searched. It wants a status, and decodes the answer into out unless that is nil.
func (s *stage) rest(secret, method, path string, in any, want int, out any) {
	s.t.Helper()
	text := s.fetch(secret, method, path, in, want)
	s.answers = append(s.answers, text...)
	if out != nil {
		s.must(json.Unmarshal(text, out))
	}
}

// fetch returns the headers and the body of an answer; in may be a string, which is sent as it is.
func (s *stage) fetch(secret, method, path string, in any, want int) (body []byte) {
	s.t.Helper()
	var send []byte
	switch in := in.(type) {
	case nil:
	case string:
		send = []byte(in)
	default:
		var err error
		send, err = json.Marshal(in)
		s.must(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.ready["api"]["api"]+path, bytes.NewReader(send))
	s.must(err)
	req.SetBasicAuth(s.root, secret)
	answer, err := http.DefaultClient.Do(req)
	s.must(err)
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	s.must(err)
	if answer.StatusCode != want {
		s.t.Errorf("%s %s: got %d %s, want %d", method, path, answer.StatusCode, body, want)
	}
	s.answers = fmt.Appendf(s.answers, "%v\n", answer.Header)
	return body
}

// backend is what registers a bucket of a store.
func (s *stage) backend(name, store, bucket, secret string) object {
	return object{"name": name, "type": "aws-s3", "endpoint": "http://" + s.taps[store].addr, "region": "us-east-1", "bucketName": bucket,
		"access": s.stores[store].Access, "security": secret, "options": object{"pathStyle": "true"}}
}

const (
	misplaced = "misplaced secret" // sent as something that is no secret

	v1     = "/v1/default/"
	bucket = "a-bucket-to-be-relocated"
)

// drive does everything in which a secret plays a part, and some of it wrong.
func (s *stage) drive() {
	s.t.Helper()
	post := func(path string, in any, want int, out any) {
		s.t.Helper()
		s.rest(s.rootSecret, "POST", v1+path, in, want, out)
	}
	first, second := s.stores["first"].Secret, s.stores["second"].Secret

	// Users, keys and log-ins.
	s.rest(s.keep("wrong root secret", drawn()), "GET", v1+"types", nil, 401, nil)
	s.rest(s.rootSecret, "GET", v1+"types", nil, 200, nil)
	post("users", object{"name": "ann"}, 201, nil)
	ann, bob := s.key("ann"), s.key("ann")
	post("users", object{"name": "bob"}, 201, nil)
	other := s.key("bob")

	// Backends, with secrets in the right place and in wrong ones.
	post("backends", s.backend("first", "first", "native", first), 201, nil)
	post("backends", s.backend("second", "second", "native", second), 201, nil)
	wrong := s.keep("wrong secret of a backend", drawn())
	post("backends", s.backend("third", "second", "other", wrong), 422, nil)
	post("backends?probe=false", s.backend("third", "second", "other", wrong), 201, nil)
	post("backends/third/probe", nil, 422, nil)
	there := s.keep(misplaced, drawn())
	for field, value := range map[string]any{
		"options": object{"secretKey": there}, "secret": there, "security": []string{there}, "default": there,
		"endpoint": "http://me:" + strings.Map(letters, there) + "@" + s.taps["second"].addr,
	} {
		b := s.backend("fourth", "second", "other", second)
		b[field] = value
		post("backends", b, 400, nil)
	}
	post("backends", `{"name": "fourth", "security": "`+strings.Map(letters, there), 400, nil)
	s.rest(s.rootSecret, "PUT", v1+"backends/second", object{"security": wrong}, 422, nil)
	s.rest(s.rootSecret, "PUT", v1+"backends/second", object{"security": second}, 200, nil)
	s.rest(s.rootSecret, "GET", v1+"backends", nil, 200, nil)

	// S3 by several keys, signed in headers and in URLs, rightly and wrongly.
	ctx := s.t.Context()
	s.must(s.s3(ann).CreateBucket(ctx, bucket, "first"))
	for n := range 20 {
		s.must(s.s3(ann).Put(ctx, bucket, fmt.Sprintf("object-%d", n), bytes.Repeat([]byte{'x'}, 1000*n)))
	}
	s.must(s.s3(ann).Put(ctx, bucket, "large", bytes.Repeat([]byte("0123456789abcdef"), 1<<16)))
	s.must(s.s3(s3lite.Endpoint{Access: s.root, Secret: s.rootSecret}).Put(ctx, bucket, "of-root", []byte("root's")))
	stranger := ann
	stranger.Secret = s.keep("wrong secret of a user", drawn())
	for name, c := range map[string]struct {
		e    s3lite.Endpoint
		want int
	}{"wrong secret": {stranger, 403}, "another user": {other, 403}, "no such key": {s3lite.Endpoint{Access: "GKNOBODY", Secret: stranger.Secret}, 403}} {
		if err := s.s3(c.e).Put(ctx, bucket, "refused", []byte("x")); s3lite.Status(err) != c.want {
			s.t.Errorf("%s: got %v, want %d", name, err, c.want)
		}
		s.presigned(c.e, "GET", "object-1", c.want)
	}
	s.presigned(ann, "PUT", "presigned", 200)
	s.presigned(ann, "GET", "presigned", 200)

	// Jobs: one that goes well, one to a backend whose secret is wrong.
	post("policies", object{"name": "nightly", "schedule": object{"type": "cron", "cron": "0 2 * * *"}}, 201, nil)
	post("plans", object{"name": "move", "mode": "relocate", "source": object{"bucket": bucket}, "destination": object{"backend": "second"}}, 201, nil)
	post("plans", object{"name": "fail", "mode": "copy", "source": object{"bucket": bucket}, "destination": object{"backend": "third"}}, 201, nil)
	for plan, want := range map[string]string{"move": "succeeded", "fail": "failed"} {
		id, status := s.job(plan)
		if status != want {
			s.t.Errorf("job of %s: %s, want %s", plan, status, want)
		}
		for _, path := range []string{"", "/failures", "/report", "/events"} {
			s.rest(s.rootSecret, "GET", v1+"jobs/"+id+path, nil, 200, nil)
		}
	}

	// What ends keys, users and backends.
	s.rest(s.rootSecret, "PUT", v1+"keys/"+bob.Access, object{"status": "disabled"}, 200, nil)
	s.rest(s.rootSecret, "GET", v1+"keys", nil, 200, nil)
	if err := s.s3(bob).Put(ctx, bucket, "refused", []byte("x")); s3lite.Status(err) != 403 {
		s.t.Errorf("with a disabled key: %v, want 403", err)
	}
	s.rest(s.rootSecret, "DELETE", v1+"keys/"+other.Access, nil, 204, nil)
	s.rest(s.rootSecret, "DELETE", v1+"plans/fail", nil, 204, nil)
	s.rest(s.rootSecret, "DELETE", v1+"backends/third", nil, 204, nil)
	s.rest(s.rootSecret, "GET", "/openapi.yaml", nil, 200, nil)
}

// letters leaves of a secret what may stand in a URL or in JSON.
func letters(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
		return r
	}
	return -1
}

// key makes a key, whose secret is in this one answer.
func (s *stage) key(user string) s3lite.Endpoint {
	s.t.Helper()
	var k struct{ AccessKey, SecretKey string }
	s.must(json.Unmarshal(s.fetch(s.rootSecret, "POST", v1+"keys", object{"user": user}, 201), &k))
	s.keep("secret of "+k.AccessKey, k.SecretKey)
	return s3lite.Endpoint{Access: k.AccessKey, Secret: k.SecretKey}
}

// s3 is a client with a key.
func (s *stage) s3(e s3lite.Endpoint) *s3lite.Client {
	s.t.Helper()
	e.URL, e.Region = "http://"+s.taps["clients to s3"].addr, "us-east-1"
	c, err := s3lite.New(e)
	s.must(err)
	return c
}

// presigned uses a URL that carries its signature.
func (s *stage) presigned(e s3lite.Endpoint, method, key string, want int) {
	s.t.Helper()
	e.URL, e.Region = "http://"+s.taps["clients to s3"].addr, "us-east-1"
	u := s3lite.Presign(e, method, bucket, key, time.Minute, time.Now())
	req, err := http.NewRequestWithContext(s.t.Context(), method, u, strings.NewReader(map[bool]string{true: "presigned"}[method == "PUT"]))
	s.must(err)
	answer, err := http.DefaultClient.Do(req)
	s.must(err)
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != want {
		s.t.Errorf("presigned %s of %s: got %d, %v, want %d", method, key, answer.StatusCode, err, want)
	}
}

// job runs a plan and waits until the job is over.
func (s *stage) job(plan string) (id, status string) {
	s.t.Helper()
	var run struct{ JobID string }
	s.rest(s.rootSecret, "POST", v1+"plans/"+plan+"/run", nil, 202, &run)
	ctx, cancel := context.WithTimeout(s.t.Context(), 40*time.Second)
	defer cancel()
	for {
		var j struct{ Status string }
		s.rest(s.rootSecret, "GET", v1+"jobs/"+run.JobID, nil, 200, &j)
		if j.Status == "succeeded" || j.Status == "failed" || s.t.Failed() {
			return run.JobID, j.Status
		}
		select {
		case <-ctx.Done():
			return run.JobID, j.Status + " after 40 s"
		case <-time.After(100 * time.Millisecond):
		}
	}
}

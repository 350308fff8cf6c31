// Package s3lite is a small S3 client for the tests that drive a server from outside: it signs (SigV4), sends, and gives
// back what the server answered, without retries, checksums or guesses of its own. Real clients are tested elsewhere; this one is for
// readers and writers that must see every answer as it is, and for load at little cost.
//
// Only tests import it.
package s3lite

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Endpoint is where an S3 server listens and how to sign for it.
type Endpoint struct {
	URL    string // "http://127.0.0.1:PORT"
	Access string
	Secret string
	Region string

	Timeout time.Duration // of one request with its answer; 0: two minutes
}

// Client talks to one endpoint; it is safe for concurrent use.
type Client struct {
	Endpoint
	base *url.URL
	http *http.Client
}

// New makes a client. Its connections are kept open and not limited in number.
func New(e Endpoint) (*Client, error) {
	base, err := url.Parse(e.URL)
	if err != nil {
		return nil, fmt.Errorf("parse endpoint: %w", err)
	}
	if e.Timeout == 0 {
		e.Timeout = 2 * time.Minute
	}
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
	}
	return &Client{Endpoint: e, base: base, http: &http.Client{Transport: t, Timeout: e.Timeout}}, nil
}

// Error is an answer with a status of 300 or more.
type Error struct {
	Status        int
	Code, Message string // of the XML body, if it had one
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

// Status returns the HTTP status in err's chain, 0 when there was no answer.
func Status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// Request is one S3 request. The body is sent with its length and, where it is bytes, its hash.
type Request struct {
	Method, Bucket, Key string
	Query               url.Values
	Header              http.Header
	Body                io.Reader // nil: none
	Size                int64     // of Body
}

// Do sends a request. The caller closes the answer's body; an answer of 300 and more is an *Error.
func (c *Client) Do(ctx context.Context, r Request) (*http.Response, error) {
	u := *c.base
	u.Path = "/"
	if r.Bucket != "" {
		u.Path += r.Bucket
	}
	if r.Key != "" {
		u.Path += "/" + r.Key
	}
	u.RawPath = escape(u.Path, true)
	u.RawQuery = query(r.Query)
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), r.Body)
	if err != nil {
		return nil, err
	}
	// http.NewRequest parses the URL again; only RawPath makes it send exactly what is signed.
	req.URL.Path, req.URL.RawPath = u.Path, u.RawPath
	for k, v := range r.Header {
		req.Header[k] = v
	}
	if r.Body != nil {
		req.ContentLength = r.Size
		if r.Size == 0 {
			req.Body = http.NoBody // a length of 0 beside another body means that it is unknown
		}
	}
	Sign(req, c.Endpoint, UnsignedPayload, time.Now())
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		e := &Error{Status: resp.StatusCode}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		_ = xml.Unmarshal(body, e) // HEAD and foreign answers have none
		return resp, e
	}
	return resp, nil
}

// send does a request whose answer's body does not matter.
func (c *Client) send(ctx context.Context, r Request) (http.Header, error) {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s %s/%s: %w", r.Method, r.Bucket, r.Key, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, fmt.Errorf("%s %s/%s: read answer: %w", r.Method, r.Bucket, r.Key, err)
	}
	return resp.Header, nil
}

// CreateBucket makes a bucket; an empty location sends no constraint.
func (c *Client) CreateBucket(ctx context.Context, bucket, location string) error {
	r := Request{Method: http.MethodPut, Bucket: bucket}
	if location != "" {
		body := "<CreateBucketConfiguration><LocationConstraint>" + location + "</LocationConstraint></CreateBucketConfiguration>"
		r.Body, r.Size = bytes.NewReader([]byte(body)), int64(len(body))
	}
	_, err := c.send(ctx, r)
	return err
}

// Put stores an object.
func (c *Client) Put(ctx context.Context, bucket, key string, body []byte) error {
	_, err := c.send(ctx, Request{Method: http.MethodPut, Bucket: bucket, Key: key, Body: bytes.NewReader(body), Size: int64(len(body))})
	return err
}

// Get opens an object; the caller closes the body.
func (c *Client) Get(ctx context.Context, bucket, key string) (*http.Response, error) {
	resp, err := c.Do(ctx, Request{Method: http.MethodGet, Bucket: bucket, Key: key})
	if err != nil {
		return nil, fmt.Errorf("GET %s/%s: %w", bucket, key, err)
	}
	return resp, nil
}

// Head returns an object's headers.
func (c *Client) Head(ctx context.Context, bucket, key string) (http.Header, error) {
	return c.send(ctx, Request{Method: http.MethodHead, Bucket: bucket, Key: key})
}

// Delete removes an object.
func (c *Client) Delete(ctx context.Context, bucket, key string) error {
	_, err := c.send(ctx, Request{Method: http.MethodDelete, Bucket: bucket, Key: key})
	return err
}

// Object is one line of a listing.
type Object struct {
	Key  string
	Size int64
	ETag string
}

// List yields the objects of a bucket in the order of the server's pages.
func (c *Client) List(ctx context.Context, bucket, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for token := ""; ; {
			q := url.Values{"list-type": {"2"}, "prefix": {prefix}, "encoding-type": {"url"}, "max-keys": {strconv.Itoa(1000)}}
			if token != "" {
				q.Set("continuation-token", token)
			}
			var page struct {
				IsTruncated           bool
				NextContinuationToken string
				EncodingType          string // absent where the server does not encode
				Contents              []Object
			}
			if err := c.XML(ctx, Request{Method: http.MethodGet, Bucket: bucket, Query: q}, &page); err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page.Contents {
				if page.EncodingType == "url" {
					key, err := url.QueryUnescape(o.Key)
					if err != nil {
						yield(Object{}, fmt.Errorf("list %s: key %q: %w", bucket, o.Key, err))
						return
					}
					o.Key = key
				}
				if !yield(o, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			token = page.NextContinuationToken
		}
	}
}

// XML sends a request and decodes its answer.
func (c *Client) XML(ctx context.Context, r Request, out any) error {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return fmt.Errorf("%s %s/%s: %w", r.Method, r.Bucket, r.Key, err)
	}
	defer resp.Body.Close()
	if err := xml.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s %s/%s: read answer: %w", r.Method, r.Bucket, r.Key, err)
	}
	return nil
}

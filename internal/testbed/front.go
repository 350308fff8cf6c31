package testbed

import (
	"net/http"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// Front is what Gelato shows to its users, in one process or in several: S3 and REST, with the root credentials.
type Front struct {
	S3, API        string // base URLs, the same after restarts
	Access, Secret string

	t    testing.TB
	rest http.Client
}

func newFront(t testing.TB) Front {
	return Front{Access: "rootaccess", Secret: "rootsecret0123456789", t: t,
		// No connection is kept: a restarted process must not be asked through an old one.
		rest: http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Endpoint returns the S3 endpoint with the root credentials.
func (f *Front) Endpoint() s3lite.Endpoint {
	return s3lite.Endpoint{URL: f.S3, Access: f.Access, Secret: f.Secret, Region: "us-east-1"}
}

// Client returns an S3 client with the root credentials.
func (f *Front) Client() *s3lite.Client { return client(f.t, f.Endpoint()) }

// S3 returns the server's endpoint with its credentials.
func (s *S3Server) S3() s3lite.Endpoint {
	return s3lite.Endpoint{URL: s.Endpoint, Access: s.Access, Secret: s.Secret, Region: s.Region}
}

// Client returns an S3 client of the server.
func (s *S3Server) Client() *s3lite.Client { return client(s.t, s.S3()) }

func client(t testing.TB, e s3lite.Endpoint) *s3lite.Client {
	t.Helper()
	c, err := s3lite.New(e)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

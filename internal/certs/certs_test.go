package certs

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestAuthoritiesAreLoadedWhole(t *testing.T) {
	t.Parallel()
	a, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	service, err := a.Issue("s3", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		pair Pair
		ok   bool
	}{
		{"its own", a.Pair, true},
		{"another's key", Pair{a.Cert, b.Key}, false},
		{"a service's", service, false},
		{"no certificate", Pair{a.Key, a.Key}, false},
		{"no key", Pair{a.Cert, a.Cert}, false},
		{"nothing", Pair{}, false},
	} {
		if _, err := LoadAuthority(c.pair); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCertificatesEndNoLaterThanTheirAuthority(t *testing.T) {
	t.Parallel()
	a, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Issue("s3", nil, time.Now().Add(AuthorityLife-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := Parse(p.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if !cert.NotAfter.Equal(a.cert.NotAfter) {
		t.Errorf("it ends %v, the authority %v", cert.NotAfter, a.cert.NotAfter)
	}
}

func TestServicesSignNothing(t *testing.T) {
	t.Parallel()
	a, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Issue("s3", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := Parse(p.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Errorf("a service's certificate may sign others: %v, %v", cert.IsCA, cert.KeyUsage)
	}
}

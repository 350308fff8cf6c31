package httpstore

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// CAField describes options.caFile, for the Fields of a type.
func CAField() adapters.Field {
	return adapters.Field{Name: "options.caFile", Description: "PEM file on the servers' disks with certificates of further authorities to trust, beside the system's"}
}

const maxCAFile = 4 << 20 // bytes

// Roots returns the authorities to trust: the system's and those of options.caFile. nil, for no file, means the system's. A file that cannot be read,
// is larger than 4 MiB or holds no certificate is InvalidArgument with the reason "options.caFile".
func Roots(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil
	}
	bad := func(message string, cause error) error {
		return errs.New(errs.InvalidArgument, "options.caFile: "+message, cause).Because("options.caFile")
	}
	if fi, err := os.Stat(caFile); err != nil || !fi.Mode().IsRegular() { // to open a pipe could wait for ever
		return nil, bad("there is no such file", err)
	}
	f, err := os.Open(caFile)
	if err != nil {
		return nil, bad("the file cannot be opened", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAFile+1))
	switch {
	case err != nil:
		return nil, bad("the file cannot be read", err)
	case len(pem) > maxCAFile:
		return nil, bad(fmt.Sprintf("the file has more than %d bytes", maxCAFile), nil)
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // a machine without any
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, bad("the file holds no certificate in PEM form", nil)
	}
	return roots, nil
}

// Transport makes the HTTP transport of one store: HTTP/1.1 with many connections, nothing compressed. roots are those of Roots.
// It is used bare, without an http.Client, where the SDK allows: that would follow redirects and keep cookies.
func Transport(roots *x509.CertPool) *http.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 5 * time.Minute, // a backstop: wrap/ has the limits that matter
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   256,
		DisableCompression:    true,
		// A head and a small body fit; bigger reads and writes pass the buffers by. They are made anew for each connection, and there are
		// stores that close theirs after every answer.
		ReadBufferSize:  8 << 10,
		WriteBufferSize: 8 << 10,
		Protocols:       new(http.Protocols), // HTTP/1.1 alone: one stream per connection is faster for big bodies
	}
	t.Protocols.SetHTTP1(true)
	if roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return t
}

// CheckEndpoint returns InvalidArgument with the reason "endpoint" unless text is the URL of a server, http or https, with neither credentials
// nor a query.
func CheckEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errs.New(errs.InvalidArgument, "endpoint: must be a URL such as https://storage.example.com", nil).Because("endpoint")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errs.New(errs.InvalidArgument, "endpoint: must hold neither credentials nor a query", nil).Because("endpoint")
	}
	return u, nil
}

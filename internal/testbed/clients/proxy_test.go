package clients

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// startProxy starts an HTTP proxy that sends every request to the server at base, whatever host it names, and leaves the
// Host header as it is.
func startProxy(t *testing.T, base string) string {
	t.Helper()
	to, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
	}, Transport: &http.Transport{DisableCompression: true}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

package s3

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/opensds/gelato/s3/sse"
)

// The headers of a customer's key begin so, with X-Amz- or, for the source of a copy, X-Amz-Copy-Source- before.
const (
	ownCustomer    = "X-Amz-Server-Side-Encryption-Customer-"
	sourceCustomer = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
)

// customer is the key that a client sent for SSE-C (docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html). It lives as long as the request.
type customer struct {
	key sse.Key
	md5 string // in base64, as it is shown
}

// keyHeaders are the names of the headers in which a customer's key comes.
type keyHeaders struct{ algorithm, key, md5 string }

func ownKey() keyHeaders {
	return keyHeaders{ownCustomer + "Algorithm", ownCustomer + "Key", ownCustomer + "Key-Md5"}
}

func sourceKey() keyHeaders {
	return keyHeaders{sourceCustomer + "Algorithm", sourceCustomer + "Key", sourceCustomer + "Key-Md5"}
}

// customerKey reads the key of a request, nil when it has none. The MD5 may be missing where withMD5 is false, as S3 has it for reads.
func (s *Service) customerKey(r *request, h http.Header, names keyHeaders, withMD5 bool) (*customer, error) {
	algorithm, text, sum := h.Get(names.algorithm), h.Get(names.key), h.Get(names.md5)
	if algorithm == "" && text == "" && sum == "" {
		return nil, nil
	}
	if !s.private(r) {
		return nil, fail("InvalidRequest", "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.")
	}
	switch {
	case algorithm == "":
		return nil, fail("InvalidArgument", "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.")
	case algorithm != "AES256":
		return nil, fail("InvalidEncryptionAlgorithmError", "The Encryption request you specified is not valid. Supported value: AES256.")
	case text == "":
		return nil, fail("InvalidArgument", "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.")
	case sum == "" && withMD5:
		return nil, fail("InvalidArgument", "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.")
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != sse.KeySize {
		return nil, fail("InvalidArgument", "The secret key was invalid for the specified algorithm.")
	}
	have := md5.Sum(raw)
	c := &customer{key: sse.Key(raw), md5: base64.StdEncoding.EncodeToString(have[:])}
	if sum != "" && sum != c.md5 {
		return nil, fail("InvalidArgument", "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	return c, nil
}

// show sets the headers by which S3 confirms a customer's key.
func (c *customer) show(h http.Header) {
	h[ownCustomer+"Algorithm"] = []string{"AES256"}
	h[ownCustomer+"Key-Md5"] = []string{c.md5}
}

// private says whether nobody on a network can read a request along: it came over TLS, or from this very machine, unless a proxy there says that it got it in clear.
func (s *Service) private(r *request) bool {
	if s.o.PlainCustomerKeys || s.secure(r) {
		return true
	}
	proto := r.Header.Get("X-Forwarded-Proto")
	return peer(r).IsLoopback() && (proto == "" || strings.EqualFold(proto, "https"))
}

// secure says whether a request came over TLS, to this service or to a trusted proxy.
func (s *Service) secure(r *request) bool {
	if r.TLS != nil {
		return true
	}
	from := peer(r)
	return slices.ContainsFunc(s.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(from) }) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// peer is the address that a request came from.
func peer(r *request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero Addr is nobody's
	return from.Addr().Unmap()
}

package accesslog

import (
	"strconv"
	"time"
)

// Record is what a line says of one request. The owner and the name of the bucket, with which a line begins, are added by Line. Empty strings, and negative
// numbers, are unknown.
type Record struct {
	Time        time.Time // when the request was received
	RemoteIP    string
	Requester   string // canonical id; empty: anonymous
	RequestID   string
	Operation   string // REST.GET.OBJECT
	Key         string // as it is; it is written percent-encoded
	RequestURI  string // GET /bucket/key?x HTTP/1.1
	Status      int
	ErrorCode   string
	BytesSent   int64         // of the body; 0 is written as unknown
	ObjectSize  int64         // bytes
	Total       time.Duration // from the first byte received to the last one sent
	TurnAround  time.Duration // from the last byte received to the first one sent
	Referer     string
	UserAgent   string
	VersionID   string
	HostID      string
	Signature   string // SigV2 or SigV4
	Cipher      string
	AuthType    string // AuthHeader or QueryString
	HostHeader  string
	TLS         string // TLSv1.3
	ACLRequired bool   // only an access control list allowed it
}

// The longest texts that a record takes from outside, in bytes; more is cut off. A key has at most 1,024.
const (
	maxURI    = 8 << 10
	maxHeader = 1 << 10
)

// Append adds the record to b, from its time on and without a line end.
func (r *Record) Append(b []byte) []byte {
	b = append(b, '[')
	b = r.Time.UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, ']')
	b = bare(b, r.RemoteIP)
	b = bare(b, r.Requester)
	b = bare(b, r.RequestID)
	b = bare(b, r.Operation)
	b = bare(b, r.Key)
	b = quoted(b, r.RequestURI, maxURI)
	b = number(b, int64(r.Status), r.Status > 0)
	b = bare(b, r.ErrorCode)
	b = number(b, r.BytesSent, r.BytesSent > 0)
	b = number(b, r.ObjectSize, r.ObjectSize >= 0)
	b = number(b, r.Total.Milliseconds(), r.Total >= 0)
	b = number(b, r.TurnAround.Milliseconds(), r.TurnAround >= 0)
	b = quoted(b, r.Referer, maxHeader)
	b = quoted(b, r.UserAgent, maxHeader)
	b = bare(b, r.VersionID)
	b = bare(b, r.HostID)
	b = bare(b, r.Signature)
	b = bare(b, r.Cipher)
	b = bare(b, r.AuthType)
	b = bare(b, r.HostHeader)
	b = bare(b, r.TLS)
	b = bare(b, "") // the ARN of an access point
	acl := ""
	if r.ACLRequired {
		acl = "Yes"
	}
	b = bare(b, acl)
	return bare(b, "") // the region that a request came from, which is told of requests within AWS
}

// bare appends a field without quotes. What would end it, or is no printable ASCII, is percent-encoded.
func bare(b []byte, s string) []byte {
	b = append(b, ' ')
	if s == "" {
		return append(b, '-')
	}
	return encoded(b, cut(s, maxHeader), func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' })
}

// quoted appends a field with quotes. It keeps percent signs, as a request's line has its own.
func quoted(b []byte, s string, limit int) []byte {
	if s == "" {
		return append(b, ` "-"`...)
	}
	b = append(b, ' ', '"')
	b = encoded(b, cut(s, limit), func(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' })
	return append(b, '"')
}

func cut(s string, limit int) string { return s[:min(len(s), limit)] }

func encoded(b []byte, s string, plain func(byte) bool) []byte {
	const hexes = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexes[c>>4], hexes[c&15])
		}
	}
	return b
}

func number(b []byte, n int64, known bool) []byte {
	b = append(b, ' ')
	if !known {
		return append(b, '-')
	}
	return strconv.AppendInt(b, n, 10)
}

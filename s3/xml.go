package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opensds/gelato/s3/catalog"
)

const (
	xmlProlog    = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	xmlNamespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	s3Time       = "2006-01-02T15:04:05.000Z"
	maxPooled    = 4 << 20
)

// document is an XML answer under construction: plain appends into a buffer that is used again.
type document struct{ b []byte }

func (s *Service) page() *document {
	if x, _ := s.pages.Get().(*document); x != nil {
		x.b = x.b[:0]
		return x
	}
	return &document{make([]byte, 0, 4<<10)}
}

func (s *Service) release(x *document) {
	if cap(x.b) <= maxPooled {
		s.pages.Put(x)
	}
}

func (x *document) prolog() { x.b = append(x.b, xmlProlog...) }

// root begins an answer: prolog and root element.
func (x *document) root(name string) {
	x.prolog()
	x.top(name)
}

// top opens a root element with S3's namespace.
func (x *document) top(name string) {
	x.b = append(x.b, '<')
	x.b = append(x.b, name...)
	x.b = append(x.b, xmlNamespace...)
	x.b = append(x.b, '>')
}

func (x *document) open(name string) {
	x.b = append(x.b, '<')
	x.b = append(x.b, name...)
	x.b = append(x.b, '>')
}

func (x *document) close(name string) {
	x.b = append(x.b, '<', '/')
	x.b = append(x.b, name...)
	x.b = append(x.b, '>')
}

// text writes an element with escaped text; an empty one too.
func (x *document) text(name, text string) {
	x.open(name)
	x.escape(text)
	x.close(name)
}

// optional writes an element unless it is empty.
func (x *document) optional(name, text string) {
	if text != "" {
		x.text(name, text)
	}
}

func (x *document) number(name string, n int64) {
	x.open(name)
	x.b = strconv.AppendInt(x.b, n, 10)
	x.close(name)
}

func (x *document) truth(name string, v bool) {
	x.open(name)
	x.b = strconv.AppendBool(x.b, v)
	x.close(name)
}

func (x *document) time(name string, t time.Time) {
	x.open(name)
	x.b = t.UTC().AppendFormat(x.b, s3Time)
	x.close(name)
}

// etag writes an ETag element, with its quotes as S3 escapes them.
func (x *document) etag(etag string) {
	x.b = append(x.b, "<ETag>&quot;"...)
	x.escape(etag)
	x.b = append(x.b, "&quot;</ETag>"...)
}

// sums writes <ChecksumX> elements in the order of their names.
func (x *document) sums(sums map[string][]byte) {
	names := make([]string, 0, len(sums))
	for name := range sums {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		x.open("Checksum" + name)
		x.b = base64.StdEncoding.AppendEncode(x.b, sums[name])
		x.close("Checksum" + name)
	}
}

// objectSums writes the checksums of an object and their type.
func (x *document) objectSums(o catalog.Object) {
	sums, kind := shownSums(o)
	for name, text := range sums {
		x.text("Checksum"+name, text)
	}
	x.optional("ChecksumType", kind)
}

// escape appends text as XML. What XML cannot hold at all is written as a reference, as S3 does; clients that must read such keys ask for encoding-type=url.
func (x *document) escape(s string) {
	last := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '&' && c != '<' && c != '>' && c != '"' && c != '\'' {
			continue
		}
		x.b = append(x.b, s[last:i]...)
		last = i + 1
		switch c {
		case '&':
			x.b = append(x.b, "&amp;"...)
		case '<':
			x.b = append(x.b, "&lt;"...)
		case '>':
			x.b = append(x.b, "&gt;"...)
		case '"':
			x.b = append(x.b, "&quot;"...)
		case '\'':
			x.b = append(x.b, "&apos;"...)
		default:
			x.b = append(x.b, "&#x"...)
			x.b = strconv.AppendUint(x.b, uint64(c), 16)
			x.b = append(x.b, ';')
		}
	}
	x.b = append(x.b, s[last:]...)
}

// printable replaces what XML cannot hold, for texts that need not be exact.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, s)
}

// encoded appends a key as encoding-type asks: with url, everything but unreserved characters and slashes is percent-encoded.
func (x *document) encoded(name, key string, url bool) {
	x.open(name)
	if url {
		x.percent(key)
	} else {
		x.escape(key)
	}
	x.close(name)
}

func (x *document) percent(s string) {
	const hexes = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~', c == '/', c == '*':
			x.b = append(x.b, c)
		default:
			x.b = append(x.b, '%', hexes[c>>4], hexes[c&15])
		}
	}
}

// send answers with the document.
func (x *document) send(w http.ResponseWriter, status int) error {
	w.Header()["Content-Type"] = []string{"application/xml"}
	return x.sendAs(w, status)
}

// sendAs answers with the document under the Content-Type that is set.
func (x *document) sendAs(w http.ResponseWriter, status int) error {
	h := w.Header()
	h["Content-Length"] = []string{strconv.Itoa(len(x.b))}
	w.WriteHeader(status)
	_, err := w.Write(x.b)
	return err
}

// decodeXML reads a request document strictly.
func decodeXML(body []byte, into any) error {
	if !utf8.Valid(body) {
		return malformedXML(nil)
	}
	if err := xml.Unmarshal(body, into); err != nil {
		return malformedXML(err)
	}
	return nil
}

package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/net/http2/hpack"
)

// pattern is one form of a word that is searched for.
type pattern struct {
	word, form string
	bytes      []byte
}

// finder searches for words in many forms at once. Patterns are sorted into lists by their first four bytes.
type finder struct {
	lists map[[4]byte][]pattern
	first [1 << 16]bool // the two bytes that some pattern begins with
}

// part is how much of the beginning or end of a secret counts as the secret.
const part = 12

func newFinder(words map[string][]byte) *finder {
	f := &finder{lists: map[[4]byte][]pattern{}}
	for name, value := range words {
		if len(value) < part {
			panic(name + " is too short to be searched for")
		}
		for form, b := range forms(value) {
			head := [4]byte(b)
			f.lists[head] = append(f.lists[head], pattern{name, form, b})
			f.first[int(b[0])<<8|int(b[1])] = true
		}
	}
	return f
}

// find returns the words in data, each with the form that it was found in and what stands before it.
func (f *finder) find(data []byte) map[string]string {
	found := map[string]string{}
	for i := 0; i+4 <= len(data); i++ {
		if !f.first[int(data[i])<<8|int(data[i+1])] {
			continue
		}
		for _, p := range f.lists[[4]byte(data[i:])] {
			if _, known := found[p.word]; !known && bytes.HasPrefix(data[i:], p.bytes) {
				found[p.word] = fmt.Sprintf("%s, after %q", p.form, data[max(0, i-60):i])
			}
		}
	}
	return found
}

// forms returns a value in the encodings that it could be met in.
func forms(v []byte) map[string][]byte {
	s := string(v)
	reversed := slices.Clone(v)
	slices.Reverse(reversed)
	escaped, _ := json.Marshal(s)
	plain := &bytes.Buffer{}
	e := json.NewEncoder(plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	var wide []byte
	for _, u := range utf16.Encode([]rune(s)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	all := map[string][]byte{
		"as it is": v, "its beginning": v[:part], "its end": v[len(v)-part:], "reversed": reversed,
		"hex": []byte(hex.EncodeToString(v)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(v))),
		"query": []byte(url.QueryEscape(s)), "path": []byte(url.PathEscape(s)), "query in lower case": []byte(lowerEscapes(url.QueryEscape(s))),
		"JSON": bytes.Trim(escaped, `"`), "JSON without HTML": bytes.Trim(bytes.TrimSpace(plain.Bytes()), `"`),
		"XML": []byte(html.EscapeString(s)), "quoted": trimQuotes(strconv.Quote(s)), "quoted ASCII": trimQuotes(strconv.QuoteToASCII(s)),
		"JSON in quotes": trimQuotes(strconv.Quote(string(bytes.Trim(escaped, `"`)))), "UTF-16": wide, "decimal": []byte(strings.Trim(fmt.Sprint(v), "[]")),
	}
	for n := range 3 { // in the middle of something longer: what its first and last digits share with neighbours is left out
		for name, code := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 of URLs": base64.RawURLEncoding} {
			text := code.EncodeToString(append(make([]byte, n), v...))
			all[fmt.Sprintf("%s +%d", name, n)] = []byte(text[(n*8+5)/6 : (n+len(v))*8/6])
		}
	}
	for n := range 8 { // '0' has five bits, so n of them begin at every bit of a byte
		code := hpack.AppendHuffmanString(nil, strings.Repeat("0", n)+s)
		all[fmt.Sprintf("Huffman +%d", n)] = code[(5*n+7)/8 : len(code)-1]
	}
	return all
}

func trimQuotes(s string) []byte { return []byte(s[1 : len(s)-1]) }

// lowerEscapes writes the hexadecimal digits of %XX in lower case.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i:], bytes.ToLower(b[i:i+3]))
		}
	}
	return string(b)
}

func TestFindsEveryForm(t *testing.T) {
	t.Parallel()
	secret := `Zq9/+k"é<&>=\ t%0Zx~ü0123456789`
	f := newFinder(map[string][]byte{"secret": []byte(secret), "other": []byte("nowhere-to-be-found")})
	quoted, _ := json.Marshal(map[string]string{"a": secret})
	again, _ := json.Marshal(map[string]string{"a": string(quoted)})
	for name, text := range map[string]string{
		"raw":          "x" + secret + "y",
		"cut":          "got one that begins " + secret[:part],
		"Basic":        "Basic " + base64.StdEncoding.EncodeToString([]byte("rootaccess:"+secret)),
		"Basic 2":      "Basic " + base64.StdEncoding.EncodeToString([]byte("rootacces:"+secret+"xx")),
		"Basic 3":      "Basic " + base64.URLEncoding.EncodeToString([]byte("rootacce:"+secret+"x")),
		"JSON":         string(quoted),
		"JSON twice":   string(again),
		"log":          "err=" + strconv.Quote("cannot log in with "+secret),
		"URL":          "mongodb://me:" + url.QueryEscape(secret) + "@host/db",
		"bytes":        fmt.Sprintf("%v", []byte("a "+secret)),
		"hex":          fmt.Sprintf("%x", "a"+secret),
		"gRPC header":  string(hpack.AppendHuffmanString(nil, "Bearer "+secret+" and more")),
		"gRPC details": string(hpack.AppendHuffmanString(nil, "grpc-"+secret)),
	} {
		found := f.find([]byte("\x00\x01" + text + "\n"))
		if found["secret"] == "" || len(found) != 1 {
			t.Errorf("%s: found %v, want the secret", name, found)
		}
	}
	if found := f.find([]byte(secret[:part-1] + secret[part:len(secret)-part] + "nowhere-to-be")); found["secret"] != "" {
		t.Errorf("found %v in something else", found)
	}
}

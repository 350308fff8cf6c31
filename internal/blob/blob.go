// Package blob names the bytes of one write attempt.
//
// A blob id is "g" + 12 characters of time in milliseconds + 13 of chance + 4 of the cluster's tag + 1 check character, all of Crockford's base32
// in lower case: 31 characters. Every attempt draws a fresh one, and one that was collected never comes back. The form is recognisable, so that
// Gelato never takes a foreign object for its own: only what has the form and this cluster's tag may be removed as an orphan, and raw plans
// and imports leave alone what has the form of any cluster.
//
// Services and adapters may import it.
package blob

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ID is a blob id.
type ID string

// Tag marks the blobs of one cluster.
type Tag string

const (
	alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	idLen    = 31
	tagAt    = 1 + 12 + 13
	hashLen  = 43 // base64url of SHA-256 without padding
)

// Marker is the native key, below a backend's prefix, of the object that says whose the place is.
const Marker = ".gelato-backend"

// Metadata is the name of the native metadata entry that says what a blob is, so that the catalog can be rebuilt from listings.
const Metadata = "gelato"

// TagOf derives the tag of a cluster from its id.
func TagOf(clusterID string) Tag {
	sum := sha256.Sum256([]byte(clusterID))
	return Tag(encode(binary.BigEndian.Uint64(sum[:8]), 4))
}

// New draws a blob id.
func New(t Tag) ID {
	var chance [8]byte
	rand.Read(chance[:]) // never fails
	body := "g" + encode(uint64(time.Now().UnixMilli()), 12) + encode(binary.BigEndian.Uint64(chance[:]), 13) + string(t)
	return ID(body + string(check(body)))
}

// NativeKey is where a blob lies: "<bucket>/<key>.<id>". A key that would make it longer than maxBytes, or that not every store can hold
// (see portable), ends in a hash of the whole key instead; then the full key is to be found in the blob's metadata only.
func NativeKey(bucket, key string, id ID, maxBytes int) (nativeKey string, hashed bool) {
	full := bucket + "/" + key + "." + string(id)
	if len(full) <= maxBytes && portable(full) == len(full) {
		return full, false
	}
	sum := sha256.Sum256([]byte(key))
	tail := "~" + base64.RawURLEncoding.EncodeToString(sum[:]) + "." + string(id)
	head := bucket + "/" + key
	head = head[:min(portable(head), max(len(bucket)+1, maxBytes-len(tail)))]
	if at := strings.LastIndexByte(head, '/') + 1; len(head)-at > segmentLimit-len(tail) {
		head = head[:at+segmentLimit-len(tail)]
	}
	for !utf8.ValidString(head) { // not in the middle of a character
		head = head[:len(head)-1]
	}
	return head + tail, true
}

// segmentLimit is how long a file name can be where a store keeps objects as files.
const segmentLimit = 255

// maxSegments is how many segments every store takes, with some left for a backend's prefix: Azure has 254.
const maxSegments = 200

// portable returns how much of a native key every store holds as it is. S3-compatible stores that keep objects as files take an empty,
// "." or ".." segment for none, and their names have a limit; listings in XML 1.0 lack some characters; Azure refuses control characters, takes a backslash for a
// slash and drops dots at the end of a segment.
func portable(name string) int {
	for at, n := 0, 1; at < len(name); n++ {
		seg, _, more := strings.Cut(name[at:], "/")
		if seg == "" && (more || at == 0) || seg == "." || seg == ".." || more && strings.HasSuffix(seg, ".") {
			return at
		}
		if n > maxSegments {
			return at - 1 // what comes in its place is no segment more
		}
		if i := strings.IndexFunc(seg, hard); i >= 0 {
			return at + i
		}
		if len(seg) > segmentLimit {
			return at
		}
		at += len(seg) + 1
	}
	return len(name)
}

// hard says that some store cannot carry r, or not unchanged.
func hard(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0x9f || r == '\\' || r == '\ufffe' || r == '\uffff'
}

// Describe returns what a blob carries in its store: the user's metadata and the entry named Metadata, a query string of bucket, version (an S3 version id,
// "null" in unversioned buckets) and, where the native key does not hold it, the key: as key or, where that is shorter, as key64 in base64url without padding, because
// a key of 341 Chinese characters would take 3 KiB. By it the catalog can be rebuilt from listings. What S3 would not take with it, the largest of the
// user's entries, is left out, and cut says so: the catalog has it all the same.
func Describe(user map[string]string, bucket, key, version, nativeKey string) map[string]string {
	entry := url.Values{"bucket": {bucket}, "version": {version}}
	if !strings.HasPrefix(nativeKey, bucket+"/"+key+".") {
		if short := base64.RawURLEncoding.EncodeToString([]byte(key)); len(short) < len(url.QueryEscape(key)) {
			entry.Set("key64", short)
		} else {
			entry.Set("key", key)
		}
	}
	m := make(map[string]string, len(user)+1)
	maps.Copy(m, user)
	m[Metadata] = entry.Encode()
	if sizeOf(m) <= maxDescription {
		return m
	}
	entry.Set("cut", "1")
	m[Metadata] = entry.Encode()
	bySize := slices.SortedFunc(maps.Keys(user), func(a, b string) int {
		return cmp.Or(entrySize(b, user[b])-entrySize(a, user[a]), strings.Compare(a, b))
	})
	for _, name := range bySize {
		if sizeOf(m) <= maxDescription {
			break
		}
		delete(m, name)
	}
	return m
}

// maxDescription is what S3 allows for all names and values of an object's metadata, in bytes.
const maxDescription = 2 << 10

func sizeOf(m map[string]string) int {
	n := 0
	for name, v := range m {
		n += entrySize(name, v)
	}
	return n
}

// entrySize is what an entry takes at most where names and values travel in headers: base64 in an RFC 2047 word for a value that is no plain
// text, and escapes for a name of more than letters, digits, hyphens and dots.
func entrySize(name, value string) int {
	n := len(name)
	for i := range len(name) {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			n = 3*len(name) + len("gelato-n-")
			break
		}
	}
	if strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) < 0 && strings.TrimSpace(value) == value && value != "" &&
		!strings.Contains(value, "=?") && !strings.Contains(value, "  ") {
		return n + len(value)
	}
	return n + len("=?UTF-8?B??=") + base64.StdEncoding.EncodedLen(len(value))
}

// IsOurs reports whether a native key has the form of a blob of any cluster.
func IsOurs(nativeKey string) bool {
	_, ok := parse(nativeKey)
	return ok
}

// HasTag reports whether a native key has the form of a blob of the cluster of t.
func HasTag(nativeKey string, t Tag) bool {
	id, ok := parse(nativeKey)
	return ok && id[tagAt:tagAt+4] == string(t)
}

func parse(nativeKey string) (string, bool) {
	at := len(nativeKey) - idLen
	if at < 2 || nativeKey[at-1] != '.' || nativeKey[at] != 'g' || !strings.Contains(nativeKey[:at], "/") {
		return "", false
	}
	id := nativeKey[at:]
	for i := 1; i < len(id); i++ {
		if strings.IndexByte(alphabet, id[i]) < 0 {
			return "", false
		}
	}
	return id, id[idLen-1] == check(id[:idLen-1])
}

// check is a polynomial over GF(32) (x^5+x^2+1), so that any one changed character, and any two swapped neighbours, show.
func check(body string) byte {
	sum := 0
	for i := 1; i < len(body); i++ {
		sum <<= 1
		if sum > 31 {
			sum ^= 0b100101
		}
		sum ^= strings.IndexByte(alphabet, body[i])
	}
	return alphabet[sum]
}

// encode writes the low 5*n bits of v.
func encode(v uint64, n int) string {
	out := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = alphabet[v&31]
		v >>= 5
	}
	return string(out)
}

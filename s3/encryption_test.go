package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/s3/keyring"
)

// testRing has the keys of a first start, "k" with the alias "hr", and "off", which is disabled.
func testRing(t *testing.T) *keyring.Ring {
	t.Helper()
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(filepath.Join(t.TempDir(), "keyring"), box, true, keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Create("k", []string{"hr"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Create("off", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.SetEnabled("off", false); err != nil {
		t.Fatal(err)
	}
	return ring
}

// customerHeaders are those of a key made of one byte.
func customerHeaders(prefix string, b byte) map[string]string {
	key := bytes.Repeat([]byte{b}, 32)
	sum := md5.Sum(key)
	return map[string]string{prefix + "Algorithm": "AES256", prefix + "Key": base64.StdEncoding.EncodeToString(key), prefix + "Key-Md5": base64.StdEncoding.EncodeToString(sum[:])}
}

// mode is one way to ask for encryption: what a write sends and is told, and what a read sends.
type mode struct{ write, shown, read, source map[string]string }

func modes() map[string]mode {
	return map[string]mode{
		"plain": {},
		"s3":    {write: map[string]string{sseHeader: "AES256"}, shown: map[string]string{sseHeader: "AES256"}},
		"kms":   {write: map[string]string{sseHeader: "aws:kms", sseKeyHeader: "alias/hr"}, shown: map[string]string{sseHeader: "aws:kms", sseKeyHeader: "k"}},
		"customer": {write: customerHeaders(ownCustomer, 7), read: customerHeaders(ownCustomer, 7), source: customerHeaders(sourceCustomer, 7),
			shown: map[string]string{ownCustomer + "Algorithm": "AES256", ownCustomer + "Key-Md5": customerHeaders(ownCustomer, 7)[ownCustomer+"Key-Md5"]}},
	}
}

func with(all ...map[string]string) map[string]string {
	m := map[string]string{}
	for _, one := range all {
		maps.Copy(m, one)
	}
	return m
}

// wantShown checks that an answer tells of encryption what it should, and nothing else.
func wantShown(t *testing.T, what string, h http.Header, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for name := range h {
		if strings.HasPrefix(name, sseHeader) {
			got[name] = h.Get(name)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// blob is the bytes of an object as its store has them.
func (g *gateway) blob(bucket, key, backend string) []byte {
	g.t.Helper()
	_, o := g.head(bucket, key)
	body, _, err := g.store(backend).Get(g.t.Context(), o.Location.NativeKey, adapters.Range{}, "")
	if err != nil {
		g.t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

func TestEncryptedObjects(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t)})
	g.bucket("sealed", "a")
	for name, m := range modes() {
		for _, size := range []int{0, 1, 4096, smallBody, smallBody + 1, 1<<20 + 3} {
			what, key, want := fmt.Sprintf("%s %d", name, size), fmt.Sprintf("%s-%d", name, size), data(9, size)
			path, sum := "/sealed/"+key, md5.Sum(want)
			put := g.send(call{method: "PUT", path: path, body: want, header: m.write})
			if put.status != 200 {
				t.Fatalf("%s: %v %s", what, put, put.message)
			}
			wantShown(t, what+" put", put.header, m.shown)
			etag := put.header.Get("Etag")
			if isMD5 := etag == quoted(hex.EncodeToString(sum[:])); isMD5 != (name == "plain" || name == "s3") || len(etag) != 34 {
				t.Errorf("%s: ETag %s", what, etag)
			}
			_, o := g.head("sealed", key)
			stored := g.blob("sealed", key, "a")
			if sealed := !bytes.Equal(stored, want); sealed != (name != "plain" && size > 0) || int64(len(stored)) != o.BlobSize() || o.Size != int64(size) {
				t.Errorf("%s: the store has %d bytes of %d, sealed %v", what, len(stored), o.BlobSize(), sealed)
			}
			g.relocate("sealed", key, "a", "b") // it moves ciphertext, and knows no key
			got := g.send(call{method: "GET", path: path, header: with(m.read, map[string]string{"X-Amz-Checksum-Mode": "ENABLED"})})
			if got.status != 200 || !bytes.Equal(got.body, want) || got.header.Get("Etag") != etag || got.header.Get("X-Gelato-Backend") != "b" {
				t.Errorf("%s: got %v, %d bytes, ETag %s", what, got, len(got.body), got.header.Get("Etag"))
			}
			if a, b := put.header.Get("X-Amz-Checksum-Crc64nvme"), got.header.Get("X-Amz-Checksum-Crc64nvme"); a != b || a == "" || a != crc64Text(want) {
				t.Errorf("%s: CRC64NVME %s, then %s, want %s", what, a, b, crc64Text(want))
			}
			wantShown(t, what+" get", got.header, m.shown)
			head := g.send(call{method: "HEAD", path: path, header: m.read})
			wantShown(t, what+" head", head.header, m.shown)
			if head.header.Get("Content-Length") != fmt.Sprint(size) {
				t.Errorf("%s: Content-Length %s", what, head.header.Get("Content-Length"))
			}
			for _, run := range [][2]int{{0, 0}, {size - 1, size - 1}, {smallBody - 1, smallBody}, {size / 3, size / 2}, {100, size}} {
				if run[0] < 0 || run[0] >= size || run[1] < run[0] {
					continue
				}
				got := g.send(call{method: "GET", path: path, header: with(m.read, map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", run[0], run[1])})})
				if got.status != 206 || !bytes.Equal(got.body, want[run[0]:min(run[1]+1, size)]) {
					t.Errorf("%s: range %v: %v, %d bytes", what, run, got, len(got.body))
				}
			}
		}
	}
}

func crc64Text(b []byte) string {
	return base64.StdEncoding.EncodeToString(plainSum(crc64Of(b))["CRC64NVME"])
}

func TestEncryptedMultipart(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t)})
	g.bucket("parts", "a")
	sizes := []int{5<<20 + 1, 5 << 20, 70_001}
	var want []byte
	var parts [][]byte
	for i, n := range sizes {
		parts = append(parts, data(uint64(i), n))
		want = append(want, parts[i]...)
	}
	for name, m := range modes() {
		path := "/parts/" + name
		begun := g.send(call{method: "POST", path: path, query: "uploads", header: m.write})
		if begun.status != 200 {
			t.Fatalf("%s: %v %s", name, begun, begun.message)
		}
		wantShown(t, name+" create", begun.header, m.shown)
		id := between(string(begun.body), "<UploadId>", "</UploadId>")
		list := "<CompleteMultipartUpload>"
		for i, part := range parts {
			query := fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, id)
			if name == "customer" {
				for _, wrong := range []map[string]string{nil, customerHeaders(ownCustomer, 8)} {
					if a := g.send(call{method: "PUT", path: path, query: query, body: part[:10], header: wrong}); a.String() != "400 InvalidRequest" {
						t.Errorf("%s: a part with %v: %v", name, wrong, a)
					}
				}
			} else if a := g.send(call{method: "PUT", path: path, query: query, body: part[:10], header: customerHeaders(ownCustomer, 8)}); a.String() != "400 InvalidRequest" {
				t.Errorf("%s: a part with a customer's key: %v", name, a)
			}
			first := g.send(call{method: "PUT", path: path, query: query, body: part, header: m.read})
			again := g.send(call{method: "PUT", path: path, query: query, body: part, header: m.read})
			if first.status != 200 || first.header.Get("Etag") != again.header.Get("Etag") {
				t.Fatalf("%s: part %d: %v %s; sent again, %v", name, i+1, first, first.message, again)
			}
			wantShown(t, name+" part", first.header, m.shown)
			list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, first.header.Get("Etag"))
		}
		if name == "customer" {
			if a := g.send(call{method: "POST", path: path, query: "uploadId=" + id, body: []byte(list + "</CompleteMultipartUpload>")}); a.String() != "400 InvalidRequest" {
				t.Errorf("%s: completed without the key: %v", name, a)
			}
		}
		done := g.send(call{method: "POST", path: path, query: "uploadId=" + id, body: []byte(list + "</CompleteMultipartUpload>"), header: m.read})
		if done.status != 200 || done.code != "" {
			t.Fatalf("%s: complete: %v %s", name, done, done.message)
		}
		wantShown(t, name+" complete", done.header, m.shown)
		if sum := between(string(done.body), "<ChecksumCRC64NVME>", "</ChecksumCRC64NVME>"); sum != crc64Text(want) {
			t.Errorf("%s: CRC64NVME %s, want %s", name, sum, crc64Text(want))
		}
		if stored := g.blob("parts", name, "a"); bytes.Contains(stored, want[:16]) != (name == "plain") {
			t.Errorf("%s: the blob of %d bytes is readable", name, len(stored))
		}
		g.relocate("parts", name, "a", "b")
		got := g.send(call{method: "GET", path: path, header: m.read})
		if got.status != 200 || !bytes.Equal(got.body, want) {
			t.Errorf("%s: got %v, %d bytes of %d", name, got, len(got.body), len(want))
		}
		wantShown(t, name+" get", got.header, m.shown)
		offset := 0
		for i, n := range sizes {
			got := g.send(call{method: "GET", path: path, query: fmt.Sprintf("partNumber=%d", i+1), header: m.read})
			if got.status != 206 || !bytes.Equal(got.body, parts[i]) {
				t.Errorf("%s: part %d: %v, %d bytes", name, i+1, got, len(got.body))
			}
			for _, run := range [][2]int{{offset - 1, offset + 1}, {offset, offset}, {offset + n/2, offset + n/2 + smallBody}, {offset + n - 1, len(want) - 1}} {
				if run[0] < 0 {
					continue
				}
				run[1] = min(run[1], len(want)-1)
				got := g.send(call{method: "GET", path: path, header: with(m.read, map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", run[0], run[1])})})
				if got.status != 206 || !bytes.Equal(got.body, want[run[0]:run[1]+1]) {
					t.Errorf("%s: range %v: %v, %d bytes", name, run, got, len(got.body))
				}
			}
			offset += n
		}
	}
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	inner, _, _ := strings.Cut(rest, to)
	return inner
}

func TestCopiesReencrypt(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t)})
	g.bucket("source", "a")
	g.bucket("dest", "a")
	want := data(4, 300_000)
	for from, m := range modes() {
		if a := g.send(call{method: "PUT", path: "/source/" + from, body: want, header: m.write}); a.status != 200 {
			t.Fatalf("%s: %v", from, a)
		}
		for to, n := range modes() {
			what, path := from+" to "+to, "/dest/"+from+"-"+to
			source := map[string]string{"X-Amz-Copy-Source": "/source/" + from}
			if from == "customer" {
				for wrong, code := range map[byte]string{0: "400 InvalidRequest", 9: "403 AccessDenied"} {
					h := with(source, n.write)
					if wrong != 0 {
						h = with(h, customerHeaders(sourceCustomer, wrong))
					}
					if a := g.send(call{method: "PUT", path: path, header: h}); a.String() != code {
						t.Errorf("%s with key %d: %v, want %s", what, wrong, a, code)
					}
				}
			}
			made := g.send(call{method: "PUT", path: path, header: with(source, m.source, n.write)})
			if made.status != 200 || made.code != "" {
				t.Fatalf("%s: %v %s", what, made, made.message)
			}
			wantShown(t, what, made.header, n.shown)
			got := g.send(call{method: "GET", path: path, header: n.read})
			if !bytes.Equal(got.body, want) {
				t.Errorf("%s: %v, %d bytes", what, got, len(got.body))
			}
			wantShown(t, what+" get", got.header, n.shown)
			if readable := bytes.Equal(g.blob("dest", from+"-"+to, "a"), want); readable != (to == "plain") {
				t.Errorf("%s: the blob is readable: %v", what, readable)
			}
			// The same, as a part.
			begun := g.send(call{method: "POST", path: path, query: "uploads", header: n.write})
			id := between(string(begun.body), "<UploadId>", "</UploadId>")
			part := g.send(call{method: "PUT", path: path, query: "partNumber=1&uploadId=" + id, header: with(source, m.source, n.read, map[string]string{"X-Amz-Copy-Source-Range": "bytes=100-250000"})})
			if part.status != 200 || part.code != "" {
				t.Fatalf("%s, a part: %v %s", what, part, part.message)
			}
			wantShown(t, what+" part", part.header, n.shown)
			list := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + between(string(part.body), "<ETag>", "</ETag>") + "</ETag></Part></CompleteMultipartUpload>"
			if a := g.send(call{method: "POST", path: path, query: "uploadId=" + id, body: []byte(list), header: n.read}); a.status != 200 || a.code != "" {
				t.Fatalf("%s, complete: %v %s", what, a, a.message)
			}
			if got := g.send(call{method: "GET", path: path, header: n.read}); !bytes.Equal(got.body, want[100:250_001]) {
				t.Errorf("%s, of a part: %v, %d bytes", what, got, len(got.body))
			}
		}
	}
	// An object may be copied onto itself to be encrypted in another way.
	self := map[string]string{"X-Amz-Copy-Source": "/source/plain"}
	if a := g.send(call{method: "PUT", path: "/source/plain", header: self}); a.String() != "400 InvalidRequest" {
		t.Errorf("a copy onto itself: %v", a)
	}
	if a := g.send(call{method: "PUT", path: "/source/plain", header: with(self, map[string]string{sseHeader: "AES256"})}); a.status != 200 {
		t.Errorf("a copy onto itself, encrypted: %v", a)
	}
	if got := g.send(call{method: "GET", path: "/source/plain"}); !bytes.Equal(got.body, want) || got.header.Get(sseHeader) != "AES256" {
		t.Errorf("encrypted in place: %v, %d bytes", got, len(got.body))
	}
}

// TestEncryptedVersions has versions of one key encrypted in different ways, each with a key of its own.
func TestEncryptedVersions(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Keyring: testRing(t)})
	g.bucket("versions", "a")
	config := "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
	if a := g.send(call{method: "PUT", path: "/versions", query: "versioning=", body: []byte(config)}); a.status != 200 {
		t.Fatal(a)
	}
	ids := map[string]string{}
	for name, m := range modes() {
		a := g.send(call{method: "PUT", path: "/versions/k", body: []byte("bytes of " + name), header: m.write})
		if ids[name] = a.header.Get("X-Amz-Version-Id"); a.status != 200 || ids[name] == "" {
			t.Fatalf("%s: %v %v", name, a, a.header)
		}
	}
	for name, m := range modes() {
		got := g.send(call{method: "GET", path: "/versions/k", query: "versionId=" + ids[name], header: m.read})
		if string(got.body) != "bytes of "+name {
			t.Errorf("%s: %v %q", name, got, got.body)
		}
		wantShown(t, name, got.header, m.shown)
		source := map[string]string{"X-Amz-Copy-Source": "/versions/k?versionId=" + ids[name]}
		if a := g.send(call{method: "PUT", path: "/versions/copy", header: with(source, m.source, modes()["kms"].write)}); a.status != 200 || a.code != "" {
			t.Errorf("%s: copied: %v", name, a)
		}
		if got := g.send(call{method: "GET", path: "/versions/copy"}); string(got.body) != "bytes of "+name || got.header.Get(sseKeyHeader) != "k" {
			t.Errorf("%s: the copy is %q", name, got.body)
		}
	}
}

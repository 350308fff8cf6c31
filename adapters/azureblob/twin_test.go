package azureblob

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/opensds/gelato/internal/testbed"
)

// twin is a proxy before Azurite that does what Azure is documented to do and Azurite does not:
//   - it checks x-ms-content-crc64 and answers with its own (Put Blob, Put Block);
//   - a write of a blob drops its uncommitted blocks (Put Blob, Put Block List);
//   - listings begin at startFrom, their markers are opaque, and pages may be short, or empty, with more to come (List Blobs).
//
// Requests to it are signed with a SAS, which does not cover what it changes.
type twin struct {
	target  string
	compare func(a, b string) int // order of listings

	noStartFrom bool
	names       []string // what is listed in place of what Azurite has, unless nil

	client *http.Transport
	mu     sync.Mutex
	blocks map[string]map[string]bool // uncommitted blocks by path and id
	lists  int
	checks int // CRC64 that were checked
}

func newTwin(t *testing.T, w *twin) string {
	t.Helper()
	w.blocks = map[string]map[string]bool{}
	w.client = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(w.client.CloseIdleConnections)
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	return srv.URL
}

// accountSAS signs a token that may do everything for an hour.
func accountSAS(t *testing.T, srv *testbed.AzuriteServer) string {
	t.Helper()
	cred, err := service.NewSharedKeyCredential(srv.Account, srv.Key)
	if err != nil {
		t.Fatal(err)
	}
	all := sas.AccountPermissions{Read: true, Write: true, Delete: true, List: true, Create: true, Add: true}
	q, err := sas.AccountSignatureValues{
		Version: "2024-08-04", ExpiryTime: time.Now().Add(time.Hour).UTC(), Permissions: all.String(), ResourceTypes: (&sas.AccountResourceTypes{Container: true, Object: true}).String(),
	}.SignWithSharedKey(cred)
	if err != nil {
		t.Fatal(err)
	}
	return q.Encode()
}

func (w *twin) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	comp := r.URL.Query().Get("comp")
	switch {
	case r.Method == http.MethodGet && comp == "list":
		w.list(rw, r)
	case r.Method == http.MethodPut && (comp == "" || comp == "block"):
		w.put(rw, r, comp == "block")
	case comp == "blocklist":
		w.blockList(rw, r)
	default:
		w.forward(rw, r, r.Body, nil)
	}
}

// forward sends a request on; change may look at the answer and change it.
func (w *twin) forward(rw http.ResponseWriter, r *http.Request, body io.Reader, change func(*http.Response)) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, w.target+r.URL.RequestURI(), body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out.Header, out.ContentLength = r.Header.Clone(), r.ContentLength
	out.Header.Del("X-Ms-Content-Crc64")
	resp, err := w.client.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	if change != nil {
		change(resp)
	}
	maps.Copy(rw.Header(), resp.Header)
	rw.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(rw, resp.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func refuse(rw http.ResponseWriter, code string) {
	rw.Header().Set("X-Ms-Error-Code", code)
	rw.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(rw, "<Error><Code>%s</Code></Error>", code)
}

// put takes a Put Blob or Put Block. The polynomial is Azure's, as its SDK has it: the sum is made without the adapter's code.
func (w *twin) put(rw http.ResponseWriter, r *http.Request, block bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	sum := crc64.Checksum(body, crc64.MakeTable(0x9A6C9329AC4BC9B5))
	text := base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64(nil, sum))
	if given := r.Header.Get("X-Ms-Content-Crc64"); given != "" {
		w.mu.Lock()
		w.checks++
		w.mu.Unlock()
		if given != text {
			refuse(rw, "Crc64Mismatch")
			return
		}
	}
	w.forward(rw, r, bytes.NewReader(body), func(resp *http.Response) {
		if resp.StatusCode != http.StatusCreated {
			return
		}
		resp.Header.Set("X-Ms-Content-Crc64", text)
		resp.Header.Del("Content-Md5")
		w.mu.Lock()
		defer w.mu.Unlock()
		if !block {
			delete(w.blocks, r.URL.Path)
			return
		}
		if w.blocks[r.URL.Path] == nil {
			w.blocks[r.URL.Path] = map[string]bool{}
		}
		w.blocks[r.URL.Path][r.URL.Query().Get("blockid")] = true
	})
}

var (
	latest   = regexp.MustCompile(`<Latest>([^<]*)</Latest>`)
	staged   = regexp.MustCompile(`<Block><Name>([^<]*)</Name><Size>[0-9]*</Size></Block>`)
	blobItem = regexp.MustCompile(`(?s)<Blob>.*?</Blob>`)
	named    = regexp.MustCompile(`<Name>([^<]*)</Name>`)
	marked   = regexp.MustCompile(`<NextMarker>([^<]*)</NextMarker>`)
)

// blockList leaves out blocks that Azure has dropped.
func (w *twin) blockList(rw http.ResponseWriter, r *http.Request) {
	has := func(id string) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.blocks[r.URL.Path][id]
	}
	if r.Method == http.MethodGet {
		w.forward(rw, r, r.Body, func(resp *http.Response) {
			body, _ := io.ReadAll(resp.Body)
			body = staged.ReplaceAllFunc(body, func(b []byte) []byte {
				if has(string(staged.FindSubmatch(b)[1])) {
					return b
				}
				return nil
			})
			resp.Body = io.NopCloser(bytes.NewReader(body))
			resp.Header.Del("Content-Length")
		})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for _, m := range latest.FindAllSubmatch(body, -1) {
		if !has(string(m[1])) {
			refuse(rw, "InvalidBlockList")
			return
		}
	}
	w.forward(rw, r, bytes.NewReader(body), func(resp *http.Response) {
		if resp.StatusCode == http.StatusCreated {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.blocks, r.URL.Path)
		}
	})
}

// list answers a page from all that there is.
func (w *twin) list(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	blobs, failed := w.all(r, q)
	if failed != nil {
		rw.WriteHeader(http.StatusInternalServerError)
		return
	}
	names := slices.SortedFunc(maps.Keys(blobs), w.compare)
	from := q.Get("startFrom")
	if w.noStartFrom {
		from = ""
	}
	if m, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(q.Get("marker"), "2!")); err == nil && len(m) > 0 {
		from = string(m)
	}
	i, _ := slices.BinarySearchFunc(names, from, w.compare)
	names = names[i:]
	n := len(names)
	if most, err := strconv.Atoi(q.Get("maxresults")); err == nil {
		n = min(n, most)
	}
	w.mu.Lock()
	if w.lists++; w.lists%7 == 0 {
		n /= 2
	}
	w.mu.Unlock()
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>`)
	for _, name := range names[:n] {
		b.WriteString(blobs[name])
	}
	b.WriteString("</Blobs><NextMarker>")
	if n < len(names) {
		b.WriteString("2!" + base64.URLEncoding.EncodeToString([]byte(names[n])))
	}
	b.WriteString("</NextMarker></EnumerationResults>")
	rw.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(rw, b.String())
}

// all returns all blobs with a prefix by name, as XML.
func (w *twin) all(r *http.Request, q url.Values) (map[string]string, error) {
	blobs := map[string]string{}
	if w.names != nil {
		for _, name := range w.names {
			if strings.HasPrefix(name, q.Get("prefix")) {
				var escaped strings.Builder
				_ = xml.EscapeText(&escaped, []byte(name))
				blobs[name] = "<Blob><Name>" + escaped.String() + "</Name><Properties><Etag>0x1</Etag></Properties></Blob>"
			}
		}
		return blobs, nil
	}
	q = maps.Clone(q)
	for _, name := range []string{"startFrom", "maxresults", "marker"} {
		q.Del(name)
	}
	for {
		out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, w.target+r.URL.EscapedPath()+"?"+q.Encode(), nil)
		if err != nil {
			return nil, err
		}
		resp, err := w.client.RoundTrip(out)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("status %d: %w", resp.StatusCode, err)
		}
		for _, blob := range blobItem.FindAllString(string(body), -1) {
			blobs[html.UnescapeString(named.FindStringSubmatch(blob)[1])] = blob
		}
		m := marked.FindStringSubmatch(string(body))
		if m == nil || m[1] == "" {
			return blobs, nil
		}
		q.Set("marker", html.UnescapeString(m[1]))
	}
}

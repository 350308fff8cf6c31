package matrix

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// clients is how many requests are under way at once.
const clients = 8

const (
	multipartFrom = 16 << 20 // bytes; what is larger is written in parts
	partSize      = 8 << 20
)

// pair is the way of the objects from one store to another.
type pair struct {
	*testing.T
	*matrix
	from, to       *store
	s3             *s3lite.Client
	source, copied string // buckets
	began          time.Time
	steps          []string
	proofs         map[string]int
}

// each calls f for every object, several at once.
func (p *pair) each(f func(object) error) {
	p.Helper()
	next := make(chan object)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for o := range next {
				if err := f(o); err != nil {
					p.Errorf("%q: %v", short(o.Key), err)
				}
			}
		})
	}
	for _, o := range p.objects {
		next <- o
	}
	close(next)
	all.Wait()
	if p.Failed() {
		p.FailNow() // what follows would only say the same again
	}
}

// short is a key as messages show it.
func short(key string) string {
	if len(key) > 80 {
		return fmt.Sprintf("%.60s... of %d bytes", key, len(key))
	}
	return key
}

// bucket makes a bucket on a store.
func (p *pair) bucket(name string, on *store) string {
	p.Helper()
	name = name + "." + p.from.name + "." + p.to.name
	if err := p.s3.CreateBucket(p.Context(), name, on.name); err != nil {
		p.Fatal(err)
	}
	return name
}

// write puts the objects into the source.
func (p *pair) write() {
	p.Helper()
	p.each(func(o object) error {
		if o.Size > multipartFrom {
			return p.writeParts(o)
		}
		resp, err := p.s3.Do(p.Context(), s3lite.Request{Method: http.MethodPut, Bucket: p.source, Key: o.Key, Header: o.headers, Body: o.Reader(), Size: o.Size})
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// writeParts puts an object in parts.
func (p *pair) writeParts(o object) error {
	request := s3lite.Request{Method: http.MethodPost, Bucket: p.source, Key: o.Key, Query: url.Values{"uploads": {""}}, Header: o.headers}
	var upload struct{ UploadId string }
	if err := p.s3.XML(p.Context(), request, &upload); err != nil {
		return err
	}
	type part struct {
		PartNumber int
		ETag       string
	}
	var list struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []part
	}
	content := o.Reader()
	for at := int64(0); at < o.Size; at += partSize {
		n := len(list.Part) + 1
		size := min(partSize, o.Size-at)
		resp, err := p.s3.Do(p.Context(), s3lite.Request{Method: http.MethodPut, Bucket: p.source, Key: o.Key, Body: io.LimitReader(content, size), Size: size,
			Query: url.Values{"uploadId": {upload.UploadId}, "partNumber": {strconv.Itoa(n)}}})
		if err != nil {
			return fmt.Errorf("part %d: %w", n, err)
		}
		resp.Body.Close()
		list.Part = append(list.Part, part{n, resp.Header.Get("ETag")})
	}
	body, err := xml.Marshal(list)
	if err != nil {
		return err
	}
	var done struct {
		XMLName xml.Name // the answer may be an error with the status of success
		Message string
	}
	err = p.s3.XML(p.Context(), s3lite.Request{Method: http.MethodPost, Bucket: p.source, Key: o.Key, Query: url.Values{"uploadId": {upload.UploadId}},
		Body: strings.NewReader(string(body)), Size: int64(len(body))}, &done)
	if err == nil && done.XMLName.Local != "CompleteMultipartUploadResult" {
		err = fmt.Errorf("complete: %s: %s", done.XMLName.Local, done.Message)
	}
	return err
}

// wantJob waits for a job, which must succeed with every object copied and proven, from the first store to the second.
func (p *pair) wantJob(id string) {
	p.Helper()
	job, err := p.WaitJob(p.Context(), id, 20*time.Millisecond, nil)
	if err != nil {
		p.Fatal(err)
	}
	n := int64(len(p.objects))
	if job.Status != "succeeded" || job.PassedCount != n || job.TotalCount != n || !job.TotalsFinal {
		p.Errorf("the job is %+v, want %d objects passed", job, n)
	}
	report, err := p.Report(p.Context(), id)
	if err != nil {
		p.Fatal(err)
	}
	lines := map[string][]testbed.Outcome{}
	p.proofs = map[string]int{}
	for _, o := range report {
		lines[o.Key] = append(lines[o.Key], o)
		p.proofs[o.Proof]++
	}
	if len(lines) != len(p.objects) {
		p.Errorf("the report names %d keys, want %d", len(lines), len(p.objects))
	}
	for _, o := range p.objects {
		want := testbed.Outcome{Key: o.Key, Outcome: "copied", Bytes: o.Size,
			Source: testbed.Place{Backend: p.from.name}, Destination: testbed.Place{Backend: p.to.name, Algorithm: "CRC64NVME", Checksum: o.crc64}}
		if len(lines[o.Key]) != 1 {
			p.Errorf("the report has %d lines for %q", len(lines[o.Key]), short(o.Key))
			continue
		}
		got := lines[o.Key][0]
		if got.Proof == "" {
			p.Errorf("the report names no proof for %q", short(o.Key))
		}
		got.VersionID, got.Reason, got.Proof, got.Source.Algorithm, got.Source.Checksum = "", "", "", "", ""
		got.Destination.Algorithm = strings.ToUpper(got.Destination.Algorithm)
		if got != want {
			p.Errorf("the report says\n%+v, want\n%+v", lines[o.Key][0], want)
		}
	}
	if p.Failed() {
		p.FailNow()
	}
}

// wantBucket reads every object through S3, and compares the listing.
func (p *pair) wantBucket(bucket string, at *store) {
	p.Helper()
	p.each(func(o object) error {
		resp, err := p.s3.Get(p.Context(), bucket, o.Key)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if got := resp.Header.Get("X-Gelato-Backend"); got != at.name {
			return fmt.Errorf("x-gelato-backend is %q, want %q", got, at.name)
		}
		if err := sameHeaders(resp.Header, o.headers); err != nil {
			return err
		}
		return o.same(func(w io.Writer) error { _, err := io.Copy(w, resp.Body); return err })
	})
	want := slices.Clone(p.objects)
	slices.SortFunc(want, func(a, b object) int { return strings.Compare(a.Key, b.Key) })
	i := 0
	for got, err := range p.s3.List(p.Context(), bucket, "") {
		switch {
		case err != nil:
			p.Fatal(err)
		case i >= len(want) || got.Key != want[i].Key || got.Size != want[i].Size:
			p.Fatalf("line %d of the listing is %q of %d bytes, want line %d of %d", i, short(got.Key), got.Size, i, len(want))
		}
		i++
	}
	if i != len(want) {
		p.Fatalf("the listing has %d lines, want %d", i, len(want))
	}
}

const meta = "X-Amz-Meta-"

// sameHeaders compares what the client sent with what it got: no content header and no entry of metadata more or less.
func sameHeaders(got, want http.Header) error {
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control", "Expires"} {
		w := want.Get(name)
		if name == "Content-Type" && w == "" {
			w = "binary/octet-stream" // as S3 has it
		}
		if g := got.Get(name); g != w {
			return fmt.Errorf("%s is %q, want %q", name, g, w)
		}
	}
	entries := 0
	for name, values := range got {
		if strings.HasPrefix(name, meta) {
			entries++
			if !slices.Equal(values, want[name]) {
				return fmt.Errorf("%s is %q, want %q", name, values, want[name])
			}
		}
	}
	for name := range want {
		if strings.HasPrefix(name, meta) {
			entries--
		}
	}
	if entries != 0 {
		return fmt.Errorf("%d entries of metadata too many (or too few): %v", entries, got)
	}
	return nil
}

// empty deletes every object of a bucket, and the bucket.
func (p *pair) empty(bucket string) {
	p.Helper()
	p.each(func(o object) error { return p.s3.Delete(p.Context(), bucket, o.Key) })
	resp, err := p.s3.Do(p.Context(), s3lite.Request{Method: http.MethodDelete, Bucket: bucket})
	if err != nil {
		p.Fatal(err)
	}
	resp.Body.Close()
}

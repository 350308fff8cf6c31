package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/loadgen"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const (
	clients  = 32
	bodySize = 4 << 10
	roundFor = 5 * time.Second
	perRound = 48_000 // requests prepared for a round: more than any server here answers in its time
)

// contender is a server with an empty bucket.
type contender struct {
	name   string
	e      s3lite.Endpoint
	bucket string
	rates  map[string][]float64 // by operation
	cpu    func() time.Duration // that the server has used
}

// BenchmarkServe asks gelato on posix backends, with sync on and off, and versitygw, all on the same disk, for small PUTs and GETs and
// for pages of 1,000 keys.
func BenchmarkServe(b *testing.B) {
	v := testbed.Versity(b, testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}})
	v.CreateBucket("bench")
	g := testbed.StartGelato(b, testbed.GelatoOptions{Args: []string{"--log-level", "warn"}}) // as versitygw runs --quiet
	all := []*contender{
		{name: "versitygw", e: v.S3(), bucket: "bench", cpu: v.Process().CPU},
		{name: "gelato, sync off", e: g.Endpoint(), bucket: "sync-off", cpu: g.Process().CPU},
		{name: "gelato, sync on", e: g.Endpoint(), bucket: "sync-on", cpu: g.Process().CPU},
		{name: "gelato, sync off, policy and versions", e: g.Endpoint(), bucket: "policy", cpu: g.Process().CPU},
	}
	for _, c := range all[1:] {
		err := g.REST(b.Context(), http.MethodPost, "backends", map[string]any{
			"name": c.bucket, "type": "posix", "bucketName": b.TempDir(), "options": map[string]string{"sync": fmt.Sprint(c.bucket == "sync-on")},
		}, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := g.Client().CreateBucket(b.Context(), c.bucket, c.bucket); err != nil {
			b.Fatal(err)
		}
	}
	configure(b, g.Client(), "policy")
	for _, c := range all {
		c.rates = map[string][]float64{}
		c.fill(b, 10_000)
	}
	for round := range runs {
		for _, c := range all {
			c.put(b, round)
			c.get(b)
			c.page(b)
		}
	}
	base := all[0]
	for _, op := range []string{"PUT 4 KiB", "GET 4 KiB", "page of 1,000"} {
		for _, c := range all {
			rate, ratio := median(c.rates[op]), median(c.rates[op])/median(base.rates[op])
			say("%s, %d clients: %s %.0f/s, ratio to versitygw %.2f", op, clients, c.name, rate, ratio)
			b.ReportMetric(ratio, strings.NewReplacer(" ", "-", ",", "").Replace(c.name+" "+op))
		}
	}
	say("VmHWM of gelato %d MiB", g.PeakMemory()>>20)
}

// configure gives a bucket a policy that every request is judged by, and versions.
func configure(b *testing.B, c *s3lite.Client, bucket string) {
	b.Helper()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::` + bucket + `","arn:aws:s3:::` + bucket +
		`/*"],"Condition":{"NotIpAddress":{"aws:SourceIp":["127.0.0.0/8","::1/128"]}}}]}`
	versions := `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`
	for name, text := range map[string]string{"policy": policy, "versioning": versions} {
		resp, err := c.Do(b.Context(), s3lite.Request{Method: http.MethodPut, Bucket: bucket, Query: url.Values{name: {""}}, Body: strings.NewReader(text), Size: int64(len(text))})
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
}

func (c *contender) request(b *testing.B, method, key, query string, body []byte) loadgen.Request {
	b.Helper()
	path := "/" + c.bucket
	if key != "" {
		path += "/" + key
	}
	r, err := loadgen.New(c.e, method, path, query, body)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// run spreads requests over the clients and notes the rate.
func (c *contender) run(b *testing.B, op string, requests []loadgen.Request, limit time.Duration, cycle bool) {
	b.Helper()
	c.spread(b, op, requests, clients, limit, cycle)
}

// spread is run with a number of clients.
func (c *contender) spread(b *testing.B, op string, requests []loadgen.Request, clients int, limit time.Duration, cycle bool) {
	b.Helper()
	lists := make([][]loadgen.Request, clients)
	for i, r := range requests {
		lists[i%clients] = append(lists[i%clients], r)
	}
	before := c.cpu()
	r, err := loadgen.Run(b.Context(), c.e, lists, limit, cycle)
	if err != nil {
		b.Fatalf("%s: %s: %v", c.name, op, err)
	}
	if op != "" {
		c.rates[op] = append(c.rates[op], r.PerSecond())
		say("%s: %s: %.0f/s, p50 %v, p99 %v, %v of CPU each", c.name, op, r.PerSecond(), r.P50, r.P99,
			((c.cpu() - before) / time.Duration(r.Requests)).Round(time.Microsecond))
	}
}

var body = bytes.Repeat([]byte("gelato 4 KiB body 32 bytes each."), bodySize/32)

func fillKey(i int) string { return fmt.Sprintf("fill/%05d", i) }

// fill makes the objects that GET and pages ask for.
func (c *contender) fill(b *testing.B, n int) {
	requests := make([]loadgen.Request, n)
	for i := range requests {
		requests[i] = c.request(b, http.MethodPut, fillKey(i), "", body)
	}
	c.run(b, "", requests, 10*time.Minute, false)
}

// put makes objects that were not there before.
func (c *contender) put(b *testing.B, round int) {
	requests := make([]loadgen.Request, perRound)
	for i := range requests {
		requests[i] = c.request(b, http.MethodPut, fmt.Sprintf("put/%d/%02d/%05d", round, i%97, i), "", body)
	}
	c.run(b, "PUT 4 KiB", requests, roundFor, false)
}

func (c *contender) get(b *testing.B) {
	requests := make([]loadgen.Request, 10_000)
	for i := range requests {
		requests[i] = c.request(b, http.MethodGet, fillKey(i*7919%10_000), "", nil)
	}
	c.run(b, "GET 4 KiB", requests, roundFor, true)
}

// page asks for each of the ten pages of the filled objects.
func (c *contender) page(b *testing.B) {
	requests := make([]loadgen.Request, 10*clients)
	for i := range requests {
		query := "list-type=2&max-keys=1000&prefix=fill%2F"
		if at := i / clients * 1000; at > 0 {
			query = "list-type=2&max-keys=1000&prefix=fill%2F&start-after=" + strings.ReplaceAll(fillKey(at-1), "/", "%2F")
		}
		requests[i] = c.request(b, http.MethodGet, "", query, nil)
	}
	c.run(b, "page of 1,000", requests, roundFor, true)
}

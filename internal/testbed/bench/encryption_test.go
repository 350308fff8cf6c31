package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/loadgen"
)

// BenchmarkEncryption asks one gelato on a posix backend without sync for PUTs and GETs of 4 KiB and 16 MiB, in a bucket in clear and in one that encrypts (SSE-S3), by turns.
func BenchmarkEncryption(b *testing.B) {
	g := testbed.StartGelato(b, testbed.GelatoOptions{Args: []string{"--log-level", "warn"}})
	err := g.REST(b.Context(), http.MethodPost, "backends", map[string]any{"name": "store", "type": "posix", "bucketName": b.TempDir(), "options": map[string]string{"sync": "false"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	config := `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`
	all := []*contender{{name: "clear", bucket: "clear"}, {name: "sealed", bucket: "sealed"}}
	for _, c := range all {
		c.e, c.cpu, c.rates = g.Endpoint(), g.Process().CPU, map[string][]float64{}
		if err := g.Client().CreateBucket(b.Context(), c.bucket, "store"); err != nil {
			b.Fatal(err)
		}
	}
	all[1].run(b, "", []loadgen.Request{all[1].request(b, http.MethodPut, "", "encryption=", []byte(config))}, time.Minute, false)
	for round := range runs {
		for _, size := range []int{4 << 10, 16 << 20} {
			count, width := 640, clients
			if size > 1<<20 {
				count, width = 16, 4
			}
			payload := bytes.Repeat([]byte("gelato 16 MiB or 4 KiB of bytes."), size/32)
			for i := range all {
				c := all[(i+round)%len(all)]
				for _, method := range []string{http.MethodPut, http.MethodGet} {
					requests := make([]loadgen.Request, count)
					for n := range requests {
						var body []byte
						if method == http.MethodPut {
							body = payload
						}
						requests[n] = c.request(b, method, fmt.Sprintf("%d/%d", size, n), "", body)
					}
					c.spread(b, fmt.Sprintf("%s-%d", method, size), requests, width, roundFor, true)
				}
			}
		}
	}
	for op := range all[0].rates {
		ratio := median(all[1].rates[op]) / median(all[0].rates[op])
		say("%s: sealed over clear %.2f", op, ratio)
		b.ReportMetric(ratio, op)
	}
	say("VmHWM of gelato %d MiB", g.PeakMemory()>>20)
}

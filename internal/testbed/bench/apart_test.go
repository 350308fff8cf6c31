package bench

import (
	"net/http"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// BenchmarkApart asks gelato as one process and as six for small PUTs and GETs: both on posix backends without sync on one disk, with their state in
// databases of one MongoDB stand-in and their queue on one Apache Kafka. What differs is that a request crosses process borders.
func BenchmarkApart(b *testing.B) {
	c := testbed.StartCluster(b, testbed.ClusterOptions{TLS: true, Flags: map[string][]string{"s3": {"--log-level", "warn"}}})
	up := testbed.StartGelato(b, testbed.GelatoOptions{Args: []string{"--state", c.Mongo.URL("together"), "--queue", "kafka://" + c.Kafka.Addr(), "--log-level", "warn"}})
	all := []*contender{
		{name: "one process", e: up.Endpoint(), bucket: "together", cpu: up.Process().CPU},
		{name: "six processes", e: c.Endpoint(), bucket: "apart", cpu: func() (sum time.Duration) {
			for _, name := range c.Names() {
				sum += c.Process(name).CPU()
			}
			return sum
		}},
	}
	for i, front := range []*testbed.Front{&up.Front, &c.Front} {
		err := front.REST(b.Context(), http.MethodPost, "backends", map[string]any{
			"name": all[i].bucket, "type": "posix", "bucketName": b.TempDir(), "options": map[string]string{"sync": "false"},
		}, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := front.Client().CreateBucket(b.Context(), all[i].bucket, all[i].bucket); err != nil {
			b.Fatal(err)
		}
		all[i].rates = map[string][]float64{}
		all[i].fill(b, 10_000)
	}
	server := c.Mongo.Process()
	for round := range runs {
		for _, one := range all {
			before := server.CPU()
			one.put(b, round)
			say("%s: PUT 4 KiB: the state server took %v of CPU", one.name, server.CPU()-before)
			before = server.CPU()
			one.get(b)
			say("%s: GET 4 KiB: the state server took %v of CPU", one.name, server.CPU()-before)
		}
	}
	for _, op := range []string{"PUT 4 KiB", "GET 4 KiB"} {
		together, apart := median(all[0].rates[op]), median(all[1].rates[op])
		say("%s, %d clients: one process %.0f/s, six processes %.0f/s, ratio %.2f", op, clients, together, apart, apart/together)
		b.ReportMetric(apart/together, "apart/together-"+op[:3])
	}
}

package clients

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// target is the server under test.
type target struct {
	s3lite.Endpoint
	proxy string // URL of an HTTP proxy that leads *.s3.test, which no DNS knows, to the server
}

// client is a column of the matrix.
type client struct {
	name    string
	version func(t *testing.T) string
	run     func(t *testing.T, e target, m *column)
}

// clients are all columns, in the order of the table.
func clients() []client {
	return slices.Concat(scripts(), []client{
		{"boto3", boto3Version, runBoto3},
		{"sdk-js", jsVersion, runJS},
		{"sdk-go", moduleVersion("github.com/aws/aws-sdk-go-v2/service/s3"), runAWSGo},
		{"minio-go", moduleVersion("github.com/minio/minio-go/v7"), runMinio},
	})
}

// column collects what became of the rows of one client.
type column struct {
	mu    sync.Mutex
	rows  []string
	state map[string]string
	took  time.Duration
}

func (c *column) record(row string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.state[row]; !twice {
		c.rows = append(c.rows, row)
	}
	c.state[row] = map[bool]string{true: "ok", false: "FAIL"}[ok]
}

// run runs a row as a subtest.
func (c *column) run(t *testing.T, row string, f func(t *testing.T)) {
	c.record(row, t.Run(strings.ReplaceAll(row, " ", "-"), f))
}

// TestMatrix runs every row of every client against one server and logs the table.
func TestMatrix(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real clients")
	}
	g := testbed.StartGelato(t, testbed.GelatoOptions{Args: []string{"--s3-domain", "s3.test"}})
	e := target{Endpoint: g.Endpoint(), proxy: startProxy(t, g.S3)}
	all := clients()
	columns := make([]*column, len(all))
	versions := make([]string, len(all))
	t.Run("client", func(t *testing.T) {
		for i, c := range all {
			columns[i] = &column{state: map[string]string{}}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				start := time.Now()
				versions[i] = c.version(t)
				c.run(t, e, columns[i])
				columns[i].took = time.Since(start)
			})
		}
	})
	t.Log("\n" + table(all, versions, columns))
}

// table draws a line a row and a column a client: ok, FAIL, or a dot where the client has no such command.
func table(all []client, versions []string, columns []*column) string {
	var rows []string
	seen := map[string]bool{}
	for _, c := range columns {
		for _, row := range c.rows {
			if !seen[row] {
				seen[row] = true
				rows = append(rows, row)
			}
		}
	}
	slices.Sort(rows)
	var b strings.Builder
	for i, c := range all {
		failed := 0
		for state := range maps.Values(columns[i].state) {
			if state != "ok" {
				failed++
			}
		}
		fmt.Fprintf(&b, "%-10s %-50s %3d rows, %d failed, %5.1f s\n", c.name, versions[i], len(columns[i].rows), failed, columns[i].took.Seconds())
	}
	width := 0
	for _, row := range rows {
		width = max(width, utf8.RuneCountInString(row))
	}
	fmt.Fprintf(&b, "%-*s", width, "")
	for _, c := range all {
		fmt.Fprintf(&b, " %8s", c.name)
	}
	for _, row := range rows {
		fmt.Fprintf(&b, "\n%-*s", width, row)
		for _, c := range columns {
			state := c.state[row]
			if state == "" {
				state = "."
			}
			fmt.Fprintf(&b, " %8s", state)
		}
	}
	return b.String()
}

package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// system is a Gelato as users see it, and what can be done to its parts.
type system struct {
	*testbed.Front
	peaks func() map[string]int64 // VmHWM in bytes by process
	blows []blow                  // that it must survive
}

// blow is something bad that happens to one part.
type blow struct {
	name     string
	s3, rest bool // what may fail from strike until heal has returned; nothing else is ever excused
	strike   func() error
	heal     func() error // when the part is back and serves
}

// timing is how soon things are taken over.
type timing struct{ lease, leader time.Duration }

var (
	usual = timing{30 * time.Second, 10 * time.Second} // the defaults
	quick = timing{5 * time.Second, 3 * time.Second}
)

// alone starts `gelato up`.
func alone(ttl timing) func(*testing.T) system {
	return func(t *testing.T) system {
		g := testbed.StartGelato(t, testbed.GelatoOptions{
			Args: []string{"--garbage-grace", grace.String(), "--sweep-interval", "1s", "--lease-ttl", ttl.lease.String(), "--write-ttl", ttl.lease.String()},
		})
		return system{
			Front: &g.Front,
			peaks: func() map[string]int64 { return map[string]int64{"gelato": g.PeakMemory()} },
			blows: []blow{{name: "kill gelato", s3: true, rest: true, strike: func() error { g.Kill(); return nil }, heal: g.Restart}},
		}
	}
}

// apart starts the six services as processes, with two datamovers, and more of others and flags of theirs when wanted, on the MongoDB stand-in and Apache Kafka.
func apart(ttl timing, o testbed.ClusterOptions, into **testbed.Cluster) func(*testing.T) system {
	return func(t *testing.T) system {
		o.Datamovers = 2
		quiet, leader := []string{"--log-level", "warn"}, []string{"--leader-ttl", ttl.leader.String()} // quiet: no line for each request
		o.Flags = map[string][]string{
			"api":       quiet,
			"datamover": o.Flags["datamover"],
			"s3":        slices.Concat([]string{"--garbage-grace", grace.String(), "--sweep-interval", "1s", "--write-ttl", ttl.lease.String()}, leader, quiet),
			"dataflow":  slices.Concat([]string{"--lease-ttl", ttl.lease.String()}, leader),
			"scheduler": leader,
		}
		c := testbed.StartCluster(t, o)
		if into != nil {
			*into = c
		}
		s := system{Front: &c.Front, peaks: func() map[string]int64 {
			all := map[string]int64{}
			for _, name := range c.Names() {
				all[name] = c.PeakMemory(name)
			}
			return all
		}}
		for _, name := range c.Names() {
			service, _, _ := strings.Cut(name, "-") // a second s3 serves the other services alone
			s.blows = append(s.blows, blow{
				name: "kill " + name, s3: name == "s3", rest: service != "scheduler" && service != "datamover",
				strike: func() error { c.Kill(name); return nil }, heal: func() error { return c.Restart(name) },
			})
		}
		s.blows = append(s.blows,
			blow{name: "kill the broker", strike: func() error { c.Kafka.Kill(); return nil }, heal: func() error { c.Kafka.Restart(); return nil }},
			blow{name: "kill the state server", s3: true, rest: true, strike: func() error { c.Mongo.Kill(); return nil },
				heal: func() error { c.Mongo.Restart(); return nil }},
			blow{name: "freeze a datamover", strike: func() error { return c.Pause("datamover-2") },
				heal: func() error { time.Sleep(ttl.lease + ttl.lease/2); return c.Resume("datamover-2") }},
		)
		return s
	}
}

// wantMemory prints the peaks and fails the test for each process above a limit in MiB.
func (s *stage) wantMemory(limit int64) {
	peaks := s.peaks()
	var words []string
	for _, name := range slices.Sorted(maps.Keys(peaks)) {
		words = append(words, fmt.Sprintf("%s %d", name, peaks[name]>>20))
		if peaks[name] >= limit<<20 {
			s.t.Errorf("%s took %d MiB of memory, want under %d", name, peaks[name]>>20, limit)
		}
	}
	s.figure("VmHWM in MiB: %s", strings.Join(words, ", "))
}

package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/opensds/gelato/proto/dataflowpb"
)

// listOf lists keys by pages of n and counts the pages.
func listOf(keys []string, n int, pages *int) lister {
	return func(_ context.Context, after string) (page, error) {
		*pages++
		from := sort.Search(len(keys), func(i int) bool { return keys[i] > after })
		to := min(from+n, len(keys))
		p := page{more: to < len(keys)}
		for _, k := range keys[from:to] {
			p.objects, p.next = append(p.objects, object{key: k}), k
		}
		return p, nil
	}
}

func TestLookupFindsWhatIsThere(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "b", "/", "\x01", "\x02", "é", "\u0001", "\ud7ff", "\ue000", "\U00010000", "\U0010ffff", strings.Repeat("x", 300)}
	draw := func(n int) (keys []string) {
		for range n {
			var b strings.Builder
			for range 1 + rng.IntN(4) {
				b.WriteString(letters[rng.IntN(len(letters))])
			}
			keys = append(keys, b.String())
		}
		slices.Sort(keys)
		return slices.Compact(keys)
	}
	for range 300 {
		there, asked := draw(rng.IntN(60)), draw(40)
		var pages int
		l := lookup{list: listOf(there, 1+rng.IntN(7), &pages)}
		for _, k := range asked {
			_, want := slices.BinarySearch(there, k)
			o, got, err := l.find(t.Context(), k)
			if err != nil || got != want || got && o.key != k {
				t.Fatalf("find(%q) = %q, %v, %v; want %v among %q", k, o.key, got, err, want, there)
			}
		}
	}
}

func TestLookupReadsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	var there []string
	for i := range 100_000 {
		there = append(there, fmt.Sprintf("%06d", i))
	}
	for _, x := range []struct {
		name        string
		step, limit int
	}{{"dense", 1, 101}, {"sparse", 5000, 20}} {
		var pages int
		l := lookup{list: listOf(there, 1000, &pages)}
		for i := 0; i < len(there); i += x.step {
			if _, ok, err := l.find(t.Context(), there[i]); !ok || err != nil {
				t.Fatalf("%s: %s: %v, %v", x.name, there[i], ok, err)
			}
		}
		if pages > x.limit {
			t.Errorf("%s: %d pages were read, want at most %d", x.name, pages, x.limit)
		}
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, x := range []struct {
		name   string
		source string
		f      *dataflowpb.Filter
		prefix string
		empty  bool
		has    bool // key "logs/a.gz" of 100 bytes, modified at
	}{
		{"all", "", nil, "", false, true},
		{"prefix of the source", "logs/", nil, "logs/", false, true},
		{"longer filter prefix", "logs/", &dataflowpb.Filter{Prefix: "logs/a"}, "logs/a", false, true},
		{"shorter filter prefix", "logs/", &dataflowpb.Filter{Prefix: "lo"}, "logs/", false, true},
		{"prefixes that exclude one another", "logs/", &dataflowpb.Filter{Prefix: "img/"}, "logs/", true, true},
		{"include", "", &dataflowpb.Filter{Include: []string{"*.txt", "*.gz"}}, "", false, true},
		{"not included", "", &dataflowpb.Filter{Include: []string{"*.txt"}}, "", false, false},
		{"excluded", "", &dataflowpb.Filter{Include: []string{"*.gz"}, Exclude: []string{"logs/*"}}, "", false, false},
		{"smallest", "", &dataflowpb.Filter{MinSize: proto.Int64(100), MaxSize: proto.Int64(100)}, "", false, true},
		{"too small", "", &dataflowpb.Filter{MinSize: proto.Int64(101)}, "", false, false},
		{"too large", "", &dataflowpb.Filter{MaxSize: proto.Int64(0)}, "", false, false},
		{"older", "", &dataflowpb.Filter{OlderThan: "2026-01-02T03:04:06Z"}, "", false, true},
		{"not older", "", &dataflowpb.Filter{OlderThan: "2026-01-02T03:04:05Z"}, "", false, false},
		{"newer", "", &dataflowpb.Filter{NewerThan: "2026-01-02T03:04:04Z"}, "", false, true},
		{"not newer", "", &dataflowpb.Filter{NewerThan: "2026-01-02T03:04:05Z"}, "", false, false},
	} {
		s, err := newScope(&dataflowpb.Plan{Source: &dataflowpb.Endpoint{Prefix: x.source}, Filter: x.f})
		if err != nil || s.prefix != x.prefix || s.empty != x.empty || s.has("logs/a.gz", 100, at) != x.has {
			t.Errorf("%s: prefix %q, empty %v, has %v, %v; want %q, %v, %v", x.name, s.prefix, s.empty, s.has("logs/a.gz", 100, at), err, x.prefix, x.empty, x.has)
		}
	}
}

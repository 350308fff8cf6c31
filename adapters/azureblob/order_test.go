package azureblob

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
)

// TestListOrders lists names with all that the two orders differ in, from stores of either order, with and without startFrom.
func TestListOrders(t *testing.T) {
	t.Parallel()
	letters := []string{"a", "b", "/", "~", "\ud7ff", "\ue000", "\ufffd", "😀", "\U00010000", "\U0010ffff"}
	word := func(r *rand.Rand, most int) string {
		var b strings.Builder
		for range r.IntN(most) {
			b.WriteString(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	const prefix = "p\ue001-"
	for round, size := range []int{0, 1, 5, 40, 300} {
		r := rand.New(rand.NewPCG(1, uint64(round)))
		keys := map[string]bool{}
		for range size {
			keys[word(r, 6)+letters[r.IntN(len(letters))]] = true
		}
		var sorted, names []string
		for key := range keys {
			sorted = append(sorted, key)
			names = append(names, prefix+encodeKey(key))
		}
		slices.Sort(sorted)
		names = append(names, prefix+hidden+"x", prefix+hidden+"y", "other", prefix)
		for order, compare := range map[string]func(a, b string) int{"UTF-8": strings.Compare, "UTF-16": compare16} {
			for _, noStartFrom := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, startFrom missing %v, round %d", order, noStartFrom, round), func(t *testing.T) {
					r := rand.New(rand.NewPCG(2, uint64(round)))
					s := open(t, adapters.Config{
						Endpoint: newTwin(t, &twin{compare: compare, noStartFrom: noStartFrom, names: names}) + "/account", BucketName: "container", Prefix: prefix,
						Security: "sig=x&se=2099-01-01", Options: map[string]string{"credential": "sas"},
					})
					for range 60 {
						top, after, limit := "", "", []int{1, 2, 3, 10, 1000}[r.IntN(5)]
						if r.IntN(2) == 0 {
							top = word(r, 3)
						}
						if r.IntN(3) > 0 && len(sorted) > 0 {
							after = sorted[r.IntN(len(sorted))] + word(r, 2)
						}
						want := slices.DeleteFunc(slices.Clone(sorted), func(k string) bool { return !strings.HasPrefix(k, top) || k <= after })
						page, err := s.List(t.Context(), top, after, limit)
						if err != nil {
							t.Fatalf("List %q after %q: %v", top, after, err)
						}
						var got []string
						for _, o := range page.Objects {
							got = append(got, o.Key)
						}
						if !slices.Equal(got, want[:min(limit, len(want))]) || page.More != (len(want) > limit) {
							t.Fatalf("List %q after %q, limit %d:\ngot  %q, more %v\nwant %q of %d", top, after, limit, got, page.More, want[:min(limit, len(want))], len(want))
						}
					}
				})
			}
		}
	}
}

// TestScanFarAway starts behind many names in a store without startFrom: they are passed over in large pages, once.
func TestScanFarAway(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 12000 {
		names = append(names, fmt.Sprintf("n%05d", i))
	}
	w := &twin{compare: strings.Compare, noStartFrom: true, names: names}
	s := open(t, adapters.Config{Endpoint: newTwin(t, w) + "/account", BucketName: "container", Security: "sig=x&se=2099-01-01", Options: map[string]string{"credential": "sas"}})
	pages := func(after string) int {
		w.lists = 1
		page, err := s.List(t.Context(), "", after, 3)
		if err != nil || len(page.Objects) != 3 || page.Objects[0].Key <= after || !page.More {
			t.Fatalf("List after %q = %+v, %v", after, page, err)
		}
		return w.lists - 1
	}
	if got := pages("n11000"); got > 7 { // two to find out that it cannot start there, and up to three
		t.Errorf("the first listing far away took %d requests", got)
	}
	if got := pages("n11003"); got > 2 {
		t.Errorf("the next listing took %d requests", got)
	}
}

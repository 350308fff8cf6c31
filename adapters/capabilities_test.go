package adapters_test

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestPartition(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct {
		name        string
		can         adapters.Capabilities
		total, want int64
		size        int64
		count       int
	}{
		{"no limits", adapters.Capabilities{}, 100 * mib, 16 * mib, 16 * mib, 7},
		{"even", adapters.Capabilities{}, 32 * mib, 16 * mib, 16 * mib, 2},
		{"one byte", adapters.Capabilities{MinPartSize: 5 * mib}, 1, 16 * mib, 16 * mib, 1},
		{"parts at least", adapters.Capabilities{MinPartSize: 32 * mib}, 100 * mib, 16 * mib, 32 * mib, 4},
		{"parts at most", adapters.Capabilities{MaxPartSize: 4 * mib}, 10 * mib, 16 * mib, 4 * mib, 3},
		{"few parts", adapters.Capabilities{MaxParts: 3}, 100 * mib, 16 * mib, 34 * mib, 3},
		{"few parts of any size", adapters.Capabilities{MaxParts: 3, MaxPartSize: 4}, 10, 1, 4, 3},
		{"as many as there may be", adapters.Capabilities{MaxParts: 4, MaxPartSize: 3}, 12, 1, 3, 4},
		{"10,000 parts", adapters.Capabilities{MaxParts: 10_000, MaxPartSize: 5 << 30, MaxObjectSize: 5 << 40}, 5 << 40, 16 * mib, 525 * mib, 9987},
		{"one byte too many", adapters.Capabilities{MaxParts: 4, MaxPartSize: 3}, 13, 1, 0, 0},
		{"too large an object", adapters.Capabilities{MaxObjectSize: 12}, 13, 1, 0, 0},
	} {
		size, count, err := c.can.Partition(c.total, c.want)
		if size != c.size || count != c.count || (err != nil) != (c.size == 0) {
			t.Errorf("%s: got %d parts of %d, %v, want %d of %d", c.name, count, size, err, c.count, c.size)
		}
		if err != nil && (!errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != adapters.ReasonTooLarge) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestCheckSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		can  adapters.Capabilities
		size int64
		fits bool
	}{
		{"no limits", adapters.Capabilities{}, 1 << 50, true},
		{"one put", adapters.Capabilities{MaxPutSize: 10, MaxObjectSize: 100}, 10, true},
		{"no parts", adapters.Capabilities{MaxPutSize: 10, MaxObjectSize: 100}, 11, false},
		{"in parts", adapters.Capabilities{MaxPutSize: 10, MaxObjectSize: 100, Multipart: true, MaxParts: 10, MaxPartSize: 10}, 100, true},
		{"too many parts", adapters.Capabilities{MaxPutSize: 10, MaxObjectSize: 200, Multipart: true, MaxParts: 10, MaxPartSize: 10}, 101, false},
		{"too large", adapters.Capabilities{MaxPutSize: 100, MaxObjectSize: 100, Multipart: true}, 101, false},
	} {
		if err := c.can.CheckSize(c.size); (err == nil) != c.fits {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestClass(t *testing.T) {
	t.Parallel()
	plain, tiers := adapters.Capabilities{}, adapters.Capabilities{StorageClasses: []string{"Hot", "Cool", "GLACIER"}}
	named := adapters.Capabilities{StorageClasses: []string{"STANDARD", "WARM", "COLD"}, S3Classes: map[string]string{"STANDARD_IA": "WARM", "GLACIER": "COLD"}}
	for _, c := range []struct {
		can                  adapters.Capabilities
		class, native, shown string
		ok                   bool
	}{
		{plain, "", "", "", true},
		{plain, "STANDARD", "", "", true},
		{plain, "STANDARD_IA", "", "STANDARD_IA", true},
		{plain, "GLACIER", "", "", false},
		{plain, "Cool", "", "", false},
		{tiers, "", "", "", true},
		{tiers, "STANDARD", "", "", true},
		{tiers, "Cool", "Cool", "Cool", true},
		{tiers, "GLACIER", "GLACIER", "GLACIER", true},
		{tiers, "ONEZONE_IA", "", "ONEZONE_IA", true},
		{tiers, "cool", "", "", false},
		{named, "STANDARD", "STANDARD", "STANDARD", true},
		{named, "WARM", "WARM", "WARM", true},
		{named, "STANDARD_IA", "WARM", "STANDARD_IA", true},
		{named, "GLACIER", "COLD", "GLACIER", true},
		{named, "DEEP_ARCHIVE", "", "", false},
	} {
		if native, shown, ok := c.can.Class(c.class); native != c.native || shown != c.shown || ok != c.ok {
			t.Errorf("%q of %q: got %q, %q, %v, want %q, %q, %v", c.class, c.can.StorageClasses, native, shown, ok, c.native, c.shown, c.ok)
		}
	}
	for class, want := range map[string]string{"WARM": "STANDARD_IA", "COLD": "GLACIER", "STANDARD": "STANDARD", "": ""} {
		if got := named.S3Class(class); got != want {
			t.Errorf("S3Class(%q) = %q, want %q", class, got, want)
		}
	}
}

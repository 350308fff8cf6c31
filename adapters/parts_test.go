package adapters_test

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestCheckParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		numbers []int
		good    bool
	}{
		{nil, false}, {[]int{1}, true}, {[]int{3}, true}, {[]int{1, 3}, true}, {[]int{3, 1}, false}, {[]int{2, 2}, false}, {[]int{0, 1}, false}, {[]int{1, 4}, false},
	} {
		var parts []adapters.Part
		for _, n := range c.numbers {
			parts = append(parts, adapters.Part{N: n})
		}
		if err := adapters.CheckParts(parts, 3); (err == nil) != c.good || err != nil && !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("CheckParts of %d = %v, want good %v", c.numbers, err, c.good)
		}
	}
}

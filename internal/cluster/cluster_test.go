package cluster_test

import (
	"sync"
	"testing"

	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore/pebble"
)

func TestID(t *testing.T) {
	t.Parallel()
	s, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids := make([]string, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			id, err := cluster.ID(t.Context(), s)
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	for _, id := range ids {
		if len(id) != 26 || id != ids[0] {
			t.Errorf("got id %q, want %q of 26 characters", id, ids[0])
		}
	}
}

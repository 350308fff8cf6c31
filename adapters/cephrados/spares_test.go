//go:build ceph && cgo

package cephrados

import (
	"testing"
	"time"
)

func TestSpares(t *testing.T) {
	t.Parallel()
	var p spares
	now := time.Now()
	for i, want := range []int{1, 2, 4, 8, 16, 16} {
		id, _, batch := p.take("shard", now)
		if id != "" || batch != want {
			t.Fatalf("take %d = %q, batch %d, want batch %d", i, id, batch, want)
		}
		ids := make([]string, batch-1)
		for i := range ids {
			ids[i] = newID()
		}
		if old := p.add("shard", ids, now); len(old) > 0 {
			t.Errorf("add gave %q back, want nothing", old)
		}
		for range ids {
			if id, began, _ := p.take("shard", now.Add(renewAfter/2)); id == "" || !began.Equal(now) {
				t.Errorf("take = %q of %v, want one of %v", id, began, now)
			}
		}
		now = now.Add(spareQuick / 2)
	}
	if _, _, batch := p.take("shard", now.Add(time.Minute)); batch != 1 {
		t.Errorf("take of a shard that is quiet: batch %d, want 1", batch)
	}
	p.add("shard", []string{"a", "b"}, now)
	if id, _, batch := p.take("shard", now.Add(renewAfter)); id != "" || batch != 1 {
		t.Errorf("take of what is old = %q, batch %d, want a new one", id, batch)
	}
	if old := p.add("shard", nil, now.Add(renewAfter)); len(old) != 2 {
		t.Errorf("add gave %q back, want the old ones", old)
	}
	if id, _, _ := p.take("other", now); id != "" {
		t.Errorf("take from another shard = %q", id)
	}
}

package cluster_test

import (
	"bytes"
	"testing"

	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
)

func TestCheckKey(t *testing.T) {
	t.Parallel()
	box := func(b byte) *seal.Box {
		x, err := seal.New(bytes.Repeat([]byte{b}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	docs := docstoretest.NewMemory()
	for _, c := range []struct {
		name string
		key  byte
		want errs.Code
	}{{"the first one", 1, errs.Unknown}, {"the same", 1, errs.Unknown}, {"another", 2, errs.FailedPrecondition}, {"the same again", 1, errs.Unknown}} {
		if err := cluster.CheckKey(t.Context(), docs, box(c.key)); errs.CodeOf(err) != c.want {
			t.Errorf("%s: got %v, want code %v", c.name, err, c.want)
		}
	}
	if _, err := cluster.ID(t.Context(), docs); err != nil {
		t.Error(err)
	}
}

package cluster_test

import (
	"testing"

	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/errs"
)

func TestCheckKeyring(t *testing.T) {
	t.Parallel()
	docs := docstoretest.NewMemory()
	for _, c := range []struct {
		id   string
		want errs.Code
	}{{"one", errs.Unknown}, {"one", errs.Unknown}, {"two", errs.FailedPrecondition}, {"one", errs.Unknown}} {
		if err := cluster.CheckKeyring(t.Context(), docs, c.id); errs.CodeOf(err) != c.want {
			t.Errorf("%s: got %v, want code %v", c.id, err, c.want)
		}
	}
}

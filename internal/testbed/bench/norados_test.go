//go:build !ceph || !cgo

package bench

import (
	"testing"

	"github.com/opensds/gelato/adapters"
)

func openRADOS(b *testing.B, _ adapters.Config) lane {
	b.Fatal("needs -tags ceph")
	return nil
}

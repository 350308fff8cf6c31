//go:build !ceph || !cgo

package cephrados

import (
	"context"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

const missing = "it needs librados: install librados-dev (Debian) or librados-devel (Fedora) and a C compiler, and build with make build CEPH=1"

func open(context.Context, adapters.Config, adapters.Deps) (adapters.Store, error) {
	return nil, errs.New(errs.Unimplemented, missing, nil).Because("type")
}

//go:build ceph

package testbed

// buildTags are those of the test that the gelato which it starts is to have too.
const buildTags = "ceph"

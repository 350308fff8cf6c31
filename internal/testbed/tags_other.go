//go:build !ceph

package testbed

const buildTags = ""

#!/usr/bin/env bash
# Runs the tests and ends with the line "N passed, N failed"; exits 0 only if none failed and none was missing.
# GELATO_TEST_SHORT=1: Go alone, no race detector, nothing that needs bin/testbed or Ceph's libraries.
# What the real servers of failed tests logged is kept in bin/testlogs.
set -euo pipefail
cd "$(dirname "$0")/.."
go build -C tools -o ../bin/tools/testsum ./testsum

# Tests that time things or load both cores run one after the other, after everything else.
alone='/internal/testbed/(apart|badinput|clients|compose|matrix|readme|scenario|secrets)$'
status=0
run() { go test "$@" || status=1; }

if [ -n "${GELATO_TEST_SHORT:-}" ]; then
	{ run -json -timeout 5m ./...; exit "$status"; } | bin/tools/testsum
	exit
fi
export GELATO_TEST_LOGS=$PWD/bin/testlogs
rm -rf "$GELATO_TEST_LOGS"
{
	run -json -race -tags ceph -timeout 20m $(go list -tags ceph ./... | grep -vE "$alone")
	run -json -tags ceph -p 1 -timeout 20m $(go list -tags ceph ./... | grep -E "$alone")
	run -C tools -json ./testsum
	exit "$status"
} | bin/tools/testsum

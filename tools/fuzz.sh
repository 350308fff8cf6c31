#!/usr/bin/env bash
# Runs every fuzz target of the module for FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
git grep -hoE '^func Fuzz\w+' -- '*_test.go' >/dev/null || { echo "fuzz: no targets" >&2; exit 1; }
git grep -oE '^func Fuzz\w+' -- '*_test.go' | while IFS=: read -r file target; do
	name=${target#func }
	echo "fuzz: $(dirname "$file") $name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "./$(dirname "$file")"
done

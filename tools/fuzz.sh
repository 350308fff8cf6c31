#!/usr/bin/env bash
# Runs every fuzz target of the module, or of the folders that are named, for FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(git grep -oE '^func Fuzz\w+' -- "$@" | grep '_test\.go:') || { echo "fuzz: no targets" >&2; exit 1; }
while IFS=: read -r file target; do
	name=${target#func }
	echo "fuzz: $(dirname "$file") $name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "./$(dirname "$file")" </dev/null
done <<<"$found"

#!/usr/bin/env bash
# The part of `make check` that is more than a command: formatting, go.mod and generated code are as the tools would write them.
set -euo pipefail
cd "$(dirname "$0")/.."
fail=0
complain() {
	echo "check: $1" >&2
	fail=1
}

unformatted=$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || complain "not gofmt'ed: $unformatted"

go mod tidy -diff || complain "go.mod is not tidy: run go mod tidy"

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
PATH="$PWD/bin/tools:$PATH" buf generate -o "$made"
diff <(cd "$made" && find proto -name '*.pb.go' | sort) <(find proto -name '*.pb.go' | sort) >&2 ||
	complain "proto holds other generated files than make generate makes"
while read -r f; do
	cmp -s "$made/$f" "$f" || complain "$f is not what make generate makes"
done < <(cd "$made" && find proto -name '*.pb.go')

exit "$fail"

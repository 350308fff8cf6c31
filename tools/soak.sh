#!/usr/bin/env bash
# Repeats the migration with a kill, a new seed each time, until SOAK minutes are over or one fails. GELATO_SEED repeats one seed.
set -euo pipefail
cd "$(dirname "$0")/.."
end=$((SECONDS + ${SOAK:-30} * 60))
go test -c -o bin/scenario.test ./internal/testbed/scenario
round=0
while [ "$SECONDS" -lt "$end" ]; do
	round=$((round + 1))
	echo "soak: round $round"
	(cd internal/testbed/scenario && ../../../bin/scenario.test -test.run RelocateUnderLoad/kill -test.v -test.timeout 20m)
done
echo "soak: $round rounds passed"

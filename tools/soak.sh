#!/usr/bin/env bash
# Repeats the migrations with kills, of one process and of many on their servers, a new seed each time, until SOAK minutes are over or one fails. GELATO_SEED repeats one seed.
# Then every reader of what S3 clients send is fuzzed, FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
end=$((SECONDS + ${SOAK:-30} * 60))
go test -c -o bin/scenario.test ./internal/testbed/scenario
round=0
while [ "$SECONDS" -lt "$end" ]; do
	round=$((round + 1))
	echo "soak: round $round"
	(cd internal/testbed/scenario && GELATO_SOAK=1 ../../../bin/scenario.test -test.run 'RelocateUnderLoad/kill|RelocateUnderBlows' -test.v -test.timeout 30m)
done
echo "soak: $round rounds passed"
FUZZTIME=${FUZZTIME:-10m} tools/fuzz.sh s3

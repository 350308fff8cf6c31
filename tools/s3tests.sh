#!/usr/bin/env bash
# usage: SRC=DIR tools/s3tests.sh [pytest options]
# Runs the cases of ceph/s3-tests, checked out in DIR, that AWS passes (without those marked fails_on_aws and the
# extension of bucket logging) against a fresh "gelato up", and prints the counts of each area and the failures.
set -euo pipefail
src=$(realpath "${SRC:?say SRC=DIR, a checkout of https://github.com/ceph/s3-tests}")
cd "$(dirname "$0")/.."
PYTHON=(boto3==1.44.5 pytest==9.2.0 pytest-timeout==2.4.0 munch==4.0.0 lxml==6.1.3 pytz==2026.6 gevent==26.9.0 requests==2.34.2 httplib2==0.32.1 isodate==0.7.2 pyyaml==6.0.3)
venv=$PWD/bin/s3tests
if [ "$(cat "$venv/.stamp" 2>/dev/null)" != "${PYTHON[*]}" ]; then
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "${PYTHON[@]}"
	echo "${PYTHON[*]}" >"$venv/.stamp"
fi
go build -o bin/gelato ./cmd/gelato
exec "$venv/bin/python" tools/s3tests/run.py bin/gelato "$src" "$@"

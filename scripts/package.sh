#!/usr/bin/env bash
# Packs programs that were built: scripts/package.sh FOLDER VERSION DIRECTORY
#
# FOLDER has postgres-gateway and frost. Writes DIRECTORY/postgres-gateway-VERSION-linux-ARCH.tar.gz and its
# .sha256. `make release` is what makes a release; this is the part of it that tests need too.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 3 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 64; }
programs=$1
version=$2
directory=$3
refuse() { printf 'package: %s\n' "$*" >&2; exit 1; }

name=postgres-gateway-$version-linux-$(uname -m)
mkdir -p "$directory"
root=$(mktemp -d "$directory/.package.XXXXXX")
trap 'rm -rf "$root"' EXIT
mkdir -m 0755 "$root/$name"
for program in postgres-gateway frost; do
    [ -x "$programs/$program" ] || refuse "there is no program $programs/$program; run: scripts/build-release.sh"
    install -m 0755 "$programs/$program" "$root/$name/$program"
    # A script, as tests use, has nothing to strip.
    [ "$(head -c 4 "$programs/$program" | od -An -tx1 | tr -d ' ')" = 7f454c46 ] || continue
    # Linked to glibc, the C++ runtime, SQLite and zlib alone (the HTTP client asks for zlib, which dpkg and rpm need
    # as well); anything else would be missing on a host.
    unknown=$(ldd "$programs/$program" | awk '{ print $1 }' |
        grep -vE '^(linux-vdso|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|sqlite3|z)|/lib64/ld-linux|/lib/ld-linux)[-.]' || true)
    [ -z "$unknown" ] || refuse "$program needs libraries that a host may not have: $unknown"
    strip "$root/$name/$program"
done
install -m 0755 scripts/{install,update,uninstall,certificate-deploy-hook}.sh "$root/$name/"
install -m 0644 scripts/postgres-gateway{.service,.environment,-common.sh} README.md "$root/$name/"
# What an installed Frost needs beside it, and what a release says of itself.
for file in scripts/install-for-frost.sh; do
    [ ! -f "$file" ] || install -m 0755 "$file" "$root/$name/"
done
for file in scripts/postgres-gateway-frost.* LICENSE CHANGELOG.md SECURITY.md; do
    [ ! -f "$file" ] || install -m 0644 "$file" "$root/$name/"
done
mkdir -m 0755 "$root/$name/docs"
find docs -maxdepth 1 -name '*.md' -exec install -m 0644 -t "$root/$name/docs" {} +
printf '%s\n' "$version" >"$root/$name/VERSION"
# What the programs are made of: packages cannot be pinned to commits, which differ between machines.
scripts/sources.py list >"$root/$name/SOURCES"
tar -C "$root" --owner=0 --group=0 --sort=name -czf "$directory/$name.tar.gz" "$name"
(cd "$directory" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
printf '%s\n' "$directory/$name.tar.gz"

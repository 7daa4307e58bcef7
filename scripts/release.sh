#!/usr/bin/env bash
# Makes dist/postgres-gateway-VERSION-linux-ARCH.tar.gz: the program, its unit, and a checksum beside it.
#
# Refuses unless the whole gate (`make gate`) passed on the very same source tree.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() { printf 'release: %s\n' "$*" >&2; exit 1; }
passed=.build/gate/passed.json
sources=$(scripts/source-hash.sh)
[ -f "$passed" ] || refuse "the gate has not passed here; run: make gate"
grep -q "\"sources\" : \"$sources\"" "$passed" ||
    refuse "the sources have changed since the gate passed; run: make gate"

build=(swift build -c release --static-swift-stdlib --scratch-path .build-release)
"${build[@]}" --product postgres-gateway
program=$("${build[@]}" --show-bin-path)/postgres-gateway
version=$(git describe --tags --always --dirty 2>/dev/null || echo "${sources:0:12}")
name=postgres-gateway-$version-linux-$(uname -m)

# Static but for glibc and the C++ runtime that every Linux has; anything else would be missing on a host.
unknown=$(ldd "$program" | awk '{ print $1 }' |
    grep -vE '^(linux-vdso|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)|/lib64/ld-linux|/lib/ld-linux)[-.]' || true)
[ -z "$unknown" ] || refuse "the program needs libraries that a host may not have: $unknown"

rm -rf "dist/$name"
mkdir -p "dist/$name"
cp "$program" "dist/$name/"
strip "dist/$name/postgres-gateway"
cp scripts/postgres-gateway.service README.md "dist/$name/"
printf '%s\n' "$sources" >"dist/$name/SOURCES"
tar -C dist --owner=0 --group=0 --sort=name -czf "dist/$name.tar.gz" "$name"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
rm -rf "dist/$name"
echo "release: dist/$name.tar.gz ($(stat -c %s "dist/$name.tar.gz") bytes) and its .sha256"

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

version=$(git describe --tags --always --dirty 2>/dev/null || echo "${sources:0:12}")
export FROST_VERSION=$version
build=(swift build -c release --static-swift-stdlib --scratch-path .build-release)
"${build[@]}" --product postgres-gateway
program=$("${build[@]}" --show-bin-path)/postgres-gateway

# Static but for glibc and the C++ runtime that every Linux has; anything else would be missing on a host.
unknown=$(ldd "$program" | awk '{ print $1 }' |
    grep -vE '^(linux-vdso|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)|/lib64/ld-linux|/lib/ld-linux)[-.]' || true)
[ -z "$unknown" ] || refuse "the program needs libraries that a host may not have: $unknown"

tarball=$(scripts/package.sh "$program" "$version" dist)
echo "release: $tarball ($(stat -c %s "$tarball") bytes) and its .sha256"

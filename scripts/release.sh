#!/usr/bin/env bash
# Makes dist/postgres-gateway-VERSION-linux-ARCH.tar.gz and a checksum beside it: both programs, the gateway's
# and frost's units, the scripts and the docs. Unpacks and tries it before it says so. RELEASE_KEY=FILE signs it as well.
#
# Refuses unless the whole gate (`make gate`) passed on the sources of the gateway, the spike and the harness.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() { printf 'release: %s\n' "$*" >&2; exit 1; }
passed=.build/gate/passed.json
sources=$(scripts/sources.py hash gate)
[ -f "$passed" ] || refuse "the gate has not passed here; run: make gate"
grep -q "\"sources\" : \"$sources\"" "$passed" ||
    refuse "the gateway's sources have changed since the gate passed; run: make gate"

version=${FROST_VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo "${sources:0:12}")}
export FROST_VERSION=$version
programs=$(scripts/build-release.sh)
tarball=$(scripts/package.sh "$programs" "$version" dist)
scripts/tarball_test.py "$tarball"
# With a key of ssh-keygen's, for hosts that ask for a signature (docs/operations.md).
if [ -n "${RELEASE_KEY:-}" ]; then
    rm -f "$tarball.sig"
    ssh-keygen -Y sign -q -f "$RELEASE_KEY" -n postgres-gateway-release "$tarball"
fi
echo "release: $tarball ($(stat -c %s "$tarball") bytes) and its .sha256${RELEASE_KEY:+ and .sig}"

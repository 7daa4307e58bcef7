#!/usr/bin/env bash
# The one release build: both programs as a release ships them, and the gate's spike and harness, in one folder.
#
#   scripts/build-release.sh               all of them
#   scripts/build-release.sh PRODUCT...    these only
#
# Prints the folder on standard output, and what the build says on standard error. FROST_VERSION names the
# version (default: what git calls the tree). `make release` packs these programs, and everything that tests a
# program runs them: the suites of libraries alone are debug builds, and so is `make up`, since a newcomer waits
# for it and a debug build takes a third of the time.
set -euo pipefail
cd "$(dirname "$0")/.."

# Without the run-time checks of exclusive access, which cost a relayed query a quarter of its instructions
# (docs/benchmarks.md): debug builds keep them, so the suites of libraries look for what they would find, and strict
# concurrency keeps threads apart at compile time.
#
# C, which is BoringSSL above all, is built as its makers build a release: without assertions, which cost a connection a
# sixth of its instructions and look for BoringSSL's own mistakes alone. A function that calls no other needs no frame
# pointer; all others keep theirs, for the trace that a crash leaves.
build=(
    swift build -c release --static-swift-stdlib --scratch-path .build-release
    -Xswiftc -enforce-exclusivity=unchecked
    -Xcc -O3 -Xcc -DNDEBUG -Xcc -momit-leaf-frame-pointer
)
FROST_VERSION=${FROST_VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo 0.0.0-dev)}
hashes=$(scripts/sources.py hash frost gate)
FROST_SOURCES=${hashes%%$'\n'*}
FROST_GATEWAY_SOURCES=${hashes##*$'\n'}
export FROST_VERSION FROST_SOURCES FROST_GATEWAY_SOURCES

if [ $# -eq 0 ]; then
    "${build[@]}" >&2
else
    for product in "$@"; do "${build[@]}" --product "$product" >&2; done
fi
"${build[@]}" --show-bin-path

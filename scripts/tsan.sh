#!/usr/bin/env bash
# The gateway's suites under Thread Sanitizer, in a build folder of its own (.build-tsan): `make test-tsan`.
#
#   scripts/tsan.sh                     all suites
#   scripts/tsan.sh --filter SUITE...   arguments for `swift test` in place of the filter
#
# The first build takes a quarter of an hour. A race ends the run with an exit code, with both stacks above it. Nothing is
# suppressed.
set -euo pipefail
cd "$(dirname "$0")/.."

# Frost is left out of the build (Package.swift).
export FROST_TARGETS=gateway
# Thread Sanitizer has fixed places for its shadow memory, which a randomised layout may have taken.
unrandomised=(setarch "$(uname -m)" -R)
# Containers may forbid it; newer versions of the sanitizer then start themselves again without.
"${unrandomised[@]}" true 2>/dev/null || unrandomised=(env)
options=(--scratch-path .build-tsan --sanitize=thread)
[ $# -gt 0 ] || set -- --filter '^(GatewayContractTests|GatewayCoreTests|GatewayHardeningTests|TLSWireTests|PostgresGatewayTests)'

"${unrandomised[@]}" swift build "${options[@]}" --build-tests
clang -O1 -Wall -Werror -shared -fPIC -o .build-tsan/mutex.so scripts/tsan-mutex.c -ldl
# All at once, the slower tests wait longer for a processor than the admin address waits for a request (2 s).
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-24}
# Races are counted until the end, so that one run reports all of them.
TSAN_OPTIONS="halt_on_error=0 exitcode=66 ${TSAN_OPTIONS:-}" LD_PRELOAD="$PWD/.build-tsan/mutex.so" \
    "${unrandomised[@]}" swift test "${options[@]}" --skip-build "$@"

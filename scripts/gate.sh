#!/usr/bin/env bash
# The compatibility gate: real clients against real PostgreSQL behind the spike and the gateway.
#
#   scripts/gate.sh                 20 rounds, release build, writes Compat/RESULTS.md
#   ROUNDS=3 scripts/gate.sh        another number of rounds
#   scripts/gate.sh quick           one round, debug build, writes no report: part of `make test`
#
# Further arguments go to the gate's program: --client psql, --proxy gateway, see `compat --help`.
# A full run that passed is noted in .build/gate/passed.json, which `make release` asks for.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=full
if [ "${1:-}" = quick ]; then
    mode=quick
    shift
fi
sources=$(scripts/source-hash.sh)
scripts/compat-setup.sh

if [ "$mode" = quick ]; then
    swift build --product postgres-gateway
    swift build --product spike
    swift build --product compat
    exec "$(swift build --show-bin-path)/compat" --rounds "${ROUNDS:-1}" --build debug --sources "$sources" "$@"
fi

build=(swift build -c release --static-swift-stdlib --scratch-path .build-release)
for program in postgres-gateway spike compat; do
    "${build[@]}" --product "$program"
done
rm -f .build/gate/passed.json
"$("${build[@]}" --show-bin-path)/compat" --rounds "${ROUNDS:-20}" --build release --sources "$sources" \
    --json .build/gate/report.json --results Compat/RESULTS.md "$@"
# Only a whole run counts: every client, behind both.
if [ $# -eq 0 ] && [ "${ROUNDS:-20}" -ge 20 ]; then
    cp .build/gate/report.json .build/gate/passed.json
fi

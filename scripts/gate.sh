#!/usr/bin/env bash
# The compatibility gate: real clients against real PostgreSQL behind the spike and the gateway, as release builds.
#
#   scripts/gate.sh                 20 rounds, writes Compat/RESULTS.md
#   ROUNDS=3 scripts/gate.sh        3 rounds
#   scripts/gate.sh quick           one round, writes no report: part of `make test`
#
# Further arguments go to the gate's program: --client psql, --proxy gateway, see `compat --help`.
# A full run that passes is recorded in .build/gate/passed.json, which `make release` requires.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=full
if [ "${1:-}" = quick ]; then
    mode=quick
    shift
fi
sources=$(scripts/sources.py hash gate)
scripts/compat-setup.sh
compat=$(scripts/build-release.sh)/compat

if [ "$mode" = quick ]; then
    exec "$compat" --rounds "${ROUNDS:-1}" --build release --sources "$sources" "$@"
fi

rm -f .build/gate/passed.json
"$compat" --rounds "${ROUNDS:-20}" --build release --sources "$sources" \
    --json .build/gate/report.json --results Compat/RESULTS.md "$@"
# Sources that changed meanwhile are not what was run.
[ "$(scripts/sources.py hash gate)" = "$sources" ] || {
    echo "gate: the sources changed while it ran; run it again" >&2
    exit 1
}
# Only a whole run counts: every client, behind both.
if [ $# -eq 0 ] && [ "${ROUNDS:-20}" -ge 20 ]; then
    cp .build/gate/report.json .build/gate/passed.json
fi

#!/usr/bin/env bash
# Everything that has to hold before a change lands: `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

step "set-up"
scripts/setup.sh test
step "format"
scripts/format-check.sh
step "build"
swift build --build-tests
step "suites"
swift test --skip-build
step "make up, as a newcomer uses it"
python3 scripts/up_test.py
step "the gate, ${ROUNDS:-1} round(s)"
scripts/gate.sh quick
step "done"

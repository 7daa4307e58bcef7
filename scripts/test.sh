#!/usr/bin/env bash
# Everything that has to hold before a change lands: `make test`.
#
#   scripts/test.sh           all of it
#   scripts/test.sh phase0    what shows phase 0: the protocol, two branches behind one port, the gate
#   scripts/test.sh phase1    what shows phase 1: the gateway as a library, a program and a service
#   scripts/test.sh phase2    what shows phase 2: branches, and a route map that follows them
#   scripts/test.sh phase3    what shows phase 3: the API, and the page in a browser
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-all} in
all) filter=. ;;
phase0) filter='^(PostgresWireTests|RouteMapTests|PostgresGatewayTests)|TwoBranchesTests' ;;
phase1) filter='^PostgresGatewayTests|GatewayProgramTests|GatewayServiceTests|TwoBranchesTests' ;;
phase2) filter='^(RouteMapTests|BranchManagerTests|RouteSyncTests)|FileWatchTests|RouteReloadTests|Frost' ;;
phase3) filter='^(FrostServerTests|FrostPagesTests)|FrostUpTests' ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

step "set-up"
scripts/setup.sh test
scripts/compat-setup.sh
step "format"
scripts/format-check.sh
step "build"
swift build --build-tests
step "suites"
swift test --skip-build --filter "$filter"
case ${1:-all} in
all | phase0 | phase2)
    step "make up, as a newcomer uses it"
    python3 scripts/up_test.py
    ;;
esac
case ${1:-all} in
all | phase3)
    step "the page, in a browser"
    .build-compat/browser/bin/python Tests/BrowserTests/browser_test.py
    ;;
esac
case ${1:-all} in
all | phase0)
    step "the gate, ${ROUNDS:-1} round(s)"
    scripts/gate.sh quick
    ;;
esac
case ${1:-all} in
all | phase1)
    step "install, run, break, update and remove it on real systemd"
    python3 Tests/SystemdTests/systemd_test.py
    ;;
esac
step "done"

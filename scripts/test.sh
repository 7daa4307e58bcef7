#!/usr/bin/env bash
# Everything that must pass before a change lands: `make test`.
#
#   scripts/test.sh           all of it
#   scripts/test.sh phase0    what shows phase 0: the protocol, two branches behind one port, the gate
#   scripts/test.sh phase1    what shows phase 1: the gateway as a library, a program and a service
#   scripts/test.sh phase2    what shows phase 2: branches, and a route map that follows them
#   scripts/test.sh phase3    what shows phase 3: the API, and the page in a browser
#   scripts/test.sh phase4    what shows phase 4: strangers at the port, limits, the ends of connections, TLS, monitoring, the soak
set -euo pipefail
cd "$(dirname "$0")/.."

# Suites of libraries, and suites that run programs.
case ${1:-all} in
all) libraries=. programs_of='' ;;
phase0)
    libraries='^(PostgresWireTests|TLSWireTests|RouteMapTests|GatewayCoreTests|FuzzCorpusTests|PostgresGatewayTests)'
    programs_of='(TwoBranchesTests|SymptomTests)'
    ;;
phase1)
    libraries='^(GatewayContractTests|GatewayCoreTests|PostgresGatewayTests|ServiceNotifyTests)'
    programs_of='(GatewayProgramTests|GatewayServiceTests|TwoBranchesTests)'
    ;;
phase2)
    libraries='^(RouteMapTests|BranchManagerTests|RouteSyncTests|FrostCertificatesTests|CertificateKeeperTests)|FileWatchTests|RouteReloadTests'
    programs_of='(Frost|GatewayAccountTests|OwnCertificateTests|DeployHookTests)'
    ;;
phase3)
    libraries='^(FrostServerTests|FrostPagesTests)'
    programs_of='(FrostUp|FrostAPITests|FrostAliasTests|GatewayWarningTests|VerifyFullTests)'
    ;;
phase4)
    libraries='^(FuzzCorpusTests|GatewayContractTests|GatewayCoreTests|GatewayHardeningTests|TLSWireTests|PostgresGatewayTests)'
    programs_of='(GatewayProgramTests|GatewayServiceTests)'
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac

# Prints how long each step took, when it is over and again at the end.
current=
began=0
times=()
finish_step() {
    [ -z "$current" ] || {
        times+=("$(printf '%5s s  %s' "$((SECONDS - began))" "$current")")
        printf '== %s: %s s\n' "$current" "$((SECONDS - began))"
    }
    current=
}
step() {
    finish_step
    current=$*
    began=$SECONDS
    printf '\n== %s (at %s s)\n' "$current" "$SECONDS"
}
# twice_at_most COMMAND...: a second try, which the summary names, for what drives a browser or a whole system: on a shared
# machine these now and then wait in vain for something that stood still.
twice_at_most() {
    "$@" || {
        printf '== %s failed; it runs once more\n' "$current"
        "$@"
        times+=("         needed a second try: $current")
    }
}
phase=${1:-all}
# in_phase NUMBER...: whether a step belongs to what was asked for.
in_phase() { [ "$phase" = all ] || [[ " $* " == *" ${phase#phase} "* ]]; }

step "set-up"
scripts/setup.sh test
scripts/compat-setup.sh
step "format"
scripts/format-check.sh
step "release build: both programs as they ship, the spike and the gate's harness"
programs=$(scripts/build-release.sh)
step "debug build: the libraries and their suites"
swift build --build-tests
# One after the other: together they are more than two cores can do before something is waited for too long.
# So are five hundred tests at once, of which a hundred start servers: a few at a time take no longer in all. Each of those
# that run programs starts several of them, a JVM or a compiler among them: fewer still, or clients miss the gateway's own
# limits (HANDSHAKE_TIMEOUT is 10 s).
step "suites of libraries"
scripts/suites.py 16 --skip '^EndToEndTests' --filter "$libraries"
step "suites of programs"
scripts/suites.py 4 --filter "^EndToEndTests[.]$programs_of"
if in_phase 0 2; then
    step "make up, as a newcomer uses it"
    twice_at_most python3 scripts/up_test.py
fi
if in_phase 0; then
    step "docs: wording, every command and link, README's commands in a clean clone"
    scripts/english-check.sh
    python3 scripts/docs_check.py
    python3 scripts/docs_test.py
fi
if in_phase 3; then
    step "the page, in a browser"
    twice_at_most .build-compat/browser/bin/python Tests/BrowserTests/browser_test.py
fi
if in_phase 4; then
    step "TLS, scanned from outside: sslyze against Mozilla intermediate, and testssl.sh"
    Tests/SecurityTests/tls_scan.py
fi
if in_phase 0 4; then
    step "the gate, ${ROUNDS:-1} round(s)"
    scripts/gate.sh quick
fi
if in_phase 4; then
    step "the soak, a fiftieth"
    # Once: what does not hold in one run of two does not hold.
    python3 Soak/soak.py --part 50
fi
if in_phase 4; then
    step "monitoring: the dashboard and the alerts, with a real Prometheus"
    .build-compat/monitoring/bin/python Tests/MonitoringTests/monitoring_test.py
fi
if in_phase 1; then
    step "install, run, break, update and remove both programs on real systemd"
    twice_at_most python3 Tests/SystemdTests/systemd_test.py
fi
if in_phase 1 2; then
    step "the tarball: packed, unpacked, and both programs run from it"
    programs=$(scripts/build-release.sh)
    version=$("$programs/frost" --version | cut -d' ' -f2)
    tarball=$(scripts/package.sh "$programs" "$version" .build/tarball-test)
    scripts/tarball_test.py "$tarball"
fi
finish_step
printf '\n== done in %s s\n' "$SECONDS"
printf '%s\n' "${times[@]}"

#!/usr/bin/env bash
# Runs every fuzzer for ten minutes (SECONDS_EACH=60 for less, TARGETS="fuzz-hello …" for some, AT_ONCE=2 side by side), and
# prints how far each got and how much of its sources its corpus reaches.
#
# First replays the inputs under Fuzz/Crashes, which once crashed, hung or used too much memory. A new one is added there, to
# be committed with its fix, and fails the run; the command that replays it is printed. `Fuzz/README.md` says how a corpus is
# kept.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECONDS_EACH:-600}
at_once=${AT_ONCE:-1}
read -ra targets <<<"${TARGETS:-fuzz-startup fuzz-hello fuzz-routes fuzz-machine fuzz-admission}"
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
runtime=$(find "$resources/" -follow -name "libclang_rt.fuzzer_no_main-$(uname -m).a" 2>/dev/null | head -n 1)
[ -n "$runtime" ] || {
    echo "fuzz: the Swift toolchain has no libFuzzer (libclang_rt.fuzzer_no_main-$(uname -m).a)" >&2
    exit 1
}
# The toolchain's own: those of the system may be too old for its profiles.
tools=$(dirname "$(readlink -f "$(command -v swiftc)")")
export FUZZ=$runtime
# The programs count what they reach; only a replay of the corpus is written down.
export LLVM_PROFILE_FILE=/dev/null
build=(swift build -c release --scratch-path .build-fuzz)
limits=(-timeout=10 -rss_limit_mb=1024)

# What the coverage of a fuzzer is measured over: the sources that it is for.
sources() {
    case "$1" in
    fuzz-startup)
        echo Sources/PostgresWire Sources/GatewayCore/{Cancel/BackendStartupScanner,Connection/HandshakeFailure}.swift \
            Sources/GatewayCore/Text
        ;;
    fuzz-hello) echo Sources/TLSWire ;;
    fuzz-routes)
        echo Sources/RouteMap/{JSON{Fault,Scanner,Scanner+Scalars},RouteMap{Error,Keys,Scanner,Values}}.swift \
            Sources/RouteMap/{RouteTable,Backends,Hostname,LoopbackAddress,UTCTimestamp}.swift
        ;;
    fuzz-machine) echo Sources/GatewayCore/Connection/{Connection,Relay,Upstream}Machine.swift ;;
    fuzz-admission) echo Sources/GatewayHardening/Admission Sources/GatewayCore/Connection/*Machine.swift ;;
    esac
}

# Longest input: what a message may have, and no more events than tell something.
longest() {
    case "$1" in
    fuzz-startup) echo 12000 ;;
    fuzz-hello | fuzz-routes) echo 4000 ;;
    *) echo 600 ;;
    esac
}

program() { echo "$bin/$1"; }

# Fuzzes one target; its results are in .build-fuzz/TARGET.{log,coverage,failed}.
run() {
    local target=$1 crashes=Fuzz/Crashes/$1 corpus=.build-fuzz/corpus/$1 log=.build-fuzz/$1.log kept
    rm -f ".build-fuzz/$target".{log,coverage,failed}
    mkdir -p "$corpus"
    # libFuzzer's names for what it found: crash-*, timeout-*, oom-*, leak-*.
    mapfile -t kept < <(find "$crashes" -type f 2>/dev/null)
    if [ ${#kept[@]} -gt 0 ] && ! "$(program "$target")" "${limits[@]}" "${kept[@]}" >"$log" 2>&1; then
        echo "fuzz: $target fails on an input kept in $crashes; run: $(program "$target") $crashes/*" >&2
        touch ".build-fuzz/$target.failed"
        return
    fi
    mkdir -p "$crashes"
    dictionary=()
    [ ! -f "Fuzz/$target/dictionary" ] || dictionary=(-dict="Fuzz/$target/dictionary")
    if ! "$(program "$target")" -max_total_time="$seconds" -max_len="$(longest "$target")" "${limits[@]}" -print_final_stats=1 "${dictionary[@]}" \
        -artifact_prefix="$crashes/" "$corpus" "Fuzz/Corpus/$target" >"$log" 2>&1; then
        touch ".build-fuzz/$target.failed"
        tail -n 20 "$log" >&2
        echo "fuzz: $target FAILED; replay it with" >&2
        echo "    LLVM_PROFILE_FILE=/dev/null $(program "$target") $(sed -n 's/.*Test unit written to //p' "$log")" >&2
    fi
    rmdir --ignore-fail-on-non-empty "$crashes"
    cover "$target" "$corpus" "Fuzz/Corpus/$target" >".build-fuzz/$target.coverage"
}

# Prints "lines regions", in percent, of a target's sources that a replay of folders reaches.
cover() {
    local target=$1 profile=.build-fuzz/$1.profile
    shift
    if ! LLVM_PROFILE_FILE=$profile.raw "$(program "$target")" -runs=0 "${limits[@]}" "$@" >"$profile.log" 2>&1; then
        echo "fuzz: $target fails when its corpus is replayed; the log is $profile.log" >&2
        touch ".build-fuzz/$target.failed"
        return
    fi
    "$tools/llvm-profdata" merge -sparse "$profile.raw" -o "$profile"
    # shellcheck disable=SC2046
    "$tools/llvm-cov" report "$(program "$target")" -instr-profile="$profile" \
        -sources $(sources "$target") 2>/dev/null |
        awk '$1 == "TOTAL" { print $10, $4 }'
    rm -f "$profile.raw"
}

for target in "${targets[@]}"; do
    "${build[@]}" --product "$target"
done
bin=$("${build[@]}" --show-bin-path)
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
    echo "fuzz: $target for $seconds s"
    run "$target" &
done
wait

printf '\n%-16s %12s %9s %8s %8s %8s\n' target runs seconds corpus lines regions
failed=0
for target in "${targets[@]}"; do
    log=.build-fuzz/$target.log
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    took=$(sed -n 's/^Done .* in \([0-9]*\) second.*/\1/p' "$log")
    corpus=$(grep -o 'corp: [0-9]*' "$log" | tail -n 1)
    lines="" regions="" result=""
    # None where a kept input still fails, and where the replay or what counts its lines did.
    read -r lines regions 2>/dev/null <".build-fuzz/$target.coverage" || touch ".build-fuzz/$target.failed"
    [ ! -e ".build-fuzz/$target.failed" ] || { result=FAILED; failed=1; }
    printf '%-16s %12s %9s %8s %8s %8s %s\n' "$target" "${runs:--}" "${took:--}" "${corpus#corp: }" "${lines:--}" \
        "${regions:--}" "$result"
done
echo "lines and regions: of the sources that each is for (llvm-cov), reached by its corpus"
exit "$failed"

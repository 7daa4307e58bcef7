#!/usr/bin/env bash
# Runs both fuzzers for a minute each (SECONDS_EACH=600 for longer).
#
# First replays the inputs under Fuzz/Crashes, which once crashed, hung or used too much memory. A new crash is added
# there, to be committed with its fix, and fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECONDS_EACH:-60}
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
runtime=$(find "$resources/" -follow -name "libclang_rt.fuzzer_no_main-$(uname -m).a" 2>/dev/null | head -n 1)
[ -n "$runtime" ] || {
    echo "fuzz: the Swift toolchain has no libFuzzer (libclang_rt.fuzzer_no_main-$(uname -m).a)" >&2
    exit 1
}
export FUZZ=$runtime
build=(swift build -c release --scratch-path .build-fuzz)
failed=0
for target in fuzz-startup fuzz-machine; do
    "${build[@]}" --product "$target"
    program=$("${build[@]}" --show-bin-path)/$target
    crashes=Fuzz/Crashes/$target
    corpus=.build-fuzz/corpus/$target
    mkdir -p "$crashes" "$corpus"
    # libFuzzer's names for what it found: crash-*, timeout-*, oom-*, leak-*.
    mapfile -t kept < <(find "$crashes" -type f)
    if [ ${#kept[@]} -gt 0 ]; then
        "$program" -timeout=10 -rss_limit_mb=1024 "${kept[@]}" >/dev/null 2>&1 || {
            echo "fuzz: $target fails on an input kept in $crashes; run: $program $crashes/*" >&2
            failed=1
            continue
        }
    fi
    log=.build-fuzz/$target.log
    echo "fuzz: $target for $seconds s"
    if "$program" -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$crashes/" "$corpus" Fuzz/Corpus/"$target" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
        edges=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
        echo "fuzz: $target passed: $runs inputs, $edges edges"
    else
        tail -n 20 "$log" >&2
        echo "fuzz: $target FAILED; the input is in $crashes" >&2
        failed=1
    fi
done
exit "$failed"

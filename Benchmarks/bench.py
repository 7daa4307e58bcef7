#!/usr/bin/env python3
"""Measures the gateway beside nginx, HAProxy, stunnel and a bare C relay: `make bench`.

Prints the table in Markdown. Everything runs on loopback, on free ports, and ends with it.
"""

import argparse
import datetime
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import counts
import measures
import memory
import relays
import report
from builds import compile_c, release_program

ROOT = pathlib.Path(__file__).resolve().parent.parent


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def build_programs(folder):
    """The C programs, with the system's compiler."""
    sources = ROOT / "Benchmarks" / "Programs"
    for name, parts in {"backend": ["peer"], "relay": [], "load": []}.items():
        files = [sources / f"{part}.c" for part in [name, *parts, "common"]]
        compile_c(folder / name, files, "-lssl", "-lcrypto")
    compile_c(folder / "allocations.so", [sources / "allocations.c"], "-shared", "-fPIC")


def machine():
    model = next(
        (
            line.partition(":")[2].strip()
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    return f"{os.cpu_count()} processors ({model}), Linux {os.uname().release}"


def times(place, chosen, rounds):
    """Medians of interleaved rounds, by relay."""
    samples = {relay.name: {} for relay in chosen}
    for number in range(rounds):
        # Another order in each round, so that nobody always comes behind the same one.
        for relay in chosen[number % len(chosen):] + chosen[:number % len(chosen)]:
            running = relay.start(place)
            try:
                for measure in measures.ALL:
                    for figure, value in measure(place, relay, running).items():
                        samples[relay.name].setdefault(figure, []).append(value)
            finally:
                running.end()
            say(f"round {number + 1} of {rounds}: {relay.name}")
    return {
        name: {figure: statistics.median(values) for figure, values in figures.items()}
        for name, figures in samples.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="interleaved rounds of what is measured with a clock (default: 5)"
    )
    parser.add_argument("--only", default="", metavar="NAME,...", help='these relays only, such as "postgres-gateway,nginx"')
    parser.add_argument(
        "--no-counts",
        action="store_true",
        help="without instructions, system calls and allocations, which take minutes under valgrind",
    )
    parser.add_argument("--no-times", action="store_true", help="instructions, system calls and allocations alone")
    parser.add_argument(
        "--gateway", type=pathlib.Path, metavar="PROGRAM", help="a program of the gateway in place of the release build's"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="write docs/benchmarks.md, docs/images/benchmarks.svg and Benchmarks/results.json",
    )
    arguments = parser.parse_args()
    gateway = arguments.gateway or release_program(relays.GATEWAY)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = relays.Place(folder, folder, gateway)
        build_programs(place.programs)
        subprocess.run(
            [ROOT / "Tests" / "certificate.sh", place.path / "bench", relays.HOSTNAME], check=True
        )
        # Of the same build: what ships has no symbols.
        chosen = relays.all_relays(counts.stripped(place, gateway))
        if arguments.only:
            names = arguments.only.split(",")
            unknown = set(names) - {relay.name for relay in chosen}
            if unknown:
                raise SystemExit(f"bench: no such relay: {', '.join(sorted(unknown))}")
            chosen = [relay for relay in chosen if relay.name in names]
        with open(place.path / "backend.log", "ab") as log:
            backend = relays.start([place.programs / "backend"], None, log)
        place.backend_port = backend.port
        try:
            figures = {relay.name: {} for relay in chosen}
            owners = {}
            if not arguments.no_counts:
                for relay in chosen:
                    say(f"instructions, system calls and allocations: {relay.name}")
                    figures[relay.name] |= counts.all_counts(place, relay)
                if any(relay.name == relays.GATEWAY for relay in chosen):
                    say("memory of an idle session, by owner")
                    named = relays.all_relays(memory.symbols_only(place, gateway))
                    owners = memory.idle_by_owner(place, next(relay for relay in named if relay.name == relays.GATEWAY))
            if not arguments.no_times:
                for name, measured in times(place, chosen, arguments.rounds).items():
                    figures[name] |= measured
        finally:
            backend.end()
        sources = subprocess.run(
            [ROOT / "scripts" / "sources.py", "hash", "gate"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()
        results = {
            "date": datetime.date.today().isoformat(),
            "sources": sources,
            "machine": machine(),
            "rounds": 0 if arguments.no_times else arguments.rounds,
            "idle": measures.IDLE,
            "relays": [
                {"name": relay.name, "version": relay.version(), "negotiation": relay.negotiation}
                for relay in chosen
            ],
            "figures": figures,
            "idle_by_owner": owners,
        }
    print(report.table(results))
    print(report.owners(results))
    if arguments.write:
        report.write(ROOT, results)
        say("wrote docs/benchmarks.md, docs/images/benchmarks.svg and Benchmarks/results.json")


if __name__ == "__main__":
    main()

"""What does not depend on how busy the machine is: instructions, system calls and allocations, each as the difference
of two runs of different length, so that what starting costs is not in it."""

import pathlib
import re
import shutil
import struct
import subprocess

from measures import load

#: Round trips, connects and megabytes of the shorter and the longer run.
ROUNDS, CONNECTS, MEGABYTES = (500, 3_500), (20, 120), (8, 72)


def stripped(place, program):
    """A copy without symbols: valgrind cannot read Swift's debug information."""
    copy = place.path / f"{pathlib.Path(program).name}-stripped"
    if not copy.exists():
        shutil.copy(program, copy)
        subprocess.run(["strip", copy], check=True)
    return copy


def instructions(place, relay, work):
    """User-space instructions of one whole run, of all threads."""
    file = place.path / "callgrind.out"
    for old in place.path.glob("callgrind.out*"):
        old.unlink()
    running = relay.start(
        place,
        around=["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}", "--quiet"],
        single=True,
    )
    work(running)
    running.end()
    total = 0
    for written in place.path.glob("callgrind.out*"):
        found = re.search(r"^(?:summary|totals): (\d+)", written.read_text(errors="replace"), re.MULTILINE)
        total += int(found[1]) if found else 0
    if total == 0:
        raise SystemExit(f"bench: valgrind wrote nothing about {relay.name}")
    return total


def system_calls(place, relay, work):
    file = place.path / "strace.out"
    running = relay.start(place, around=["strace", "-f", "-c", "-U", "calls,name", "-o", str(file), "--"], single=True)
    work(running)
    running.end()
    found = re.search(r"^\s*(\d+)\s+total$", file.read_text(), re.MULTILINE)
    if not found:
        raise SystemExit(f"bench: strace wrote nothing about {relay.name}")
    return int(found[1])


def allocations(place, relay, work):
    file = place.path / "allocations"
    file.unlink(missing_ok=True)
    running = relay.start(
        place,
        environment={"LD_PRELOAD": str(place.programs / "allocations.so"), "ALLOCATIONS_FILE": str(file)},
        single=True,
    )
    work(running)
    count = struct.unpack("Q", file.read_bytes())[0]
    running.end()
    return count


def difference(measure, place, relay, kind, amounts):
    def work(amount):
        def run(running):
            if kind == "query":
                load(place, relay, running, "query", 1, amount)
            elif kind == "connect":
                load(place, relay, running, "connect", amount, 0, 1)
            else:
                load(place, relay, running, kind, 1, amount)
        return run

    shorter, longer = (measure(place, relay, work(amount)) for amount in amounts)
    return (longer - shorter) / (amounts[1] - amounts[0])


def all_counts(place, relay):
    # What is relayed in bulk comes from the backend in rows of 8 KiB: figures are per such chunk.
    chunks = 1_000_000 / 8_192
    return {
        "instructions_query": difference(instructions, place, relay, "query", ROUNDS),
        "instructions_connect": difference(instructions, place, relay, "connect", CONNECTS),
        "system_calls_query": difference(system_calls, place, relay, "query", ROUNDS),
        "allocations_query": difference(allocations, place, relay, "query", ROUNDS),
        "allocations_chunk_to_client": difference(allocations, place, relay, "down", MEGABYTES) / chunks,
        "allocations_chunk_from_client": difference(allocations, place, relay, "up", MEGABYTES) / chunks,
    }

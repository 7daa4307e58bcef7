#!/usr/bin/env python3
"""Uses `make up` as a newcomer does: starts it, pastes the psql lines, presses Ctrl-C.

Runs the programs of the release build (scripts/build-release.sh), where `make up` itself would build for debugging.
"""

import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = str(ROOT / ".build-release/release")
failures = []


def check(condition, what):
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition:
        failures.append(what)


def without_openssl(scratch):
    """A PATH on which openssl is a program that says that it was called."""
    place = pathlib.Path(scratch, "bin")
    place.mkdir()
    program = place / "openssl"
    program.write_text(f"#!/bin/sh\ntouch {scratch}/openssl-was-called\nexit 1\n")
    program.chmod(0o755)
    return f"{place}:{os.environ['PATH']}"


def start(port, scratch):
    # A session of its own, so that Ctrl-C can be sent to all of it as a terminal does.
    return subprocess.Popen(
        ["make", "--no-print-directory", "up", f"PORT={port}"], cwd=ROOT, start_new_session=True, text=True,
        env={**os.environ, "PATH": without_openssl(scratch), "TMPDIR": scratch, "FROST_API_ADDRESS": "127.0.0.1:0", "FROST_PROGRAMS": PROGRAMS}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )


def read_until(process, text, seconds):
    seen, deadline = "", time.monotonic() + seconds
    os.set_blocking(process.stdout.fileno(), False)
    while text not in seen:
        left = deadline - time.monotonic()
        if left <= 0:
            return seen, False
        select.select([process.stdout], [], [], left)
        part = process.stdout.read()
        if part == "":
            return seen, False
        seen += part or ""
    return seen, True


def main():
    scratch = tempfile.mkdtemp(prefix="frost-up-test-")
    os.chmod(scratch, 0o755)
    port = free_port()
    process = start(port, scratch)
    output, ready = read_until(process, "Ctrl-C here stops everything", 900)
    check(ready, "make up says that it is ready")
    if not ready:
        print(output)
    lines = re.findall(r"^\s+(psql .*)$", output, re.MULTILINE)
    check(len(lines) == 2, "two psql lines are printed")
    expected = {"main": ("main", 2), "dev": ("dev", 3)}
    for line in lines:
        branch = re.search(r"@(\w+)\.pg\.shop\.localhost", line).group(1)
        # Pasted, and a statement typed behind it.
        result = subprocess.run(
            f"{line} -XqAt", shell=True, text=True, capture_output=True,
            input="SELECT min(branch), count(*) FROM item;\n",
        )
        check(result.stdout.strip() == "%s|%d" % expected[branch], f"the line of {branch} works as pasted: {result.stderr}")
        wrong = subprocess.run(
            line.replace(f"@{branch}.", "@nobody.") + " -XqAt", shell=True, text=True, capture_output=True, input="SELECT 1;",
        )
        check("no branch has the hostname" in wrong.stderr, "a wrong hostname is an error")

    check(not os.path.exists(f"{scratch}/openssl-was-called"), "nothing has called openssl")
    second = subprocess.run(
        ["make", "--no-print-directory", "up", f"PORT={port}"], cwd=ROOT, text=True, capture_output=True,
    )
    check(second.returncode != 0 and f"port {port} is in use" in second.stderr, "a port in use is an error")
    bad = subprocess.run(["make", "--no-print-directory", "up", "PORT=x"], cwd=ROOT, text=True, capture_output=True)
    check(bad.returncode != 0 and "PORT is 'x'" in bad.stderr, "a bad port is an error")

    os.killpg(process.pid, signal.SIGINT)
    rest, stopped = read_until(process, "nothing is left behind", 300)
    process.wait(300)
    check(stopped, f"Ctrl-C stops it: {rest[-300:]}")
    left = [name for name in os.listdir(scratch) if name.startswith("frost-up")]  # the build leaves its own
    check(not left, f"nothing is left behind: {left}")
    with socket.socket() as probe:
        check(probe.connect_ex(("127.0.0.1", port)) != 0, "nothing listens any more")
    shutil.rmtree(scratch)
    print(f"up_test: {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

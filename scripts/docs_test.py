#!/usr/bin/env python3
"""Runs README's commands in the order in which they stand, in a clean clone, as a newcomer does.

`make up` and `frost up` run until everything behind them has run. Programs are those of the release build
(scripts/build-release.sh, or the folder FROST_PROGRAMS); ports are free ones, since other tests run beside.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from ports import free_port, free_range
from up_test import read_until

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get("FROST_PROGRAMS", ROOT / ".build-release/release"))
# An example of what a client somewhere else types; its hostname is not this host.
ILLUSTRATION = 'psql "host=dev.pg.shop.example.net port=5432 user=frost dbname=shop sslmode=require"'
failures = []


def check(condition, what):
    what = re.sub(r"://(\w+):[^@]*@", r"://\1:********@", what)
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    if not condition:
        failures.append(what)
    return condition


def commands(readme):
    """The lines of indented blocks, without their comments; the picture is no block."""
    lines = [line[4:] for line in readme.split("\n") if re.match(r"    [a-z]", line) and "──" not in line]
    return [re.sub(r"\s{2,}#.*", "", line).strip() for line in lines]


class Background:
    """A command that goes on until Ctrl-C."""

    def __init__(self, line, ready, cwd, environment):
        # A session of its own, so that Ctrl-C reaches all of it as from a terminal.
        self.process = subprocess.Popen(
            ["bash", "-c", "exec " + line], cwd=cwd, env=environment, start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.line = line
        self.output, is_ready = read_until(self.process, ready, 900)
        if not check(is_ready, f"{line}: is ready"):
            print(self.output)

    def stop(self, word=None):
        """Ctrl-C; it ends with 0, or, where make says 130 for it, with a word."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        rest, _ = read_until(self.process, "\0", 300)
        status = self.process.wait(300)
        check(word in rest if word else status == 0, f"{self.line}: ends after Ctrl-C ({status})")


def run(line, cwd, environment):
    result = subprocess.run(
        ["bash", "-c", line], cwd=cwd, env=environment, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=600
    )
    check(result.returncode == 0, f"{line}{'' if result.returncode == 0 else f': {result.stderr}{result.stdout}'}")
    return result.stdout


def make_up(line, clone, scratch):
    """`make up`, with a free port; then the lines that it prints, pasted."""
    environment = {**os.environ, "TMPDIR": str(scratch), "FROST_API_ADDRESS": "127.0.0.1:0", "FROST_PROGRAMS": str(PROGRAMS)}
    environment["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"] = f"127.0.0.1:{free_port()}"
    up = Background(f"{line} PORT={free_port()}", "Ctrl-C here stops everything", clone, environment)
    lines = re.findall(r"^\s+(psql \"?postgresql.*)$", up.output, re.MULTILINE)
    check(len(lines) == 2, f"{line}: prints a psql line for each branch")
    for pasted in lines:
        check(run(f"{pasted} -XqAtc 'SELECT 1'", clone, environment) == "1\n", f"{line}: its psql line works as pasted")
    up.stop("nothing is left behind")


def run_gateway(line, work, environment):
    """The gateway without frost: a route map and a certificate are there, as the line says."""
    data = pathlib.Path(environment["FROST_DATA_DIR"])
    shutil.copy(data / "routes.json", work / "routes.json")
    pair = next((data / "certificates").glob("wildcard_.pg.shop.*.crt"))
    shutil.copy(pair, work / "server.crt")
    shutil.copy(pair.with_suffix(".key"), work / "server.key")
    port = free_port()
    environment = {
        **environment, "FROST_POSTGRES_GATEWAY_PORT": str(port),
        "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": f"127.0.0.1:{free_port()}",
    }
    gateway = Background(line, '"listening"', work, environment)
    text = subprocess.run(
        ["psql", "-XqAtc", "SELECT 1", f"host=old.pg.shop.localhost hostaddr=127.0.0.1 port={port} user=frost dbname=shop sslmode=require"],
        text=True, capture_output=True,
    ).stderr
    check("no branch has the hostname" in text, f"{line}: answers: {text.strip()}")
    gateway.stop()


def main():
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="frost-docs-test-"))
    scratch.chmod(0o755)
    clone, work = scratch / "clone", scratch / "work"
    work.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environment = {
        **os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "FROST_DATA_DIR": str(scratch / "data"),
        "FROST_API_ADDRESS": "127.0.0.1:0", "FROST_HOST_PORTS": free_range(20),
        "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": f"127.0.0.1:{free_port()}", "FROST_POSTGRES_GATEWAY_LOG_FORMAT": "json",
    }
    up = None
    seen = []
    try:
        for line in commands((clone / "README.md").read_text()):
            seen.append(line)
            if line == ILLUSTRATION:
                continue
            if line.startswith("make up"):
                make_up(line, clone, scratch)
            elif line == "frost up":
                up = Background(f"{line} --port {free_port()}", "Ctrl-C here stops the gateway", work, environment)
            elif line.startswith("postgres-gateway run"):
                run_gateway(line, work, environment)
            else:
                printed = run(line, work, environment)
                if line.startswith("frost psql"):
                    check(re.search(r"^ +2$", printed, re.MULTILINE), f"{line}: finds the example's rows: {printed}")
                if line.startswith("frost branch url"):
                    check(run(f"psql '{printed.strip()}' -XqAtc 'SELECT 1'", work, environment) == "1\n", f"{line}: works as pasted")
                if line.startswith("frost ca"):
                    check("BEGIN CERTIFICATE" in (work / "ca.crt").read_text(), f"{line}: writes a certificate")
        check(sum(line.startswith("frost ") for line in seen) >= 10, f"README has its commands: {len(seen)}")
    finally:
        if up:
            up.stop()
        subprocess.run([PROGRAMS / "frost", "stop", "--all"], env=environment, capture_output=True)
        shutil.rmtree(scratch)
    print(f"docs_test: {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

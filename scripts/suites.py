#!/usr/bin/env python3
"""Runs suites of swift-testing, a few tests at a time; a few failures get a second run, alone.

usage: scripts/suites.py AT_ONCE ARGUMENT...

AT_ONCE is how many tests may run at a time (SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH wins). The arguments are
those of `swift test`.

Machines that run these suites are shared: now and then one stands still for longer than the limits under test allow.
At most MOST_AGAIN failed tests are therefore run again, one at a time. One that fails again fails the run; one that
passes is named at the end, and is to be looked at: what fails once in fifty runs is a fault as well. A crash gets no
second run.
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

MOST_AGAIN = 5


def run(arguments, at_once, report):
    """Runs `swift test`; returns its exit code and the failed tests, or None where it left no report."""
    environment = os.environ | {"SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH": str(at_once)}
    code = subprocess.run(
        ["swift", "test", "--skip-build", "--xunit-output", report, *arguments], env=environment
    ).returncode
    # swift-testing's own part of the report stands beside the file that is named.
    written = report.removesuffix(".xml") + "-swift-testing.xml"
    try:
        cases = list(ElementTree.parse(written).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return code, None, 0
    failed = [
        f"{case.get('classname')}/{case.get('name')}" for case in cases if case.find("failure") is not None
    ]
    return code, sorted(set(failed)), len(cases)


def main(arguments):
    if len(arguments) < 2 or not arguments[0].isdecimal():
        print(__doc__.strip(), file=sys.stderr)
        return 64
    at_once = os.environ.get("SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH", arguments[0])
    with tempfile.TemporaryDirectory() as directory:
        code, failed, ran = run(arguments[1:], at_once, f"{directory}/first.xml")
        if code == 0 and ran == 0:
            print("suites: no test matched, or no report was written", file=sys.stderr)
            return 1
        if code == 0 or not failed or len(failed) > MOST_AGAIN:
            return code
        print(f"suites: {len(failed)} of {ran} tests failed; they run again, one at a time:", flush=True)
        for name in failed:
            print(f"  {name}", flush=True)
        # swift-testing matches the filter against "Module.Suite/function(labels:)/File.swift:line:column".
        only = "^(" + "|".join(re.escape(name) for name in failed) + ")(/|$)"
        code, again, ran = run(["--filter", only], 1, f"{directory}/second.xml")
        if code == 0 and (again or ran != len(failed)):
            print(f"suites: {ran} of these {len(failed)} tests ran a second time", file=sys.stderr)
            return 1
        if code == 0:
            print(f"suites: passed only when run a second time, alone: {', '.join(failed)}", flush=True)
        return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

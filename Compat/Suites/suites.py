#!/usr/bin/env python3
"""Runs other people's test suites direct, direct with TLS, and through the gateway, and compares them test by test.

`make suites` runs all of them; it takes about an hour. It exits 1 when a test gives another outcome in one of the legs for
no reason that expected.json names, or when a suite could not run.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import go_suites
import legs
import postgres_suites
import python_suites
import results
import store
from builds import release_program
from suite import now

ROOT = legs.ROOT
ALL = (
    python_suites.Psycopg2, python_suites.Asyncpg, python_suites.Pg8000, go_suites.LibPq, go_suites.Pgx,
    postgres_suites.Regress, postgres_suites.Isolation, python_suites.SQLAlchemyPsycopg2, python_suites.SQLAlchemyAsyncpg,
)


def say(text):
    print(f"suites: {text}", flush=True)


def sources_of(gateway):
    """The hash of the sources that the program was built from; whole where they are this tree's."""
    tree = subprocess.run(
        [ROOT / "scripts" / "sources.py", "hash", "gate"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    done = subprocess.run([gateway, "version"], stdout=subprocess.PIPE, text=True, check=True)
    found = re.search(r"sources (\w+)", done.stdout)
    program = found[1] if found else "unknown"
    return tree if tree.startswith(program) else program


def run_legs(place, suite, only=None):
    """Outcomes by leg, and the sessions that the gateway had."""
    found = {}
    for name in legs.LEGS:
        begin = now()
        with legs.Leg(place, name, suite) as leg:
            found[name] = suite.run(leg, only)
        passed = sum(1 for word in found[name].values() if word == "passed")
        say(f"{suite.name}, {legs.TITLES[name]}: {passed:,} of {len(found[name]):,} passed, {now() - begin:.0f} s")
        if not found[name] and only is None:
            raise legs.Failure(f"{legs.TITLES[name]}: not one test ran; its messages are in {place.logs}")
    return found, leg.sessions


def run_suite(place, suite):
    begin = now()
    suite.prepare(place)
    found, sessions = run_legs(place, suite)
    result = results.Result(suite, found, suite.version())
    result.sessions = sessions
    for _ in range(results.MOST_AGAIN):
        tests = result.to_repeat()
        if not tests:
            break
        say(f"{suite.name}: {len(tests)} tests differ and are run again")
        result.repeated(run_legs(place, suite, tests)[0])
    result.seconds = now() - begin
    return result


class Kept:
    """What suites gave, on disk, so that a run that was interrupted is resumed."""

    def __init__(self, folder, run):
        self.folder, self.run = folder, run
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, suite):
        """None where there is nothing of the same gateway and the same server."""
        try:
            document = json.loads((self.folder / f"{suite.name}.json").read_text())
        except FileNotFoundError:
            return None
        return results.Result.from_json(suite, document) if document["run"] == self.run else None

    def write(self, result):
        file = self.folder / f"{result.suite.name}.json"
        temporary = file.with_suffix(".new")
        temporary.write_text(json.dumps({"run": self.run} | result.to_json()))
        temporary.rename(file)


def run_all(chosen, place, kept, at_once):
    """The results, in the order of `chosen`, and what failed."""
    failures = []

    def attempt(step, suite, *arguments):
        try:
            return step(*arguments)
        except legs.Failure as failure:
            failures.append(f"{suite.name}: {failure}")
            say(f"FAILED: {failures[-1]}")

    # One after the other: they share folders.
    ready = []
    for suite in chosen:
        count = len(failures)
        attempt(suite.fetch, suite)
        if len(failures) == count:
            ready.append(suite)

    def whole(suite):
        result = attempt(run_suite, suite, place, suite)
        if result is not None:
            kept.write(result)
        return result

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        try:
            found = list(pool.map(whole, ready))
        except BaseException:
            legs.stop_all()
            raise
    return [result for result in found if result is not None], failures


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [suite.name for suite in ALL]
    parser.add_argument("--only", action="append", choices=names, metavar="SUITE",
                        help=f"this suite; repeat for more ({', '.join(names)})")
    parser.add_argument("--at-once", type=int, default=2, metavar="N",
                        help="suites at a time; the legs of each run one after the other (default: 2)")
    parser.add_argument("--resume", action="store_true",
                        help="take over suites that already ran with the same gateway and server")
    parser.add_argument("--gateway", type=pathlib.Path, metavar="PROGRAM",
                        help="a program of the gateway in place of the release build's")
    parser.add_argument("--write", action="store_true", help="write Compat/Suites/RESULTS.md (needs all suites)")
    parser.add_argument("--fetch", action="store_true", help="only fetch and unpack what the suites need")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write needs all suites")
    return options


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = ROOT / ".build-compat" / "suites"
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    shelf = store.Store(folder)
    chosen = [suite(shelf) for suite in ALL if not options.only or suite.name in options.only]
    if options.fetch:
        for suite in chosen:
            suite.fetch()
        return 0
    gateway = (options.gateway or release_program("postgres-gateway")).resolve()
    sources = sources_of(gateway)
    with tempfile.TemporaryDirectory(prefix="suites-") as temporary:
        work = pathlib.Path(temporary)
        # The server's account reads below it.
        work.chmod(0o755)
        legs.add_names(work)
        place = legs.Place(work, logs, gateway)
        kept = Kept(folder / "results", {"gateway": sources, "server": place.version()})
        done = {suite.name: kept.read(suite) for suite in chosen} if options.resume else {}
        done = {name: result for name, result in done.items() if result is not None}
        ran, failures = run_all([suite for suite in chosen if suite.name not in done], place, kept, options.at_once)
        done |= {result.suite.name: result for result in ran}
        found = [done[suite.name] for suite in chosen if suite.name in done]
        dates = [result.date for result in found] or [datetime.date.today().isoformat()]
        facts = {
            "Date": " to ".join(sorted({min(dates), max(dates)})),
            "Sources of the gateway": f"`{sources}`",
            "Server": place.version(),
            "Machine": f"{os.cpu_count()} processors, shared with other work",
            "Time": f"{sum(result.seconds for result in found) / 60:.0f} minutes, summed over the suites, which run side by side",
            "Runs": f"{len(ran)} suites ran now; {len(found) - len(ran)} were taken over (`--resume`) from runs with the same "
            "gateway and server",
        }
    return conclude(found, failures, facts, options.write, logs)


def conclude(found, failures, facts, write, logs):
    """Prints the report, and says what needs attention; returns the exit code."""
    expected = results.Expected()
    unexplained, gone = expected.unexplained(found), expected.gone(found)
    text = results.report(found, expected, facts)
    print(text)
    for result, maker, test in unexplained:
        say(f"not explained: {result.suite.name}, by {results.WORDS[maker]}: {test} ({results.by_leg(result, test)})")
    for name, maker, test in gone:
        say(f"expected.json lists a difference that there is no longer: {name}, by {results.WORDS[maker]}: {test}")
    for failure in failures:
        say(f"FAILED: {failure}")
    if write and not failures:
        (ROOT / "Compat" / "Suites" / "RESULTS.md").write_text(text)
        say("wrote Compat/Suites/RESULTS.md")
    say(f"messages of the suites, servers and gateways: {logs}")
    return 1 if unexplained or failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except legs.Failure as failure:
        sys.exit(f"suites: {failure}")

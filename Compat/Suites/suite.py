"""What a suite is, and how its programs are run within a time limit."""

import os
import subprocess
import time

import legs


class Suite:
    """A test suite. `fetch` and `prepare` run once, `run` for each leg."""

    name = ""
    #: Of one run in one leg, in seconds. What is not finished by then counts as not run.
    timeout = 600
    #: In pg_hba.conf.
    authentication = "scram-sha-256"
    #: PGSSLMODE where there is TLS.
    tls_mode = "require"
    #: Settings of PostgreSQL besides those of all suites.
    settings = {}
    #: (database, statement), run before each leg.
    statements = ()

    def __init__(self, store):
        self.store = store

    def fetch(self):
        """Gets the sources. Throws legs.Failure with the next step when it cannot."""

    def prepare(self, place):
        """Builds what is needed."""

    def version(self):
        raise NotImplementedError

    def run(self, leg, only=None):
        """Returns {test: outcome}; `only`: these tests, where the suite can be asked for some."""
        raise NotImplementedError

    def environment(self, leg):
        """What has the suite's programs take the leg's way."""
        return leg.environment()

    def execute(self, leg, command, environment, folder, output):
        """Runs a program until it ends or its time is over, with what it writes in a file. Returns whether it ended."""
        with open(output, "ab") as log:
            process = legs.start(
                command, stdout=log, stderr=subprocess.STDOUT, env=self.environment(leg) | environment, cwd=folder
            )
        try:
            process.wait(self.timeout)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            legs.end_group(process, seconds=5)

    def log_of(self, leg, again):
        """A new file for what the suite's programs say."""
        log = leg.place.logs / f"{self.name}-{leg.name}{'-again' if again else ''}.log"
        log.unlink(missing_ok=True)
        return log


def now():
    return time.monotonic()


def run_checked(command, what, **more):
    """Runs a program that must succeed; throws legs.Failure with the end of what it said."""
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **more
    )
    if done.returncode != 0:
        raise legs.Failure(f"{what}: {' '.join(done.stdout.strip().splitlines()[-3:])}")
    return done.stdout


def worse(outcome, other):
    order = ("passed", "xpassed", "xfailed", "skipped", "failed")
    return max(outcome, other, key=lambda one: order.index(one) if one in order else len(order))


def home(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return {"HOME": os.fspath(folder)}

"""Compares the legs test by test, and writes the report."""

import datetime
import json
import pathlib

import legs

EXPECTED = pathlib.Path(__file__).with_name("expected.json")
NOT_RUN = "not run"
#: What makes a difference -> the two legs between which it shows.
MAKERS = {"tls": ("direct", "tls"), "gateway": ("tls", "gateway")}
WORDS = {"tls": "TLS", "gateway": "the gateway"}
#: How often a test that differs is run again.
MOST_AGAIN = 2


def outcome(outcomes, leg, test):
    return outcomes[leg].get(test, NOT_RUN)


def differing(outcomes, among=None):
    """{maker: tests}: where the two legs of a maker do not agree."""
    tests = set().union(*(outcomes[leg] for leg in legs.LEGS)) if among is None else among
    return {
        maker: {test for test in tests if outcome(outcomes, first, test) != outcome(outcomes, second, test)}
        for maker, (first, second) in MAKERS.items()
    }


class Result:
    """One suite's outcomes in its first run in each leg, and what still differs after the repeated ones."""

    def __init__(self, suite, outcomes, version):
        self.suite, self.outcomes, self.version = suite, outcomes, version
        self.date = datetime.date.today().isoformat()
        self.seconds = 0
        self.sessions = 0
        self.differences = differing(outcomes)
        #: Test -> outcomes by leg, of those that differed once and later did not.
        self.unsteady = {}

    def to_json(self):
        return {
            "date": self.date, "version": self.version, "seconds": self.seconds, "sessions": self.sessions,
            "outcomes": self.outcomes,
            "differences": {maker: sorted(tests) for maker, tests in self.differences.items()}, "unsteady": self.unsteady,
        }

    @staticmethod
    def from_json(suite, document):
        result = Result(suite, document["outcomes"], document["version"])
        for name in ("date", "seconds", "sessions", "unsteady"):
            setattr(result, name, document[name])
        result.differences = {maker: set(tests) for maker, tests in document["differences"].items()}
        return result

    def to_repeat(self):
        return set().union(*self.differences.values())

    def repeated(self, outcomes):
        """Keeps what differs again."""
        for maker, tests in self.differences.items():
            still = differing(outcomes, tests)[maker]
            for test in tests - still:
                self.unsteady.setdefault(test, {leg: outcome(self.outcomes, leg, test) for leg in legs.LEGS})
            self.differences[maker] = still

    def tests(self):
        return set().union(*(self.outcomes[leg] for leg in legs.LEGS))

    def count(self, leg, word="passed"):
        return sum(1 for found in self.outcomes[leg].values() if found == word)

    def row(self):
        return (
            f"| {self.suite.name} | {self.version} | {len(self.tests()):,} | "
            + " | ".join(f"{self.count(leg):,}" for leg in legs.LEGS)
            + f" | {len(self.differences['tls'])} | {len(self.differences['gateway'])} | {self.sessions:,} |"
        )


class Expected:
    """The differences that are known, with their reasons."""

    def __init__(self):
        self.reasons = {}
        for entry in json.loads(EXPECTED.read_text()):
            for test in entry["tests"]:
                self.reasons[entry["suite"], entry["by"], test] = entry["reason"]

    def reason(self, suite, maker, test):
        return self.reasons.get((suite, maker, test))

    def unexplained(self, results):
        return [
            (result, maker, test)
            for result in results for maker in MAKERS for test in sorted(result.differences[maker])
            if self.reason(result.suite.name, maker, test) is None
        ]

    def gone(self, results):
        """Entries of suites that ran, whose tests no longer differ."""
        by_name = {result.suite.name: result for result in results}
        return [
            key for key in self.reasons
            if key[0] in by_name and key[2] not in by_name[key[0]].differences[key[1]]
        ]


HEADING = [
    "| suite | version | tests | passed direct | … with TLS | … through the gateway | differ by TLS | differ by the gateway "
    "| sessions of the gateway |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|",
]


def table(results):
    lines = [*HEADING, *(result.row() for result in results)]
    if len(results) > 1:
        total = [sum(result.count(leg) for result in results) for leg in legs.LEGS]
        lines.append(
            f"| all | | {sum(len(result.tests()) for result in results):,} | " + " | ".join(f"{one:,}" for one in total)
            + " | " + " | ".join(f"{sum(len(result.differences[maker]) for result in results)}" for maker in MAKERS)
            + f" | {sum(result.sessions for result in results):,} |"
        )
    return "\n".join(lines)


def by_leg(result, test):
    return ", ".join(f"{legs.TITLES[leg]}: {outcome(result.outcomes, leg, test)}" for leg in legs.LEGS)


def differences(results, expected):
    lines = []
    for maker in MAKERS:
        lines += ["", f"## Differences that {WORDS[maker]} makes", ""]
        groups = {}
        for result in results:
            for test in sorted(result.differences[maker]):
                reason = expected.reason(result.suite.name, maker, test) or "**not explained**"
                groups.setdefault((result.suite.name, reason), []).append((result, test))
        if not groups:
            lines.append("None.")
        for (suite, reason), found in groups.items():
            lines.append(f"- **{suite}**: {reason}")
            lines += [f"    - `{test}` ({by_leg(result, test)})" for result, test in found]
    return lines


def unsteady(results):
    lines = ["", "## Tests that differed once", "", "The legs that had differed agreed when these ran again.", ""]
    found = [
        f"- **{result.suite.name}**: `{test}` (" + ", ".join(f"{legs.TITLES[leg]}: {word}" for leg, word in words.items()) + ")"
        for result in results for test, words in sorted(result.unsteady.items())
    ]
    return lines + (found or ["None."])


def report(results, expected, facts):
    lines = [
        "# Other people's test suites",
        "",
        "Written by `make suites ARGS=--write`. Each suite runs three times, against a PostgreSQL server of its own: direct "
        "without TLS, direct with TLS (the control), and through the gateway, which routes it by hostname. A test *differs* when "
        "its outcome (passed, failed, skipped, …) is not the same in two legs, and still is not when it is run again, up to "
        f"{MOST_AGAIN} times. [README.md](README.md) says how the suites are run.",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        table(results),
        *differences(results, expected),
        *unsteady(results),
    ]
    return "\n".join(lines) + "\n"

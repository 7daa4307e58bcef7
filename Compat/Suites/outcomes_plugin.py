"""A plugin of pytest that writes each test's outcome when it is known, so that nothing is lost when a run is ended.

SUITES_OUTCOMES names the file; a line has an outcome, a tab and the test's id. A test that is set up well and fails when
it is taken down has two lines; the worse one counts, which is left to the reader.
"""

import os


def pytest_runtest_logreport(report):
    if report.when != "call" and report.passed:
        return
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    with open(os.environ["SUITES_OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(f"{outcome}\t{report.nodeid!a}\n")


def pytest_collectreport(report):
    """A module that cannot be imported is a test that failed."""
    if report.failed:
        with open(os.environ["SUITES_OUTCOMES"], "a", encoding="utf-8") as file:
            file.write(f"failed\t{'collecting ' + report.nodeid!a}\n")


if os.environ.get("PGSSLMODE") == "disable":
    # pg8000 has no setting for it from outside: it takes TLS where the server offers it.
    try:
        import pg8000.core
    except ImportError:
        pass
    else:
        connect = pg8000.core.CoreConnection.__init__

        def without_tls(self, *positional, **named):
            if named.get("ssl_context") is None and len(positional) < 8:
                named["ssl_context"] = False
            return connect(self, *positional, **named)

        pg8000.core.CoreConnection.__init__ = without_tls

#!/usr/bin/env python3
"""A real Prometheus scrapes a real gateway: every panel of the dashboard shows something, every alert fires when its cause is
brought about, and clears when that is mended.

    monitoring_test.py [--files]     --files: only what needs no gateway

Needs what scripts/setup.sh test and scripts/compat-setup.sh install, and the gateway's release build.
"""

import math
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from files import alert_names, check_files, described, expressions, metrics_of  # noqa: E402
from host import DOMAIN, Failure, Gateway, Postgres, certificate, confirmed_now, replace, route, until  # noqa: E402
from prometheus import Prometheus  # noqa: E402

seen = {}


def check(condition, what, detail=""):
    if not condition:
        raise Failure(f"{what}: {detail}" if detail else what)
    print(f"ok      {what}", flush=True)


class Story:
    """One gateway, whose faults come and go."""

    def __init__(self, directory):
        self.directory = directory
        self.closing = []
        # Held, and nothing listens there: a connection is refused.
        self.dead = socket.socket()
        self.dead.bind(("127.0.0.1", 0))
        self.gateway = Gateway(directory)
        self.prometheus = Prometheus(directory, self.gateway.admin)

    def close(self):
        for action in reversed(self.closing):
            try:
                action()
            except Exception as error:  # the others have to end too
                print(f"could not end something: {error}")

    def write_routes(self, *more, **keys):
        port = self.postgres.port
        self.gateway.write_routes(
            route("main", port),
            route("small", port, host="127.0.0.2", maxConnections=1),
            route("guessed", port, host="127.0.0.3"),
            route("dead", self.dead.getsockname()[1]),
            *more, **keys,
        )

    def start(self):
        self.postgres = Postgres(self.directory)
        self.closing.append(self.postgres.stop)
        certificate(self.gateway.certificates, f"wildcard_.{DOMAIN}", f"*.{DOMAIN}", 365)
        self.write_routes()
        self.closing.append(self.gateway.kill)
        self.gateway.start()
        self.closing.append(self.prometheus.stop)
        self.prometheus.start()
        until(f"psql through the gateway\n{self.log()}", lambda: self.gateway.psql("main").stdout == "1\n")

    def log(self):
        return self.gateway.log.read_text()[-2000:]

    # -- what is shown --

    def check_metrics(self):
        """What the page describes is what the gateway has; files.py holds panels and alerts to the page."""
        until("the gateway is scraped", lambda: self.prometheus.query('up{job="postgres-gateway"} == 1'))

        def difference():
            return described() ^ metrics_of(" ".join(self.prometheus.api("label/__name__/values")))

        try:
            until("every metric", lambda: not difference())
        except Failure:
            raise Failure(f"in docs/monitoring.md or of the gateway, and not both: {', '.join(sorted(difference()))}") from None
        check(True, f"the page describes the {len(described())} metrics of the gateway")

    def check_panels(self):
        """Each expression has a number, and the labels that its legend names."""
        self.gateway.psql("dead")
        self.gateway.psql("nobody")
        problems = {}

        def look():
            # Connects anew while rates and quantiles are waited for.
            self.gateway.psql("main", "SELECT repeat('x', 100000)")
            problems.clear()
            for panel, expression, legend in expressions():
                plain = re.sub(r'\$(job|instance)"', '.+"', expression).replace("$__rate_interval", "1m")
                series = self.prometheus.query(plain)
                labels = set(re.findall(r"\{\{(\w+)\}\}", legend))
                if not any(labels <= names.keys() and not math.isnan(value) for names, value in series):
                    problems[f"{panel}: {plain}"] = series[:3]
            return not problems

        try:
            until("every panel shows something", look)
        except Failure:
            raise Failure(f"panels that show nothing: {problems}") from None
        check(True, f"each of {len(expressions())} expressions of the dashboard has a value")

    # -- alerts --

    def at_rest(self, what):
        def nothing_is_wrong():
            return self.prometheus.rules_are_evaluated() and not self.prometheus.alerts()

        try:
            until(what, nothing_is_wrong)
        except Failure:
            raise Failure(f"{what}: {self.prometheus.alerts()}\n{self.log()}") from None
        check(True, what)

    def fires(self, names, cause=lambda: None):
        """Repeats a cause until all alerts have fired."""
        waiting = set(names)

        def look():
            cause()
            for name, alerts in self.prometheus.firing().items():
                seen.setdefault(name, alerts)
                waiting.discard(name)
            return not waiting

        try:
            until("alerts", look)
        except Failure:
            raise Failure(f"did not fire: {sorted(waiting)}\n{self.log()}") from None
        for name in names:
            check(True, f"{name} fires")

    def check_together(self):
        """Causes that do not get into each other's way."""
        port = self.postgres.port
        with socket.socket() as shared:
            shared.bind(("127.0.0.1", 0))
            twice = shared.getsockname()[1]
            self.write_routes(
                route("main", port, hostname="main.pg.uncovered.test"), route("one", twice), route("other", twice),
            )
            certificates = self.gateway.certificates
            certificate(certificates, "ten.days.test", "ten.days.test", 10)
            certificate(certificates, "two.days.test", "two.days.test", 2)
            (certificates / "broken.test.crt").write_text("no certificate\n")
            (certificates / "broken.test.key").write_text("no key\n")
            holder = self.gateway.hold("small")
            silent = []

            def cause():
                self.gateway.psql("dead")
                self.gateway.psql("small")
                self.gateway.psql("guessed", password="wrong")
                silent.append(self.gateway.silent())

            try:
                self.fires([
                    "PostgresGatewayHostnamesUncovered", "PostgresGatewayAddressConflict", "PostgresGatewayCertificateExpiresIn14Days",
                    "PostgresGatewayCertificateExpiresIn3Days", "PostgresGatewayCertificateStale", "PostgresGatewayDialErrors",
                    "PostgresGatewayLimitReached", "PostgresGatewayFailedLogins", "PostgresGatewayEvictions",
                ], cause)
            finally:
                holder.communicate(timeout=120)
                for connection in silent:
                    connection.close()
        replace(self.gateway.routes, "{ this is no route map")
        self.fires(["PostgresGatewayRouteMapStale"])
        for name, names in [("DialErrors", {"target": "dbt_dead"}), ("LimitReached", {"limit": "connections_per_route"}),
                            ("CertificateExpiresIn3Days", {"name": "two.days.test"}),
                            ("CertificateExpiresIn14Days", {"name": "ten.days.test"})]:
            labels = [alert["labels"] for alert in seen[f"PostgresGateway{name}"]]
            check(any(names.items() <= one.items() for one in labels), f"{name} names the culprit", str(labels))
        self.write_routes()
        for name in ("ten.days.test", "two.days.test"):
            certificate(certificates, name, name, 365)
        for name in ("broken.test.crt", "broken.test.key"):
            (certificates / name).unlink()
        self.at_rest("all of them clear")

    def check_descriptors(self):
        """As if its limit had always been little more than what it has open."""
        pid = self.gateway.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        try:
            opened = len(os.listdir(f"/proc/{pid}/fd"))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (opened + 2, before[1]))
            self.fires(["PostgresGatewayDescriptorsNearlyExhausted"])
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self.at_rest("it clears with a higher limit")

    def check_expired(self):
        self.write_routes(confirmedAt=confirmed_now(), validForSeconds=1)
        self.fires(["PostgresGatewayRouteMapExpired"])
        self.write_routes(confirmedAt=confirmed_now(), validForSeconds=3600)
        self.at_rest("a confirmation clears it")

    def check_lag(self):
        """A process that is stopped runs its timers late, as on a host without CPU time."""
        def stop_a_while():
            # The time is the cause, and nothing that is waited for.
            os.kill(self.gateway.process.pid, signal.SIGSTOP)
            time.sleep(1.5)
            os.kill(self.gateway.process.pid, signal.SIGCONT)
            time.sleep(1)

        self.fires(["PostgresGatewayEventLoopLag"], stop_a_while)
        self.at_rest("it clears when the gateway runs freely")

    def check_down(self):
        self.gateway.kill()
        self.fires(["PostgresGatewayDown"])
        # Nothing tells a gateway that starts which routes it had.
        self.gateway.routes.unlink()
        self.gateway.start()
        self.fires(["PostgresGatewayNoRouteMap"])
        self.write_routes()
        self.at_rest("a gateway with a route map clears both")
        check(self.gateway.psql("main").stdout == "1\n", "and serves")

    def check_texts(self):
        check(sorted(seen) == sorted(alert_names()), "every alert has fired", str(set(alert_names()) ^ set(seen)))
        for name, alerts in seen.items():
            for alert in alerts:
                texts = alert["annotations"]
                if any("<" in text and ">" in text and re.search(r"<(no value|error)", text) or "{{" in text for text in texts.values()):
                    raise Failure(f"a text of {name} is not filled in: {texts}")
            print(f"        {alerts[0]['annotations']['summary']}")
        check(True, "their texts are whole")


def main():
    if sys.argv[1:] not in ([], ["--files"]):
        sys.exit(__doc__)
    # What was started ends with the test, also with one that is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="frost-monitoring-test-"))
    directory.chmod(0o755)
    story = None
    try:
        check_files(check)
        if sys.argv[1:]:
            return 0
        story = Story(directory)
        story.start()
        story.check_metrics()
        story.check_panels()
        story.at_rest("no alert fires of a gateway that is well")
        story.check_together()
        story.check_descriptors()
        story.check_expired()
        story.check_lag()
        story.check_down()
        story.check_texts()
    except Failure as failure:
        print(f"FAILED  {failure}")
        return 1
    finally:
        if story:
            story.close()
        shutil.rmtree(directory)
    print("monitoring_test: every panel shows something, every alert fires and clears")
    return 0


if __name__ == "__main__":
    sys.exit(main())

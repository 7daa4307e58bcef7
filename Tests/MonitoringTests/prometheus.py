"""A real Prometheus that scrapes a gateway each second."""

import json
import re
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from host import ROOT, SECONDS, Failure, free_port, shortened, until

MONITORING = ROOT / "monitoring"


class Prometheus:
    """With the example's configuration and the alert rules, both made quick."""

    def __init__(self, directory, admin):
        self.directory = directory / "prometheus"
        self.directory.mkdir()
        (self.directory / "alerts.yml").write_text(shortened((MONITORING / "alerts.yml").read_text(), waits="1s", ranges="15s"))
        configuration = re.sub(r"_interval: \w+", "_interval: 1s", (MONITORING / "prometheus.yml").read_text())
        (self.directory / "prometheus.yml").write_text(configuration.replace("127.0.0.1:9432", admin))
        self.log = self.directory / "prometheus.log"
        self.process = None

    def start(self):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.directory / 'prometheus.yml'}", f"--storage.tsdb.path={self.directory / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
            stdout=self.log.open("w"), stderr=subprocess.STDOUT, cwd=self.directory,
        )
        until("Prometheus is ready", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failure(f"prometheus ended: {self.log.read_text()[-2000:]}")
        try:
            return urllib.request.urlopen(f"{self.base}/-/ready", timeout=SECONDS).status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(SECONDS)

    def api(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.base}/api/v1/{path}?{query}", timeout=SECONDS) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        """Series now: their labels and values."""
        return [(series["metric"], float(series["value"][1])) for series in self.api("query", query=expression)["result"]]

    def alerts(self):
        """Those that fire, and those that soon will (`pending`)."""
        return self.api("alerts")["alerts"]

    def firing(self):
        """The alerts that fire, by their names."""
        alerts = {}
        for alert in self.alerts():
            if alert["state"] == "firing":
                alerts.setdefault(alert["labels"]["alertname"], []).append(alert)
        return alerts

    def rules_are_evaluated(self):
        """Whether every rule has been evaluated without an error."""
        return all(rule["health"] == "ok" for group in self.api("rules")["groups"] for rule in group["rules"])

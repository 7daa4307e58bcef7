#!/usr/bin/env python3
"""Tries a release: scripts/tarball_test.py TARBALL

Checks the checksum, unpacks it, and runs both programs from where they were unpacked: `frost up` with the gateway
beside it, a branch stopped and started through the API, and psql through the gateway.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ["postgres-gateway", "frost"]
FILES = [
    "install.sh", "install-with-frost.sh", "update.sh", "uninstall.sh", "certificate-deploy-hook.sh", "frost-servers.sh",
    "postgres-gateway-common.sh", "postgres-gateway-release.sh", "postgres-gateway.service", "postgres-gateway.environment",
    "install-for-frost.sh", "copy-caddy-certificates.sh", "postgres-gateway-frost.service", "postgres-gateway-frost-caddy.service",
    "postgres-gateway-frost-caddy.timer", "frost.service", "frost-servers.service", "frost.environment", "README.md", "VERSION", "SOURCES", "REQUIREMENTS",
    "monitoring/grafana-dashboard.json", "monitoring/dashboard.py", "monitoring/alerts.yml", "monitoring/alerts_test.yml",
    "monitoring/prometheus.yml", "docs/monitoring.md",
]
SECONDS = 300


class Failure(Exception):
    """What did not hold."""


def check(condition, what, detail=""):
    if not condition:
        raise Failure(f"{what}: {detail}" if detail else what)
    print(f"ok      {what}", flush=True)


def unpack(tarball, directory):
    wanted = pathlib.Path(f"{tarball}.sha256").read_text().split()[0]
    check(hashlib.sha256(tarball.read_bytes()).hexdigest() == wanted, "the checksum is the tarball's")
    with tarfile.open(tarball) as archive:
        archive.extractall(directory)
    release = next(path for path in directory.iterdir() if path.is_dir())
    missing = [name for name in PROGRAMS + FILES if not (release / name).is_file()]
    check(not missing, "the release is whole", ", ".join(missing))
    dead = [f"{page.relative_to(release)}: {link}" for page in sorted(release.rglob("*.md")) for link in dead_links(page)]
    check(not dead, "every link in its pages leads somewhere", "; ".join(dead))
    return release


def dead_links(page):
    """Relative links of a page to files that were not packed."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        name = link.partition("#")[0]
        if name and not re.match(r"[a-z]+:", link) and not (page.parent / name).exists():
            yield link


def versions(release):
    version = (release / "VERSION").read_text().strip()
    sources = (release / "SOURCES").read_text()
    for program in PROGRAMS:
        printed = subprocess.run([release / program, "--version"], capture_output=True, text=True, check=True).stdout
        hash_ = re.search(rf"^{program} sources ([0-9a-f]+)$", sources, re.MULTILINE).group(1)
        check(printed == f"{program} {version} (sources {hash_[:12]})\n", f"{program} names its version and sources", printed)
    check(re.search(r"^package swift-nio \d+\.\d+\.\d+$", sources, re.MULTILINE), "packages are listed with their versions")


class Up:
    """`frost up` of the release, on a directory of its own; its first start makes the branches main and dev."""

    def __init__(self, release, directory):
        self.frost = release / "frost"
        self.port, self.log = free_port(), directory / "up.log"
        self.environment = {
            **os.environ, "FROST_DATA_DIR": str(directory / "data"), "FROST_HOST_PORTS": "9750-9799",
            "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": f"127.0.0.1:{free_port()}",
        }
        self.process = subprocess.Popen(
            [self.frost, "up", "--port", str(self.port), "--listen-address", "127.0.0.1", "--api-address", "127.0.0.1:0"],
            env=self.environment, stdout=self.log.open("w"), stderr=subprocess.STDOUT, start_new_session=True,
        )

    def command(self, *arguments):
        return subprocess.run([self.frost, *arguments], env=self.environment, capture_output=True, text=True, timeout=SECONDS)

    def until(self, what, condition):
        deadline = time.monotonic() + SECONDS
        while not (value := condition()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Failure(f"not within {SECONDS} s: {what}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)  # between two looks; what is waited for is the condition
        print(f"ok      {what}", flush=True)
        return value

    def start(self):
        self.until("frost up is up", lambda: "Try:" in self.log.read_text())
        self.base = re.search(r"page and API: (\S+)", self.log.read_text()).group(1)
        self.token = self.command("token", "rotate").stdout.strip()

    def api(self, method, path):
        request = urllib.request.Request(
            f"{self.base}/api/{path}", method=method, headers={"X-Frost-Token": self.token},
            data=b"" if method == "POST" else None,
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)

    def operate(self, path):
        operation = self.api("POST", path)["operation"]["id"]
        ended = self.until(f"{path} ends", lambda: (now := self.api("GET", f"operations/{operation}"))["status"] != "running" and now)
        check(ended["status"] == "succeeded", f"POST {path.split('/')[-1]} succeeds", str(ended))

    def psql(self, branch, command):
        url = self.command("branch", "url", branch, "--database", "shop").stdout.strip()
        return subprocess.run(["psql", url, "-XqAtc", command], capture_output=True, text=True, timeout=SECONDS)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(SECONDS)
        for database in json.loads(self.command("database", "list", "--json").stdout or "[]"):
            self.command("database", "delete", database["id"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="frost-tarball-test-"))
    directory.chmod(0o755)
    try:
        release = unpack(pathlib.Path(sys.argv[1]).resolve(), directory)
        versions(release)
        up = Up(release, directory)
        try:
            up.start()
            up.until("psql reaches main through the gateway",
                     lambda: up.psql("main", "SELECT branch FROM item WHERE id = 1").stdout == "main\n")
            dev = json.loads(up.command("branch", "list", "--json").stdout)
            dev = next(branch for branch in dev if branch["name"] == "dev")
            database = json.loads(up.command("database", "list", "--json").stdout)[0]["id"]
            up.operate(f"databases/{database}/targets/{dev['id']}/stop")
            # The gateway takes up to a second to follow the route map.
            up.until("a stopped branch is refused by name", lambda: "is stopped" in up.psql("dev", "SELECT 1").stderr)
            up.operate(f"databases/{database}/targets/{dev['id']}/start")
            up.until("dev answers again", lambda: up.psql("dev", "SELECT branch FROM item WHERE id = 1").stdout == "dev\n")
            check(up.process.poll() is None, "frost up is still there")
        finally:
            up.stop()
    except Failure as failure:
        print(f"FAILED  {failure}")
        return 1
    finally:
        shutil.rmtree(directory)
    print(f"tarball_test: {sys.argv[1]} works")
    return 0


if __name__ == "__main__":
    sys.exit(main())

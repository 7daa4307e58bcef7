"""The gateway under test: its files, its process and what it says of itself."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from ports import free_port
from programs import TIME_LIMIT, Failure, in_child

PREFIX = "postgres_gateway_"
#: Low enough that a permit that is not given back is missed, high enough for the load.
LIMITS = {"MAX_CONNECTIONS": 2000, "MAX_CONNECTIONS_PER_ADDRESS": 100, "MAX_CONNECTIONS_PER_ROUTE": 100}
SAMPLE = re.compile(r"^(\w+)(\{.*\})? (\S+)$")


def replace(path, data):
    """As frost writes it: beside, to the disk, and renamed over the old one."""
    beside = path.with_name(f".{path.name}.new")
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


class Gateway:
    def __init__(self, folder, program):
        self.folder = folder / "gateway"
        self.folder.mkdir()
        self.program = program
        self.routes, self.log = self.folder / "routes.json", self.folder / "gateway.log"
        self.port, self.admin_port = free_port(), free_port()
        self.certificate = 0
        self.process = None
        self.connection = None

    def make_certificate(self):
        """Puts a new pair in place; its serial number says which it is."""
        self.certificate += 1
        made = self.folder / "made"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-sha256", "-nodes",
             "-days", "30", "-subj", "/CN=soak", "-set_serial", str(self.certificate),
             "-addext", "subjectAltName=DNS:*.pg.soak.example.net", "-keyout", f"{made}.key", "-out", f"{made}.crt"],
            check=True, capture_output=True,
        )
        for suffix in ("key", "crt"):
            pathlib.Path(f"{made}.{suffix}").rename(self.folder / f"soak.{suffix}")

    def write_routes(self, document):
        replace(self.routes, document if isinstance(document, bytes) else json.dumps(document).encode())

    def start(self, log=None, level="notice"):
        """Starts it, and waits until it has read the route map; `log` takes standard error in place of its file."""
        settings = {
            "ENABLED": "true", "PORT": self.port, "LISTEN_ADDRESS": "127.0.0.1",
            "ADMIN_ADDRESS": f"127.0.0.1:{self.admin_port}", "ROUTE_FILE": self.routes,
            "CERT_FILE": self.folder / "soak.crt", "KEY_FILE": self.folder / "soak.key",
            "LOG_FORMAT": "json", "LOG_LEVEL": level, "AUTHENTICATION_TIMEOUT": "10s",
            "DRAIN_TIMEOUT": "3s", **LIMITS,
        }
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("FROST_", "PG"))}
        environment |= {f"FROST_POSTGRES_GATEWAY_{key}": str(value) for key, value in settings.items()}
        own = log is None
        if own:
            log = open(self.log, "ab")
        self.process = subprocess.Popen(
            [self.program, "run"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            preexec_fn=in_child, start_new_session=True,
        )
        if own:
            log.close()
        end = time.monotonic() + TIME_LIMIT
        while True:
            try:
                status, _ = self.get("/readyz")
                if status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise Failure(f"the gateway ended with {self.process.returncode}; its log is {self.log}")
            if time.monotonic() > end:
                raise Failure("the gateway is not ready")
            time.sleep(0.05)

    def check_alive(self):
        if self.process is not None and self.process.poll() is not None:
            raise Failure(f"the gateway ended with {self.process.returncode}; its log is {self.log}")

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process = None
        self.disconnect()

    def stop(self):
        self.signal(signal.SIGTERM)
        code = self.process.wait(TIME_LIMIT)
        self.process = None
        self.disconnect()
        return code

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def get(self, path):
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=30)
            self.connection.request("GET", path)
            answer = self.connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self.disconnect()
            raise OSError(str(error)) from error

    def metrics_text(self):
        for attempt in range(3):
            try:
                return self.get("/metrics")[1]
            except OSError as error:
                self.check_alive()
                if attempt == 2:
                    raise Failure(f"the gateway's metrics cannot be read: {error}") from error

    def reloads(self):
        """How many changed route maps were loaded, and how many were refused, since it was started."""
        text = self.metrics_text()
        return tuple(
            int(float(match[1])) if (match := re.search(rf'^{PREFIX}route_reloads_total{{result="{result}"}} (\S+)$', text, re.M)) else 0
            for result in ("loaded", "failed")
        )

    def metrics(self):
        """All samples, by name and labels as they are written."""
        found = {}
        for line in self.metrics_text().splitlines():
            match = SAMPLE.match(line)
            if match:
                found[match[1].removeprefix(PREFIX) + (match[2] or "")] = float(match[3])
        return found

    def wait_for(self, what, is_reached, limit=TIME_LIMIT):
        """Waits until the metrics are as they are to be; returns them, and how long it took in seconds."""
        began = time.monotonic()
        while True:
            found = self.metrics()
            passed = time.monotonic() - began
            if is_reached(found):
                return found, passed
            if passed > limit:
                raise Failure(f"not within {limit} s: {what}")
            time.sleep(0.01)

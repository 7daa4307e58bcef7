"""A gateway of the release build with real PostgreSQL servers behind it, for the tests of the monitoring."""

import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from ports import free_port  # noqa: E402
from postgresql import as_server_user, newest  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("FROST_PROGRAMS", ROOT / ".build-release/release"))
DOMAIN = "pg.shop.test"
PASSWORD = "correct horse"
# Conditions are waited for this long: the machine may be busy.
SECONDS = 120


class Failure(Exception):
    """What did not hold."""


def until(what, condition, seconds=SECONDS):
    """Waits for a condition and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.1)  # between two looks; what is waited for is the condition
    return value


def run(arguments, **options):
    """Runs a program that has to succeed; its output."""
    result = subprocess.run([str(argument) for argument in arguments], text=True, capture_output=True, timeout=SECONDS, **options)
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, arguments))}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def replace(path, text):
    """As every writer of the gateway's files does it: written beside, and renamed over the old one."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.rename(path)


def certificate(directory, file, name, days):
    """Puts a pair for a name into a directory."""
    made = directory.parent / "made"
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-sha256", "-nodes", "-days", days,
         "-subj", "/CN=frost self-signed", "-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{made}.key", "-out", f"{made}.crt"])
    for suffix in ("key", "crt"):
        pathlib.Path(f"{made}.{suffix}").rename(directory / f"{file}.{suffix}")


class Postgres:
    """A real server with SCRAM passwords, which listens on several addresses: a branch each."""

    ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

    def __init__(self, directory):
        installed = newest("bin/initdb")
        if installed is None:
            raise Failure("no PostgreSQL server is installed; run: scripts/setup.sh test")
        programs = installed / "bin"
        self.control, self.data = programs / "pg_ctl", directory / "postgres"
        self.data.mkdir(mode=0o700)
        self.account = as_server_user()
        if self.account:
            shutil.chown(self.data, "postgres", "postgres")
        password = directory / "password"
        password.write_text(PASSWORD)
        run([*self.account, programs / "initdb", "-D", self.data, "-U", "frost", "--pwfile", password, "-A", "scram-sha-256",
             "-E", "UTF8", "--no-locale", "--no-sync"], cwd="/")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = '{','.join(self.ADDRESSES)}'\nunix_socket_directories = ''\nfsync = off\n")
        # By default it lets 127.0.0.1 in, and other addresses of this host appear as themselves.
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 127.0.0.0/8 scram-sha-256\n")
        for attempt in range(3):  # the port may be taken between looking and starting
            self.port = free_port()
            try:
                run([*self.account, self.control, "-D", self.data, "-l", self.data / "server.log", "-w", "-o", f"-p {self.port}", "start"], cwd="/")
                return
            except Failure:
                if attempt == 2:
                    raise

    def stop(self):
        run([*self.account, self.control, "-D", self.data, "-w", "-m", "immediate", "stop"], cwd="/")


class Gateway:
    """The gateway, with its route map and its certificates in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory / "gateway"
        self.certificates = self.directory / "certificates"
        self.certificates.mkdir(parents=True)
        self.routes, self.log = self.directory / "routes.json", self.directory / "gateway.log"
        self.port, self.admin = free_port(), f"127.0.0.1:{free_port()}"
        self.process = None

    def start(self):
        variables = {
            "ENABLED": "true", "PORT": self.port, "LISTEN_ADDRESS": "127.0.0.1", "ADMIN_ADDRESS": self.admin,
            "ROUTE_FILE": self.routes, "CERT_DIR": self.certificates, "LOG_FORMAT": "json",
            # Low, so that a test reaches them.
            "MAX_STARTUPS": 8, "MAX_STARTUPS_PER_ADDRESS": 8, "MAX_AUTHENTICATION_FAILURES": 3,
        }
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("FROST_", "PG"))}
        environment |= {f"FROST_POSTGRES_GATEWAY_{key}": str(value) for key, value in variables.items()}
        self.process = subprocess.Popen([PROGRAMS / "postgres-gateway", "run"], env=environment,
                                        stdout=self.log.open("a"), stderr=subprocess.STDOUT)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(SECONDS)

    def write_routes(self, *routes, **more):
        replace(self.routes, json.dumps({"version": 1, "routes": list(routes), **more}))

    def psql(self, branch, command="SELECT 1", password=PASSWORD):
        return subprocess.run(["psql", "-XqAt", "-c", command, self.url(branch)], env=self.client_environment(password),
                              capture_output=True, text=True, timeout=SECONDS)

    def hold(self, branch):
        """A session that stays, in a process of its own."""
        return subprocess.Popen(["psql", "-XqAt", self.url(branch)], env=self.client_environment(PASSWORD),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def silent(self):
        """A connection that says nothing."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def url(self, branch):
        return (f"host={branch}.{DOMAIN} hostaddr=127.0.0.1 port={self.port} user=frost dbname=postgres "
                f"sslmode=require connect_timeout={SECONDS}")

    def client_environment(self, password):
        # Without the settings and the root certificates of the account that runs the tests.
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "PGPASSWORD": password}


def route(name, port, host="127.0.0.1", hostname=None, **more):
    return {
        "hostname": hostname or f"{name}.{DOMAIN}", "host": host, "hostPort": port,
        "target": {"id": f"dbt_{name}", "name": name, "database": "shop", "project": "shop"}, **more,
    }


def confirmed_now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def shortened(text, waits, ranges):
    """Alert rules that wait and look back for a short time only."""
    return re.sub(r"\[\d+[smh]\]", f"[{ranges}]", re.sub(r"(?m)^( +for:) .*$", rf"\1 {waits}", text))

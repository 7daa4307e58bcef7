"""The three ways to the server: its cluster, the gateway, and the names that clients look up.

Each leg has a database cluster of its own, copied from one that was made once, and a server whose pg_hba.conf lets in
what the leg is about and nothing else. So a test that goes another way fails, and is seen.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from ports import free_range, wait_until_open  # noqa: E402
from postgresql import as_server_user, newest  # noqa: E402

HOSTNAME = "dev.pg.suites.example.net"
STOPPED = "old.pg.suites.example.net"
USER, PASSWORD = "postgres", "suites"
#: In the order in which they run. The second is the control.
LEGS = ("direct", "tls", "gateway")
TITLES = {"direct": "direct", "tls": "direct with TLS", "gateway": "through the gateway"}
#: Until a program listens or has ended; in seconds.
START_TIMEOUT = 90
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18


class Failure(Exception):
    """Why a suite or a leg cannot run, with the next step."""


def add_names(folder):
    """Gives this process, and those it starts, an /etc/hosts with the branches' names. The machine's own stays as it is."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(function, *arguments):
        if function(*arguments) != 0:
            error = os.strerror(ctypes.get_errno())
            raise Failure(f"no mount namespace for names of its own ({error}); run as root, or allow user namespaces")

    uid, gid = os.getuid(), os.getgid()
    call(libc.unshare, CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER)
    if uid != 0:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    call(libc.mount, b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    hosts = folder / "hosts"
    hosts.write_text(pathlib.Path("/etc/hosts").read_text() + f"127.0.0.1 {HOSTNAME} {STOPPED}\n")
    hosts.chmod(0o644)
    call(libc.mount, os.fsencode(hosts), b"/etc/hosts", None, MS_BIND, None)


def server_directory():
    """PostgreSQL's programs, of the newest major version that is installed with its test runners."""
    found = newest("lib/pgxs/src/test/regress/pg_regress")
    if found is None:
        raise Failure("no PostgreSQL server with pg_regress under /usr/lib/postgresql; run: scripts/setup.sh suites")
    return found


def give_to_server_user(*paths):
    if os.getuid() == 0:
        account = pwd.getpwnam("postgres")
        for path in paths:
            for one in [path, *(path.rglob("*") if path.is_dir() else [])]:
                os.chown(one, account.pw_uid, account.pw_gid, follow_symlinks=False)


#: What runs, and whether more may start.
_running = set()
_stopping = threading.Event()


def start(command, **more):
    """Starts a program that leads a process group of its own, with no input."""
    if _stopping.is_set():
        raise Failure("interrupted")
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, start_new_session=True, **more)
    _running.add(process)
    return process


def stop_all():
    """Ends all that was started, and lets nothing more start."""
    _stopping.set()
    for process in list(_running):
        # PostgreSQL's immediate shutdown; other programs end by it as well.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGQUIT)


def end_group(process, first=signal.SIGTERM, seconds=30):
    """Ends a process that leads a group of its own, and then what is left of the group."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(first)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _running.discard(process)


def free_port():
    """Below the ports that outgoing connections have, of which the suites make thousands."""
    return int(free_range(1).partition("-")[0])


def wait_for(port, process, name, log):
    if not wait_until_open(port, process, START_TIMEOUT):
        end_group(process)
        raise Failure(f"{name} did not start; its messages are in {log}")


class Place:
    """The run's directory: certificate, the cluster that others are copied from, and what the programs say."""

    def __init__(self, folder, logs, gateway):
        self.folder, self.logs, self.gateway = folder, logs, gateway
        self.programs = server_directory() / "bin"
        self.certificate, self.key = folder / "suites.crt", folder / "suites.key"
        subprocess.run([ROOT / "Tests" / "certificate.sh", folder / "suites", HOSTNAME, STOPPED], check=True)
        server = folder / "server"
        server.mkdir()
        for source in (self.certificate, self.key):
            shutil.copy(source, server)
            (server / source.name).chmod(0o600)
        (server / "password").write_text(PASSWORD)
        give_to_server_user(server)
        self.certificate.chmod(0o644)
        self.template = server / "template"
        done = subprocess.run(
            [*as_server_user(), self.programs / "initdb", "-D", self.template, "-U", USER, "--encoding=UTF8", "--locale=C",
             "--lc-ctype=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={server / 'password'}", "--no-sync"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=server,
        )
        if done.returncode != 0:
            raise Failure(f"initdb failed: {done.stdout.strip()}")

    def version(self):
        done = subprocess.run([self.programs / "postgres", "--version"], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()


class Leg:
    """One way to a server of its own, as long as the `with` statement lasts."""

    def __init__(self, place, name, suite):
        self.place, self.name, self.suite = place, name, suite
        self.sessions = None
        self._processes = []

    def __enter__(self):
        try:
            self._start_server()
            self.port = self._server_port
            if self.name == "gateway":
                self._start_gateway()
            self._prepare()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind, *rest):
        if self.name == "gateway" and kind is None:
            gateway = self._processes[-1]
            if gateway.poll() is not None:
                raise Failure(f"the gateway ended with {gateway.returncode}; its messages are in {self._gateway_log}")
            self.sessions = self._session_count()
        self._end()

    def _start_server(self):
        self.data = self.place.folder / "server" / f"{self.suite.name}-{self.name}"
        subprocess.run([*as_server_user(), "cp", "-a", self.place.template, self.data], check=True, cwd=self.place.folder)
        self._server_port = free_port()
        # Who comes another way than this leg's is refused. The gateway has no TLS to its branches.
        kind = "hostssl" if self.name == "tls" else "hostnossl"
        method = self.suite.authentication
        (self.data / "pg_hba.conf").write_text(
            f"local all all trust\n{kind} all all 127.0.0.1/32 {method}\n{kind} replication all 127.0.0.1/32 {method}\n"
        )
        settings = {
            "listen_addresses": "127.0.0.1", "port": self._server_port, "unix_socket_directories": self.data, "fsync": "off",
            "ssl": "on", "ssl_cert_file": self.place.folder / "server" / self.place.certificate.name,
            "ssl_key_file": self.place.folder / "server" / self.place.key.name, "max_connections": 200,
            "max_prepared_transactions": 32, "max_locks_per_transaction": 256, "wal_level": "logical",
            "logging_collector": "off",
        } | self.suite.settings
        with open(self.data / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        log = self.place.logs / f"{self.suite.name}-{self.name}-server.log"
        self._start([*as_server_user(), self.place.programs / "postgres", "-D", self.data], self._server_port, log)

    def _start_gateway(self):
        self.port, admin = free_port(), free_port()

        def target(name):
            return {"id": f"dbt_{name:0>20}", "name": name, "database": "suites", "project": "suites"}

        routes = self.place.folder / f"{self.suite.name}-routes.json"
        routes.write_text(json.dumps({
            "version": 1, "generatedAt": "2026-01-01T00:00:00Z",
            "routes": [{"hostname": HOSTNAME, "hostPort": self._server_port, "target": target("dev")}],
            "stopped": [{"hostname": STOPPED, "target": target("old")}],
        }))
        settings = {
            "ENABLED": "true", "PORT": self.port, "LISTEN_ADDRESS": "127.0.0.1", "ROUTE_FILE": routes,
            "CERT_FILE": self.place.certificate, "KEY_FILE": self.place.key, "ADMIN_ADDRESS": f"127.0.0.1:{admin}",
        }
        environment = {f"FROST_POSTGRES_GATEWAY_{name}": str(value) for name, value in settings.items()}
        self._admin = admin
        self._gateway_log = self.place.logs / f"{self.suite.name}-gateway-program.log"
        self._start([self.place.gateway, "run"], self.port, self._gateway_log, environment)

    def _start(self, command, port, log, environment=None):
        with open(log, "wb") as output:
            process = start(
                command, stdout=output, stderr=output, env=clean_environment() | (environment or {}), cwd=self.place.folder
            )
        self._processes.append(process)
        wait_for(port, process, log.stem, log)

    def _prepare(self):
        """The suite's databases, straight at the server."""
        for database, statement in self.suite.statements:
            end = time.monotonic() + START_TIMEOUT
            while True:
                done = subprocess.run(
                    [self.place.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.data,
                     "-p", str(self._server_port), "-U", USER, "-d", database, "-c", statement],
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environment(),
                )
                if done.returncode == 0:
                    break
                if "starting up" not in done.stderr or time.monotonic() > end:
                    raise Failure(f"{statement}: {done.stderr.strip()}")
                time.sleep(0.1)

    def _session_count(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.startswith("postgres_gateway_sessions_total")]
        return int(sum(float(line.rpartition(" ")[2]) for line in found))

    def _end(self):
        for process in reversed(self._processes):
            # Fast shutdown to PostgreSQL, and at once to the gateway: nobody is to be waited for.
            end_group(process, signal.SIGINT if process is self._processes[0] else signal.SIGTERM, 60)
        shutil.rmtree(self.data, ignore_errors=True)

    def environment(self):
        """What has libpq, and those who read its variables, take this way."""
        mode = "disable" if self.name == "direct" else self.suite.tls_mode
        return clean_environment() | {
            "PGHOST": HOSTNAME, "PGPORT": str(self.port), "PGUSER": USER, "PGPASSWORD": PASSWORD, "PGSSLMODE": mode,
            "PGSSLROOTCERT": str(self.place.certificate) if mode == "verify-full" else "",
        }

    def url(self, driver, database):
        return f"{driver}://{USER}:{PASSWORD}@{HOSTNAME}:{self.port}/{database}"


def clean_environment():
    """None of the caller's own variables of libpq and of the gateway, nor its files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "FROST_"))}
    return kept | {"LC_ALL": "C.UTF-8", "PGPASSFILE": os.devnull, "HOME": "/nonexistent"}

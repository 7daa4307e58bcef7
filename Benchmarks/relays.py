"""The relays that are compared: how each is configured, started and watched.

Each terminates TLS with the same certificate on a free port of 127.0.0.1 and relays to the same backend. All that
have a number of threads or processes to set get one for each of two processors; the bare C relay has one thread.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))

from ports import free_port, wait_until_open  # noqa: E402

HOSTNAME = "dev.pg.bench.example.net"
GATEWAY = "postgres-gateway"
THREADS = 2
# Until a program listens; in seconds. Under valgrind that takes a while.
START_PATIENCE = 60
#: How often a program is asked to end, and how long each time it has for it, in seconds.
END_ATTEMPTS, END_PATIENCE = 6, 5


class Place:
    """A directory with what all relays share: the certificate, the programs, the backend's port."""

    def __init__(self, path, programs, gateway):
        self.path = pathlib.Path(path)
        self.programs = pathlib.Path(programs)
        self.gateway = pathlib.Path(gateway)
        self.certificate = self.path / "bench.crt"
        self.key = self.path / "bench.key"
        self.backend_port = None

    def write(self, name, text):
        file = self.path / name
        temporary = self.path / f"{name}.new"
        temporary.write_text(text)
        temporary.rename(file)
        return file


class Running:
    """A process that was started, with those it started itself."""

    def __init__(self, process, port, is_traced=False):
        self.process = process
        self.port = port
        self.is_traced = is_traced

    def pids(self):
        """The process and its descendants."""
        parents = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_seconds(self):
        """User and system time of all threads, also of those that have ended."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        """The proportional share of all its memory: pages that several processes share count once."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        return total

    def end(self):
        if self.process.poll() is None:
            # strace writes its table when what it runs has ended, not when it is told to end itself.
            pids = self.pids()
            addressed = pids[1] if self.is_traced and len(pids) > 1 else pids[0]
            # Again if need be: a signal between nginx's look for one and its wait is only seen at the next event.
            for _ in range(END_ATTEMPTS):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(addressed, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(END_PATIENCE)
                    break
            else:
                self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


def start(command, port, log, environment=None):
    """Starts a program and waits until its port is open; `command` may print the port when it is None."""
    output = subprocess.PIPE if port is None else log
    is_traced = command[0] == "strace"
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=log,
        env=os.environ | (environment or {}),
    )
    if port is None:
        line = process.stdout.readline()
        if not line.strip().isdigit():
            process.kill()
            raise SystemExit(f"bench: {command[0]} did not start; its messages are in {log.name}")
        return Running(process, int(line), is_traced)
    if not wait_until_open(port, process, START_PATIENCE):
        process.kill()
        raise SystemExit(f"bench: {command[0]} did not start; its messages are in {log.name}")
    return Running(process, port, is_traced)


class Relay:
    """One of the compared programs."""

    name = ""
    #: How TLS begins with it: `direct`, as nginx and HAProxy have it, or `postgres`, with an SSLRequest first.
    negotiation = "direct"

    def version(self):
        return ""

    def command(self, place, port, single):
        """What is to be run. `single`: in one process and thread, for what counts instructions and system calls."""
        raise NotImplementedError

    def environment(self, place, port):
        return {}

    def start(self, place, around=(), environment=None, single=False):
        port = free_port()
        with open(place.path / f"{self.name}.log", "ab") as log:
            return start(
                [*around, *self.command(place, port, single)],
                port,
                log,
                self.environment(place, port) | (environment or {}),
            )


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""


class Gateway(Relay):
    name = GATEWAY

    def __init__(self, program):
        self.program = program

    def version(self):
        return first_line(self.program, "--version")

    def routes(self, place, count=1, serial=0):
        """A route map of `count` hostnames, of which the first is the one that is used."""
        def route(number):
            return {
                "hostname": HOSTNAME if number == 0 else f"b{number}-{serial % 2}.pg.bench.example.net",
                "hostPort": place.backend_port if number == 0 else 10000 + number,
                "target": {
                    "id": f"dbt_{number:020d}",
                    "name": f"b{number}",
                    "database": "bench",
                    "project": "bench",
                },
            }
        document = {
            "version": 1,
            "generatedAt": "2026-01-01T00:00:00Z",
            "routes": [route(number) for number in range(count)],
            "stopped": [],
        }
        return place.write("routes.json", json.dumps(document))

    def command(self, place, port, single):
        self.routes(place)
        return [self.program, "run"]

    def environment(self, place, port):
        prefix = "FROST_POSTGRES_GATEWAY_"
        settings = {
            "ENABLED": "true",
            "PORT": port,
            "LISTEN_ADDRESS": "127.0.0.1",
            "ROUTE_FILE": place.path / "routes.json",
            "CERT_FILE": place.certificate,
            "KEY_FILE": place.key,
            "ADMIN_ADDRESS": f"127.0.0.1:{free_port()}",
        }
        return {prefix + name: str(value) for name, value in settings.items()}


class Nginx(Relay):
    name = "nginx"

    def version(self):
        return first_line("/usr/sbin/nginx", "-v").removeprefix("nginx version: ")

    def command(self, place, port, single):
        module = next(iter(sorted(pathlib.Path("/usr/lib/nginx/modules").glob("ngx_stream_module.so"))), None)
        if module is None:
            raise SystemExit("bench: nginx has no stream module; install libnginx-mod-stream")
        file = place.write(
            "nginx.conf",
            f"""load_module {module};
daemon off;
{"master_process off;" if single else f"worker_processes {THREADS};"}
pid {place.path}/nginx.pid;
error_log {place.path}/nginx-error.log;
events {{ worker_connections 20000; }}
stream {{
    access_log off;
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        tcp_nodelay on;
        ssl_certificate {place.certificate};
        ssl_certificate_key {place.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_alpn postgresql;
        ssl_session_cache off;
        ssl_session_tickets off;
        proxy_pass 127.0.0.1:{place.backend_port};
        proxy_timeout 1h;
    }}
}}
""",
        )
        # `ssl_alpn` came with nginx 1.21.4.
        return ["/usr/sbin/nginx", "-p", place.path, "-c", file]


class HAProxy(Relay):
    name = "HAProxy"

    def version(self):
        return first_line("/usr/sbin/haproxy", "-v")

    def command(self, place, port, single):
        pem = place.write("haproxy.pem", place.certificate.read_text() + place.key.read_text())
        pem.chmod(0o600)
        file = place.write(
            "haproxy.cfg",
            f"""global
    maxconn 4000
    nbthread {1 if single else THREADS}
    tune.ssl.cachesize 0
    tune.ssl.lifetime 1
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen bench
    bind 127.0.0.1:{port} backlog 4096 ssl crt {pem} alpn postgresql no-tls-tickets
    server backend 127.0.0.1:{place.backend_port}
""",
        )
        return ["/usr/sbin/haproxy", "-db", "-f", file]


class Stunnel(Relay):
    name = "stunnel"
    negotiation = "postgres"

    def version(self):
        return first_line("/usr/bin/stunnel4", "-version")

    def command(self, place, port, single):
        file = place.write(
            "stunnel.conf",
            f"""foreground = yes
pid =
syslog = no
debug = err
sessionCacheSize = 1
[bench]
protocol = pgsql
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{place.backend_port}
cert = {place.certificate}
key = {place.key}
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
options = NO_TICKET
""",
        )
        return ["/usr/bin/stunnel4", file]


class BareC(Relay):
    name = "bare C"

    def version(self):
        return first_line("openssl", "version")

    def start(self, place, around=(), environment=None, single=False):
        command = [*around, place.programs / "relay", place.certificate, place.key, place.backend_port]
        with open(place.path / "bare-c.log", "ab") as log:
            return start(command, None, log, environment)


def all_relays(gateway):
    needed = ("/usr/sbin/nginx", "/usr/sbin/haproxy", "/usr/bin/stunnel4", "/usr/bin/valgrind", "/usr/bin/strace")
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"bench: not installed: {', '.join(missing)}; run: scripts/setup.sh bench")
    return [Gateway(gateway), Nginx(), HAProxy(), Stunnel(), BareC()]

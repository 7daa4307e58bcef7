"""Real PostgreSQL servers among the branches: one data directory is made and copied."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

from postgresql import as_server_user, newest
from programs import TIME_LIMIT, Failure, in_child


def installation():
    found = newest("bin/initdb")
    if found is None:
        raise SystemExit("soak: no PostgreSQL server is installed; run: scripts/setup.sh soak")
    return found / "bin"


class Template:
    """An empty data directory, to be copied."""

    def __init__(self, folder):
        self.programs = installation()
        self.folder = folder / "servers"
        self.folder.mkdir(mode=0o755)
        self.account = as_server_user("--pdeathsig", "QUIT")
        if self.account:
            shutil.chown(self.folder, "postgres", "postgres")
        self.data = self.folder / "template"
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync",
                 "--wal-segsize=1")

    def run(self, program, *arguments):
        done = subprocess.run(
            [*self.account, self.programs / program, *arguments], cwd="/", capture_output=True, text=True
        )
        if done.returncode != 0:
            raise Failure(f"{program} failed: {done.stderr.strip()}")


class Server:
    def __init__(self, template, name, port):
        self.template, self.name, self.port = template, name, port
        self.data = template.folder / name
        subprocess.run([*template.account, "cp", "-a", template.data, self.data], cwd="/", check=True)
        self.process = None
        self.start()

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            (self.data / "postmaster.pid").unlink()
        with open(self.template.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.template.account, self.template.programs / "postgres", "-D", self.data, "-p", str(self.port),
                 "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", f"cluster_name={self.name}",
                 "-c", "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=16MB", "-c", "autovacuum=off",
                 "-c", "log_min_messages=fatal"],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=in_child,
                start_new_session=True,
            )

    def answers(self):
        """Whether it lets a client in."""
        packet = struct.pack("!II", 0, 196608) + b"user\0postgres\0database\0postgres\0\0"
        packet = struct.pack("!I", len(packet)) + packet[4:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(packet)
            return connection.recv(1) == b"R"
        return False

    def wait(self):
        end = time.monotonic() + TIME_LIMIT
        while time.monotonic() < end:
            if self.answers():
                return
            if self.process.poll() is not None:
                raise Failure(f"the server {self.name} ended with {self.process.returncode}")
            time.sleep(0.05)
        raise Failure(f"the server {self.name} did not start")

    def processes(self):
        """The server and its children."""
        found = [self.process.pid]
        with contextlib.suppress(OSError):
            children = pathlib.Path(f"/proc/{found[0]}/task/{found[0]}/children").read_text()
            found += [int(pid) for pid in children.split()]
        return found

    def signal_all(self, number):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        """As if the host had run out of memory."""
        self.signal_all(signal.SIGKILL)
        self.process.wait()

    def quit(self):
        """Begins its end."""
        if self.process.poll() is None:
            self.signal_all(signal.SIGCONT)
            os.kill(self.process.pid, signal.SIGQUIT)

    def wait_for_end(self):
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

"""The programs of the soak: how they are compiled, started, asked and ended."""

import ctypes
import json
import os
import pathlib
import queue
import resource
import signal
import subprocess
import threading

from builds import compile_c

ROOT = pathlib.Path(__file__).resolve().parent.parent
#: Until a program answers a command, in seconds: long, for machines that others use too.
TIME_LIMIT = 120


class Failure(Exception):
    """Something did not hold."""


def build(folder):
    """The C programs, with the system's compiler; what they share with the benchmark is compiled from there."""
    own, shared = ROOT / "Soak" / "Programs", ROOT / "Benchmarks" / "Programs"
    parts = {
        "branches": (["branches", "lines"], ["peer", "common"]),
        "clients": (["clients", "visit", "steps", "answers", "judge", "plan", "routes", "tally", "lines"], ["common"]),
    }
    for name, (sources, common) in parts.items():
        files = [own / f"{source}.c" for source in sources] + [shared / f"{source}.c" for source in common]
        compile_c(folder / name, files, "-I", shared, *os.environ.get("CFLAGS", "").split(), "-lssl", "-lcrypto")


LIBRARY = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def in_child():
    """Before a child begins: as many descriptors as are allowed, and its end when this process has ended, however."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    LIBRARY.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """A child that takes commands, one a line, and answers some of them."""

    def __init__(self, command, log, on_event):
        """`on_event` takes each line that is no answer, in another thread."""
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            preexec_fn=in_child, start_new_session=True,
        )
        self.name = pathlib.Path(command[0]).name
        self.answers = queue.Queue()
        self.on_event = on_event
        self.lock = threading.Lock()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith(("wrong: ", "failed: ", "error: ")):
                self.on_event(line)
            else:
                self.answers.put(line)
        self.answers.put(None)

    def send(self, *lines):
        try:
            self.process.stdin.write("".join(f"{line}\n" for line in lines))
            self.process.stdin.flush()
        except OSError as error:
            raise Failure(f"{self.name} has ended") from error

    def ask(self, line):
        """Sends a command and returns its answer."""
        with self.lock:
            self.send(line)
            try:
                answer = self.answers.get(timeout=TIME_LIMIT)
            except queue.Empty:
                answer = None
            if answer is None:
                raise Failure(f'{self.name} did not answer "{line}" (exit code {self.process.poll()})')
            return answer

    def report(self):
        return json.loads(self.ask("report"))

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            # One that is stopped cannot end.
            os.kill(self.process.pid, signal.SIGCONT)
            try:
                self.process.stdin.close()
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()

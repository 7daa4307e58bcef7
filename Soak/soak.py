#!/usr/bin/env python3
"""Soaks the gateway: a million connections, ten thousand changes of the route map, then faults: `make soak`.

Clients connect, query, cancel, misbehave and leave, while branches come, go, move and change names; 500 sessions stay
and know which branch they must see. Then servers, certificates, descriptors, the log and the gateway itself are broken
under the same load. Everything runs on loopback, on free ports, and ends with it.

Exit code: 0 if everything held, 1 if something did not (it is named), 2 for a wrong argument.
"""

import argparse
import concurrent.futures
import contextlib
import pathlib
import random
import resource
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scripts")]
import checks  # noqa: E402
import faults  # noqa: E402
import programs  # noqa: E402
import report  # noqa: E402
from builds import release_program  # noqa: E402
from gateway import Gateway  # noqa: E402
from ports import free_range  # noqa: E402
from programs import Failure, Program  # noqa: E402
from servers import Server, Template  # noqa: E402
from world import World  # noqa: E402

CONNECTS, UPDATES = 1_000_000, 10_000
BUSY, AT_ONCE, SOURCES = 500, 40, 20
STAND_INS, VICTIMS, REAL = 185, 5, 10
PORTS = 260
#: Before this many last connections, those begin that take long to end.
CALM = 10_000
#: Of the gateway, when its limits are filled.
DESCRIPTORS = 6_000
#: Between two lines of progress, in seconds.
PROGRESS = 5


def say(text):
    print(f"soak: {text}", file=sys.stderr, flush=True)


class Soak:
    def __init__(self, folder, gateway_program, arguments):
        self.folder, self.arguments = folder, arguments
        self.failures = []
        self.began = time.monotonic()
        self.stack = contextlib.ExitStack()
        self.gateway = Gateway(folder, gateway_program)
        self.samples = []
        self.last_progress = (0.0, 0)
        self.results = []
        self.busy = BUSY
        self.victims_started = 0
        self.busy_answers = 0
        self.is_ending = False
        self.say = say

    # ---- Parts

    def note(self, line):
        """Something does not hold; the clients or a stand-in say so."""
        if self.is_ending:
            return
        self.failures.append(line)
        say(line)

    def start_program(self, name, *arguments):
        log = self.stack.enter_context(open(self.folder / f"{name}.log", "ab"))
        program = Program([self.folder / name, *arguments], log, self.note)
        self.stack.callback(program.end)
        return program

    def start(self):
        self.gateway.make_certificate()
        with concurrent.futures.ThreadPoolExecutor() as beside:
            built = beside.submit(programs.build, self.folder)
            template = Template(self.folder)
            built.result()
        self.stand_in = self.start_program("branches", 0)
        self.start_victim()
        first, _, last = free_range(PORTS).partition("-")
        ports = list(range(int(first), int(last) + 1))
        self.servers = []
        self.stack.callback(self.end_servers)
        for number in range(REAL):
            self.servers.append(Server(template, f"postgres-{number}", ports.pop()))
        for server in self.servers:
            server.wait()
        self.clients = self.start_program("clients", self.gateway.port, SOURCES, self.arguments.seed)
        self.world = World(self.gateway, self.clients, self.arguments.seed)
        self.world.setup(self.stand_in, STAND_INS, self.victim, VICTIMS, self.servers, ports)
        self.world.write()
        self.gateway.start()
        self.stack.callback(self.gateway.end)
        self.clients.send("certificate 1 1")

    def end_servers(self):
        """All at once: each takes a second or two."""
        for server in self.servers:
            server.quit()
        for server in self.servers:
            server.wait_for_end()

    def start_victim(self):
        """The stand-in that is broken later."""
        self.victim = self.start_program("branches", 1_000_000_000 + 1_000_000 * self.victims_started)
        self.victims_started += 1

    def check_failures(self):
        """Ends the run at once where going on shows nothing more."""
        self.gateway.check_alive()
        if any(line.startswith("wrong: ") for line in self.failures):
            raise Failure("an answer of another branch")
        if len(self.failures) > 50:
            raise Failure("too much does not hold")

    def progress(self, found, is_forced=False):
        passed = time.monotonic() - self.began
        if not is_forced and passed - self.last_progress[0] < PROGRESS:
            return
        if self.gateway.process is None:
            return
        metrics = self.gateway.metrics()
        rate = (found["done"] - self.last_progress[1]) / max(passed - self.last_progress[0], 0.001)
        self.last_progress = (passed, found["done"])
        memory = metrics["process_resident_memory_bytes"] / 1e6
        self.samples.append((found["done"], memory))
        say(
            f"{passed:6.0f} s: {found['done']:,} connects ({rate:.0f}/s), {self.world.updates:,} updates, "
            f"{found['busy']} busy, {found['round_trips']:,} of their answers, {found['wrong']} wrong, "
            f"{found['failed']} failed, {found['changed']} by change, {found['fault']} by fault; "
            f"gateway {memory:.0f} MB, {metrics['process_open_fds']:.0f} descriptors"
        )

    def wait_for_clients(self, what, is_reached, limit=programs.TIME_LIMIT):
        end = time.monotonic() + limit
        while True:
            found = self.clients.report()
            self.check_failures()
            self.progress(found)
            if is_reached(found):
                return found
            if time.monotonic() > end:
                raise Failure(f"not within {limit} s: {what}")
            time.sleep(0.05)

    # ---- Phases

    def phase_1(self):
        connects, updates = CONNECTS // self.arguments.part, UPDATES // self.arguments.part
        say(f"phase 1: {connects:,} connects, {updates:,} updates, {self.busy} busy sessions; seed {self.arguments.seed}")
        self.clients.send(f"busy {self.busy}")
        faults.wait_for_busy(self)
        first_updates = self.world.updates
        began = time.monotonic()
        done = 0
        while done < connects:
            made = self.world.updates - first_updates
            # Both go on together: neither gets far ahead.
            goal = connects if made >= updates else min(connects, (made + 8) * connects // updates)
            # Silent connections end ten seconds after they began.
            is_calm = connects - done < min(CALM, connects // 4)
            self.clients.send(f"calm {int(is_calm)}", f"connects {goal} {AT_ONCE}")
            if made < updates and done * updates >= made * connects:
                self.world.change()
            else:
                time.sleep(0.03)
            found = self.clients.report()
            done = found["done"]
            self.check_failures()
            self.progress(found)
        while self.world.updates - first_updates < updates:
            self.world.change()
        self.wait_for_clients("the last connections have ended", lambda found: found["open"] + found["slow"] == 0)
        self.load_seconds = time.monotonic() - began
        self.connects, self.updates = done, self.world.updates - first_updates

    def run(self):
        self.start()
        baseline = checks.Baseline(self)
        say(f"started in {time.monotonic() - self.began:.0f} s: {len(self.world.document()['routes'])} branches are active, {REAL} of them real servers")
        self.phase_1()
        checks.after_load(self, baseline)
        if not self.arguments.no_faults:
            faults.all_faults(self)
            checks.after_faults(self, baseline)
        checks.final(self)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=int, default=1, metavar="N", help="an N-th of the connections and updates (default: 1)")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="of all that is drawn (default: another one each time)")
    parser.add_argument("--gateway", type=pathlib.Path, metavar="PROGRAM", help="in place of the release build's")
    parser.add_argument("--no-faults", action="store_true", help="without the second phase")
    parser.add_argument("--write", action="store_true", help="write Soak/RESULTS.md")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="keep logs and programs in a new folder")
    arguments = parser.parse_args()
    if arguments.part < 1 or arguments.part > 1000:
        parser.error("--part takes a number from 1 to 1000")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1_000_000)
    return arguments


def check_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < DESCRIPTORS:
        raise SystemExit(f"soak: a process may have {most:,} file descriptors; {DESCRIPTORS:,} are needed (ulimit -Hn)")


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    arguments = parse()
    check_descriptors()
    signal.signal(signal.SIGTERM, interrupt)
    program = arguments.gateway.resolve() if arguments.gateway else release_program("postgres-gateway")
    with contextlib.ExitStack() as stack:
        if arguments.keep:
            arguments.keep.mkdir()
            folder = arguments.keep.resolve()
        else:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        # The real servers run as another account.
        folder.chmod(0o711)
        soak = Soak(folder, program, arguments)
        stack.enter_context(soak.stack)
        try:
            soak.run()
        except Failure as failure:
            soak.failures.append(str(failure))
            say(str(failure))
            with contextlib.suppress(Failure):
                soak.final_report = soak.clients.report()
        except KeyboardInterrupt:
            say("interrupted")
            return 1
        finally:
            soak.is_ending = True
        if soak.failures and not arguments.keep:
            with contextlib.suppress(OSError):
                lines = soak.gateway.log.read_text(errors="replace").splitlines()[-20:]
                say("the end of the gateway's log:\n" + "\n".join(lines))
        text = report.table(soak)
        print(text, flush=True)
        if arguments.write:
            report.write(soak, text)
            say("wrote Soak/RESULTS.md")
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())

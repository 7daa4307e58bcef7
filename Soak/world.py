"""The branches of the soak, and how they change: what the route map says, who listens where, and what clients may see."""

import json
import random
import time

from programs import TIME_LIMIT, Failure

GONE, STOPPED = -1, -2
#: Hostnames, more than branches, so that there are free ones.
HOSTNAMES = 260
#: Branches of which one at a time has a hostname; the rest come later.
ACTIVE_SHARE = 0.9
#: Most changes are of a few branches, so that their ports and hostnames pass from one to another quickly.
LIVELY = 24


class Branch:
    def __init__(self, number, server):
        self.number, self.server = number, server
        self.name = f"branch-{number:03}"
        self.state, self.port, self.host = "gone", None, None

    def target(self):
        return {"id": f"dbt_{self.number:020d}", "name": self.name, "database": "soak", "project": "soak"}


class World:
    """Each change is published to the clients, written, loaded by the gateway, and confirmed to the clients, in this order."""

    def __init__(self, gateway, clients, seed):
        self.gateway, self.clients = gateway, clients
        self.random = random.Random(seed)
        self.branches = []
        self.generation = 0
        self.meanings = {}
        self.free_ports, self.free_hosts = [], list(range(HOSTNAMES))
        self.updates, self.refused_maps = 0, 0
        self.load_seconds = []
        self.counts = {}
        self.known_reloads = None
        self.written = None

    # ---- What is there

    @staticmethod
    def hostname(host):
        return f"b{host}.pg.soak.example.net"

    def setup(self, stand_in, stand_ins, victim, victims, real, ports):
        """Stand-ins of two processes and real servers; `real` is a list of (name's maker, server)."""
        self.free_ports = list(ports)
        servers = [stand_in] * stand_ins + [victim] * victims
        self.branches = [Branch(number, server) for number, server in enumerate(servers)]
        for server in real:
            branch = Branch(len(self.branches), server)
            branch.name, branch.port = server.name, server.port
            self.branches.append(branch)
        self.clients.send(*(f"host {host} {self.hostname(host)}" for host in range(HOSTNAMES)))
        self.clients.send(*(f"branch {branch.number} {branch.name}" for branch in self.branches))
        self.clients.send(f"lively {LIVELY}")
        for branch in self.branches:
            if self.is_real(branch) or branch.server is victim or self.random.random() < ACTIVE_SHARE:
                self.open(branch)
                branch.state, branch.host = "active", self.free_hosts.pop(0)

    @staticmethod
    def is_real(branch):
        return not hasattr(branch.server, "ask")

    def document(self):
        return {
            "version": 1,
            "generatedAt": "2026-01-01T00:00:00Z",
            "routes": [
                {"hostname": self.hostname(branch.host), "hostPort": branch.port, "target": branch.target()}
                for branch in self.branches if branch.state == "active"
            ],
            "stopped": [
                {"hostname": self.hostname(branch.host), "target": branch.target()}
                for branch in self.branches if branch.state == "stopped"
            ],
        }

    # ---- Servers

    def open(self, branch, port=None):
        if self.is_real(branch):
            return
        if port is None:
            # Most often the one that was freed last.
            port = self.free_ports.pop(-1 if self.random.random() < 0.7 else 0)
        branch.port = port
        answer = branch.server.ask(f"open {port} {branch.name}")
        if answer != f"open {port}":
            raise Failure(f"a stand-in did not start: {answer}")

    def close(self, branch, port):
        branch.server.ask(f"close {port}")
        self.free_ports.append(port)

    # ---- Changes

    def write(self, disturbed=()):
        """Makes the map say what the branches are."""
        self.generation += 1
        meanings = dict.fromkeys(range(HOSTNAMES), GONE)
        for branch in self.branches:
            if branch.host is not None:
                meanings[branch.host] = branch.number if branch.state == "active" else STOPPED
        changed = [host for host in meanings if meanings[host] != self.meanings.get(host, GONE)]
        self.meanings = meanings
        self.clients.send(
            *(f"route {self.generation} {host} {meanings[host]}" for host in changed),
            *(f"disturb {self.generation} {branch.number}" for branch in disturbed),
        )
        answer = self.clients.ask(f"publish {self.generation}")
        if answer != f"published {self.generation}":
            raise Failure(f"the clients answered: {answer}")
        document = self.document()
        # A map that says nothing new is not counted.
        is_counted = self.gateway.process is not None and document != self.written
        before = self.reloads() if is_counted else None
        self.gateway.write_routes(document)
        self.written = document
        if is_counted:
            self.wait_for_reload(before, 0, f"the gateway has loaded generation {self.generation}")
        self.clients.send(f"confirm {self.generation}")
        self.updates += 1

    def reloads(self):
        """Loaded and refused maps, as they were counted last."""
        pid = self.gateway.process.pid
        if self.known_reloads is None or self.known_reloads[0] != pid:
            self.known_reloads = (pid, self.gateway.reloads())
        return self.known_reloads[1]

    def wait_for_reload(self, before, which, what):
        """Waits until one more is counted, of the loaded (0) or the refused ones (1), and of these alone."""
        began = time.monotonic()
        while (found := self.gateway.reloads()) == before:
            if time.monotonic() - began > TIME_LIMIT:
                raise Failure(f"not within {TIME_LIMIT} s: {what}")
            time.sleep(0.01)
        if found[which] != before[which] + 1 or found[1 - which] != before[1 - which]:
            raise Failure(f"{what}: loaded and refused maps were {before}, and are {found}")
        if which == 0:
            self.load_seconds.append(time.monotonic() - began)
        self.known_reloads = (self.gateway.process.pid, found)

    def write_bad(self):
        """A file that is no route map: the one before stays in effect."""
        document = self.document()
        good = document["routes"]
        kind = self.random.randrange(6)
        if kind == 0:


            text = json.dumps(document).encode()
            bad = text[: len(text) * 2 // 3]
        elif kind == 1:
            bad = b""
        elif kind == 2:
            bad = document | {"version": 2}
        elif kind == 3:
            bad = document | {"routes": good + [good[0] | {"target": good[1]["target"]}]}
        elif kind == 4:
            bad = document | {"routes": good[1:] + [good[0] | {"host": "192.0.2.1"}]}
        else:
            bad = b'{"version": 1, "version": 1, "routes": [], "stopped": []}'
        before = self.reloads()
        self.gateway.write_routes(bad)
        self.written = None
        self.wait_for_reload(before, 1, f"the gateway has refused an invalid route map of kind {kind}")
        self.updates += 1
        self.refused_maps += 1
        # The same map as before, which is loaded again after a fault.
        self.write()

    def choose(self, *states, real=None):
        chosen = [
            branch for branch in self.branches
            if branch.state in states and (real is None or self.is_real(branch) == real) and branch.number != 0
        ]
        lively = [branch for branch in chosen if branch.number < LIVELY]
        if lively and self.random.random() < 0.8:
            chosen = lively
        return self.random.choice(chosen) if chosen else None

    def change(self):
        """One of the things that happen to branches: one update, or a few."""
        kinds = [
            (self.rename, 14), (self.swap, 16), (self.stop, 14), (self.start, 18), (self.go, 10), (self.come, 16),
            (self.move, 12), (self.exchange, 6), (self.replace, 10), (self.write_bad, 4),
        ]
        kind = self.random.choices([kind for kind, _ in kinds], [share for _, share in kinds])[0]
        kind()
        self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1

    def rename(self):
        branch = self.choose("active", "stopped")
        host = self.free_hosts.pop(self.random.randrange(len(self.free_hosts)))
        branch.host, freed = host, branch.host
        self.write()
        self.free_hosts.append(freed)

    def swap(self):
        """Two branches exchange their hostnames in one write."""
        one, other = self.choose("active"), self.choose("active")
        if one is other:
            return self.rename()
        one.host, other.host = other.host, one.host
        self.write()

    def stop(self):
        branch = self.choose("active", real=False)
        branch.state, port = "stopped", branch.port
        self.write([branch])
        self.close(branch, port)

    def start(self):
        branch = self.choose("stopped")
        if branch is None:
            return self.stop()
        self.open(branch)
        branch.state = "active"
        self.write()

    def go(self):
        branch = self.choose("active", real=False)
        branch.state, port, host, branch.host = "gone", branch.port, branch.host, None
        self.write([branch])
        self.close(branch, port)
        self.free_hosts.append(host)

    def come(self):
        branch = self.choose("gone")
        if branch is None:
            return self.go()
        self.open(branch)
        # Most often the hostname that was freed last.
        branch.state, branch.host = "active", self.free_hosts.pop(-1 if self.random.random() < 0.7 else 0)
        self.write()

    def move(self):
        """A branch gets another port."""
        branch = self.choose("active", real=False)
        port = branch.port
        self.open(branch)
        self.write([branch])
        self.close(branch, port)

    def exchange(self):
        """Two branches exchange their ports."""
        one, other = self.choose("active", real=False), self.choose("active", real=False)
        if one is other:
            return self.move()
        ports = one.port, other.port
        one.state = other.state = "stopped"
        self.write([one, other])
        for branch, port in zip((one, other), ports):
            self.close(branch, port)
            self.free_ports.remove(port)
        for branch, port in zip((other, one), ports):
            self.open(branch, port)
            branch.state = "active"
        self.write()

    def replace(self):
        """A branch goes, and another one comes at its port and its hostname."""
        new = self.choose("gone")
        if new is None:
            return self.go()
        old = self.choose("active", real=False)
        port, host = old.port, old.host
        old.state, old.host = "gone", None
        self.write([old])
        self.close(old, port)
        self.free_ports.remove(port)
        self.open(new, port)
        new.state, new.host = "active", host
        self.write()

    def restore(self, first):
        """Makes the map say what it said at first: which branches have hostnames, and which."""
        for branch in self.branches:
            state, host = first[branch.number]
            if state == "active" and branch.state != "active" and not self.is_real(branch):
                self.open(branch)
        disturbed, closed = [], []
        for branch in self.branches:
            state, host = first[branch.number]
            if branch.state == "active" and state != "active":
                disturbed.append(branch)
                closed.append((branch, branch.port))
            branch.state, branch.host = state, host
        self.write(disturbed)
        for branch, port in closed:
            self.close(branch, port)
        used = {host for _, host in first.values() if host is not None}
        self.free_hosts = [host for host in range(HOSTNAMES) if host not in used]

    def snapshot(self):
        return {branch.number: (branch.state, branch.host) for branch in self.branches}

    def slowest_load(self):
        return max(self.load_seconds, default=0.0)

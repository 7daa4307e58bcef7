"""The second phase: what is broken under load, and repaired."""

import os
import resource
import signal
import time

import checks
from programs import Failure

#: Connections at a time: more than wait for a server that hangs.
AT_ONCE = 60
#: More descriptors than are in use, when they run out.
SPARE_DESCRIPTORS = 12


def all_faults(soak):
    # Most of what a fault takes is waiting for limits, so a small part has nearly as much to do as a large one.
    soak.step = max(400, 10_000 // soak.arguments.part)
    soak.say("phase 2: faults under load")
    soak.clients.send(f"busy {soak.busy}", f"connects 1000000000 {AT_ONCE}")
    wait_for_busy(soak)
    for fault in (
        servers_killed, servers_hung, certificates_exchanged, sighup_storm, descriptors_exhausted,
        log_full, log_not_read, gateway_killed,
    ):
        # The last one ends all connections; silent ones after it would have to be waited for.
        soak.clients.send(f"calm {int(fault is gateway_killed)}")
        before = soak.clients.report()
        began = time.monotonic()
        text = fault(soak)
        found = soak.clients.report()
        by_fault = found["fault"] - before["fault"]
        outcomes = ends_by_fault(before, found)
        checks.hold(
            soak, fault.__name__.replace("_", " "), found["failed"] == before["failed"],
            f"{text}; {found['done'] - before['done']:,} connections in {time.monotonic() - began:.0f} s, of which "
            f"{by_fault:,} ended by it ({outcomes or 'none'})",
        )


def ends_by_fault(before, found):
    counts = {}
    for sign, report in ((1, found), (-1, before)):
        for _, outcome, verdict, count in report["tally"]:
            if verdict == "fault":
                counts[outcome] = counts.get(outcome, 0) + sign * count
    return ", ".join(f"{outcome} {count:,}" for outcome, count in sorted(counts.items()) if count)


def wait_for_busy(soak):
    soak.wait_for_clients("all busy sessions are open", lambda found: found["busy"] >= soak.busy - 5)


def go_on(soak, changes=3, count=None):
    """Some more connections, with changes of the route map among them."""
    count = count or soak.step
    start = soak.clients.report()["done"]
    # What was counted meanwhile is not of these changes.
    soak.world.known_reloads = None
    for number in range(1, changes + 1):
        soak.world.change()
        soak.wait_for_clients(
            "the connections go on", lambda found: found["done"] >= start + count * number // changes
        )


def count_of(found, outcome):
    return sum(row[3] for row in found["tally"] if row[1] == outcome and row[2] == "fault")


def wait_to_see(soak, before, *outcomes):
    """Waits until connections have ended in each of these ways since a report, by the fault."""
    for outcome in outcomes:
        soak.wait_for_clients(
            f"a connection has ended with {outcome}", lambda found: count_of(found, outcome) > count_of(before, outcome)
        )


def mark(soak, branches, is_broken):
    soak.clients.send(*(f"broken {branch.number} {int(is_broken)}" for branch in branches))
    # An answered command: the clients know it before it happens.
    return soak.clients.report()


def broken_branches(soak, server):
    return [branch for branch in soak.world.branches if branch.server in (server, soak.victim)]


# ---- Servers


def servers_killed(soak):
    server = soak.servers[0]
    branches = broken_branches(soak, server)
    before = mark(soak, branches, True)
    server.kill()
    soak.victim.kill()
    wait_to_see(soak, before, "57P03", "closed")
    server.start()
    server.wait()
    soak.start_victim()
    for branch in branches:
        if branch.server is not server:
            branch.server = soak.victim
            if branch.state == "active":
                soak.victim.ask(f"open {branch.port} {branch.name}")
    mark(soak, branches, False)
    go_on(soak)
    return f"a real server and the stand-in of {len(branches) - 1} branches, with SIGKILL, then started"


def servers_hung(soak):
    server = soak.servers[1]
    branches = broken_branches(soak, server)
    before = mark(soak, branches, True)
    server.signal_all(signal.SIGSTOP)
    os.kill(soak.victim.process.pid, signal.SIGSTOP)
    # AUTHENTICATION_TIMEOUT is over.
    wait_to_see(soak, before, "57014")
    server.signal_all(signal.SIGCONT)
    os.kill(soak.victim.process.pid, signal.SIGCONT)
    server.wait()
    soak.victim.report()
    mark(soak, branches, False)
    go_on(soak)
    return f"a real server and the stand-in of {len(branches) - 1} branches, with SIGSTOP until a login has timed out"


# ---- The gateway's files and signals


def certificates_exchanged(soak):
    times = []
    gateway = soak.gateway
    # Each takes a second or two, since files are looked at then.
    for _ in range(3 if soak.arguments.part > 10 else 10):
        before = certificate_loads(gateway.metrics())
        soak.clients.send(f"certificate {gateway.certificate + 1} {gateway.certificate}")
        # An answered command: the clients know of the certificate before it can be offered.
        soak.clients.report()
        gateway.make_certificate()
        _, seconds = gateway.wait_for(
            "the certificate is loaded", lambda found: certificate_loads(found) > before
        )
        soak.clients.send(f"certificate {gateway.certificate} {gateway.certificate}")
        times.append(seconds)
        go_on(soak, 1, soak.step // 3)
    return f"{len(times)} times, loaded within {max(times):.1f} s; each handshake had the one in effect"


def certificate_loads(found):
    return found.get('certificate_reloads_total{result="loaded"}', 0)


def sighup_storm(soak):
    count = 300
    for _ in range(count):
        soak.gateway.signal(signal.SIGHUP)
        time.sleep(0.005)
    go_on(soak)
    return f"{count} SIGHUP"


def descriptors_exhausted(soak):
    pid = soak.gateway.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    in_use = len(os.listdir(f"/proc/{pid}/fd"))
    excuse(soak, True)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + SPARE_DESCRIPTORS, most))
    start = soak.clients.report()["done"]
    seen_any = soak.clients.report()["fault"]
    soak.wait_for_clients(
        "connections have gone on without descriptors",
        lambda found: found["fault"] > seen_any + 20 and found["done"] > start + soak.step,
    )
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    # Those that wait in the kernel's queue are accepted within a second.
    wait_for_busy(soak)
    start = soak.clients.report()["done"]
    soak.wait_for_clients("connections go on", lambda found: found["done"] > start + 2 * AT_ONCE)
    excuse(soak, False)
    go_on(soak)
    return f"{SPARE_DESCRIPTORS} more than were in use, then {most:,} again"


# ---- The gateway's end, and its log


def excuse(soak, is_excusing):
    answer = soak.clients.ask(f"excuse {int(is_excusing)}")
    if answer != f"excuse {int(is_excusing)}":
        raise Failure(f"the clients answered: {answer}")


def start_again(soak, log, level):
    soak.gateway.start(log, level)
    wait_for_busy(soak)
    excuse(soak, False)
    go_on(soak)


def log_full(soak):
    before = soak.clients.report()
    excuse(soak, True)
    soak.gateway.kill()
    wait_to_see(soak, before, "refused")
    with open("/dev/full", "wb") as full:
        start_again(soak, full, "debug")
    return "killed with SIGKILL, and started with a log on a full disk"


def log_not_read(soak):
    excuse(soak, True)
    code = soak.gateway.stop()
    if code != 0:
        raise Failure(f"the gateway ended with {code} after SIGTERM")
    reader, writer = os.pipe()
    soak.stack.callback(os.close, reader)
    with open(writer, "wb") as log:
        start_again(soak, log, "debug")
    return "stopped with SIGTERM, and started with a log that nobody reads"


def gateway_killed(soak):
    excuse(soak, True)
    soak.gateway.kill()
    start_again(soak, None, "notice")
    return "killed with SIGKILL, and started as at first"

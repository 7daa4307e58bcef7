"""What has to be as it was before: permits, descriptors, memory, metric series."""

import re
import time

from programs import Failure

#: How long what lingers may take to end, in seconds.
SETTLING = 90
#: The resident memory, in MB, by which the gateway at rest may exceed itself before the load.
MEMORY_MB = 16
#: How long it may take to give the memory of a peak back, in seconds.
TRIMMING = 30
TARGET = re.compile(r'target="([^"]*)"')


def quiet(found):
    """Whether the gateway holds nothing any more."""
    return (
        sum(value for name, value in found.items() if name.startswith("connections_active")) == 0
        and found["startups_active"] == 0
        and found["handshakes_active"] == 0
        and found["handshakes_waiting"] == 0
    )


def targets_in(found):
    return {match[1] for name in found if (match := TARGET.search(name))}


class Baseline:
    """The gateway before the load."""

    def __init__(self, soak):
        permits(soak)
        self.memory_at_rest = memory_at_rest(soak)
        found = soak.gateway.metrics()
        self.pid = soak.gateway.process.pid
        self.descriptors = found["process_open_fds"]
        self.series = set(found)
        self.routes = soak.world.snapshot()


def hold(soak, what, is_held, text):
    soak.results.append((what, is_held, text))
    if not is_held:
        soak.note(f"failed: {what}: {text}")


def settle(soak, descriptors):
    """Waits until nothing is held and the descriptors are back."""
    try:
        return soak.gateway.wait_for(
            "nothing is held", lambda found: quiet(found) and found["process_open_fds"] <= descriptors, SETTLING
        )[0]
    except Failure:
        return soak.gateway.metrics()


def after_load(soak, baseline):
    """At the end of the first phase: all clients leave, the map is as it was at first."""
    soak.clients.send("busy 0")
    report = soak.wait_for_clients("the busy sessions have ended", lambda found: found["busy"] == 0)
    soak.busy_answers = report["round_trips"]
    soak.world.restore(baseline.routes)
    found = settle(soak, baseline.descriptors)
    hold(soak, "same process", soak.gateway.process.pid == baseline.pid and soak.gateway.process.poll() is None,
         f"process {baseline.pid}")
    held_back(soak, found, baseline.descriptors)
    known = {branch.target()["id"] for branch in soak.world.branches if branch.state != "gone"}
    strangers = targets_in(found) - known
    more = {name for name in set(found) - baseline.series if not re.search(r"(outcome|reason|limit|result)=", name)}
    hold(soak, "metric series", not strangers and not more and not baseline.series - set(found),
         f"{len(found)}, of {len(baseline.series)} at the start; of branches without a route: {sorted(strangers) or 'none'}; "
         f"new: {sorted(more) or 'none'}; missing: {sorted(baseline.series - set(found)) or 'none'}")
    permits(soak)
    memory(soak, baseline)


def held_back(soak, found, descriptors):
    hold(soak, "nothing held", quiet(found), "sessions, start-ups and handshakes are 0")
    hold(soak, "descriptors", found["process_open_fds"] <= descriptors,
         f"{found['process_open_fds']:.0f}, of {descriptors:.0f} before")


def resident(soak):
    return soak.gateway.metrics()["process_resident_memory_bytes"] / 1e6


def memory_at_rest(soak):
    """In MB, after a peak of as many sessions as there may be, whose memory has been given back."""
    peak = lowest = resident(soak)
    end = time.monotonic() + TRIMMING
    while lowest > 0.7 * peak and time.monotonic() < end:
        time.sleep(0.2)
        lowest = min(lowest, resident(soak))
    time.sleep(1)
    return min(lowest, resident(soak))


def memory(soak, baseline):
    load = [memory for _, memory in soak.samples]
    now = memory_at_rest(soak)
    hold(soak, "memory", now - baseline.memory_at_rest <= MEMORY_MB,
         f"{baseline.memory_at_rest:.0f} MB at rest before the load, at most {max(load, default=now):.0f} in it, {now:.0f} at rest after it")


def permits(soak):
    """Fills every limit of sessions to its last place, and sees that one more is refused: none was kept, none is missing."""
    from gateway import LIMITS

    total, each = LIMITS["MAX_CONNECTIONS"], LIMITS["MAX_CONNECTIONS_PER_ADDRESS"]
    hosts = [
        branch.host for branch in soak.world.branches
        if branch.state == "active" and branch.server is soak.stand_in
    ]
    count = total // each
    before = refused(soak)
    # Each source fills one branch: at the end the address, the branch and the gateway are full.
    for number in range(count):
        soak.clients.send(*[f"hold {hosts[number]} {number} ok"] * each)
        soak.wait_for_clients(
            f"{each} sessions fill address and branch {number}", lambda found: found["held"] == (number + 1) * each
        )
        if number == 0:
            soak.clients.send(f"hold {hosts[count]} 0 53300", f"hold {hosts[0]} {count} 53300")
            soak.wait_for_clients("two more are refused", lambda found: refused(soak, found) == before + 2)
    soak.clients.send(f"hold {hosts[count]} {count} 53300")
    soak.wait_for_clients("one more is refused", lambda found: refused(soak, found) == before + 3)
    soak.clients.send("release")
    soak.wait_for_clients("they have ended", lambda found: found["held"] == 0)
    hold(soak, "permits", True, f"{total:,} sessions fill the gateway, {count} addresses and {count} branches exactly")


def refused(soak, found=None):
    found = found or soak.clients.report()
    return sum(
        count for kind, outcome, verdict, count in found["tally"]
        if kind == "limit filled" and outcome == "53300" and verdict == "expected"
    )


def final(soak):
    """After everything: what the clients and the stand-ins have counted."""
    time.sleep(0.2)
    soak.final_report = soak.clients.report()
    cancels = [program.report() for program in (soak.stand_in, soak.victim)]
    soak.cancels = sum(report["cancels"] for report in cancels)
    errors, late = (sum(report[name] for report in cancels) for name in ("errors", "late"))
    hold(soak, "no wrong branch", soak.final_report["wrong"] == 0,
         f"{soak.final_report['round_trips']:,} answers of busy sessions, {soak.final_report['done']:,} connections")
    hold(soak, "every end as it must be", soak.final_report["failed"] == 0, f"{soak.final_report['failed']} others")
    hold(soak, "cancel requests", errors == 0,
         f"{soak.cancels:,} arrived, each at the server and the session whose key it had, of which {late} had ended within 6 s; {errors} others")


def after_faults(soak, baseline):
    """At the end of the second phase."""
    soak.clients.send("connects 0 1", "busy 0")
    soak.wait_for_clients(
        "all connections have ended", lambda found: found["open"] + found["slow"] + found["busy"] == 0
    )
    soak.world.restore(baseline.routes)
    found = settle(soak, baseline.descriptors)
    held_back(soak, found, baseline.descriptors)
    permits(soak)

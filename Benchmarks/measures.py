"""What is measured with a clock: CPU, latency and memory. Each returns figures by name, of one relay in one round."""

import contextlib
import json
import os
import subprocess
import threading
import time

from relays import HOSTNAME

#: Round trips of one session, and of each of 32.
SINGLE, EACH = 20_000, 1_500
SESSIONS = 32
CONNECTS, AT_ONCE = 1_500, 8
BULK_MEGABYTES = 600
IDLE = 500
HANDSHAKES_A_SECOND = 300
ROUTES, ROUTE_WRITES = 10_000, 8


def load(place, relay, running, *arguments, stdin=None):
    """Runs the load program to its end; returns what it says."""
    kind, *rest = [str(argument) for argument in arguments]
    done = subprocess.run(
        [place.programs / "load", kind, str(running.port), HOSTNAME, *rest],
        env=os.environ | {"NEGOTIATION": relay.negotiation},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"bench: {relay.name}: load {kind} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def cpu_of(running, work):
    before = running.cpu_seconds()
    result = work()
    return running.cpu_seconds() - before, result


def queries(place, relay, running):
    one, single = cpu_of(running, lambda: load(place, relay, running, "query", 1, SINGLE))
    many, among = cpu_of(running, lambda: load(place, relay, running, "query", SESSIONS, EACH))
    return {
        "cpu_us_query_1": one / SINGLE * 1e6,
        "cpu_us_query_32": many / (SESSIONS * EACH) * 1e6,
        "p50_us_1": single["p50"],
        "p99_us_32": among["p99"],
    }


def connects(place, relay, running):
    cpu, result = cpu_of(running, lambda: load(place, relay, running, "connect", CONNECTS, 0, AT_ONCE))
    return {"cpu_us_connect": cpu / CONNECTS * 1e6, "p99_us_connect": result["p99"]}


def bulk(place, relay, running):
    down, _ = cpu_of(running, lambda: load(place, relay, running, "down", 1, BULK_MEGABYTES))
    up, _ = cpu_of(running, lambda: load(place, relay, running, "up", 1, BULK_MEGABYTES))
    return {
        "cpu_s_gb_to_client": down / BULK_MEGABYTES * 1000,
        "cpu_s_gb_from_client": up / BULK_MEGABYTES * 1000,
    }


@contextlib.contextmanager
def hold(place, relay, running, sessions):
    """Idle sessions, while the block runs."""
    holder = subprocess.Popen(
        [place.programs / "load", "idle", str(running.port), HOSTNAME, str(sessions)],
        env=os.environ | {"NEGOTIATION": relay.negotiation},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if not holder.stdout.readline():
            raise SystemExit(f"bench: {relay.name}: {sessions} idle sessions could not be opened")
        yield
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def idle(place, relay, running):
    before = running.memory_bytes()
    with hold(place, relay, running, IDLE):
        held = running.memory_bytes()
    return {"kb_idle_session": (held - before) / IDLE / 1024}


def under_handshakes(place, relay, running):
    """Queries of four sessions, while others connect at a fixed rate."""
    done = threading.Event()

    def connect():
        while not done.is_set():
            load(place, relay, running, "connect", HANDSHAKES_A_SECOND, HANDSHAKES_A_SECOND, 512)

    crowd = threading.Thread(target=connect)
    crowd.start()
    try:
        result = load(place, relay, running, "query", 4, 4_000)
    finally:
        done.set()
        crowd.join()
    return {"p99_us_300_handshakes": result["p99"]}


def under_routes(place, relay, running):
    """The gateway alone: queries of eight sessions, while 10,000 routes are replaced twice a second."""
    if not hasattr(relay, "routes"):
        return {}
    calm = load(place, relay, running, "query", 8, 4_000)
    done = threading.Event()

    def replace():
        serial = 0
        while not done.is_set():
            serial += 1
            relay.routes(place, ROUTES, serial)
            done.wait(0.5)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        samples = []
        end = time.monotonic() + ROUTE_WRITES / 2
        while time.monotonic() < end:
            samples.append(load(place, relay, running, "query", 8, 2_000)["p99"])
    finally:
        done.set()
        writer.join()
        relay.routes(place)
    return {"p99_us_routes": max(samples), "p99_us_routes_calm": calm["p99"]}


ALL = [queries, connects, bulk, idle, under_handshakes, under_routes]

"""What an idle session of the gateway holds, by the one who allocated it: two runs under valgrind's massif, of a different
number of idle sessions. Bytes are those asked for: a buffer counts whole, though pages that nobody touched take no memory."""

import pathlib
import re
import shutil
import subprocess

from measures import hold

#: Idle sessions of the shorter and the longer run.
SESSIONS = (20, 220)

#: Owner -> what the name of a function has in it. The first function of the stack, from the allocation up, that one fits to
#: decides; what only passes memory on, as the runtime and the buffers' own code do, fits to none.
OWNERS = [
    ("BoringSSL", re.compile(r"CNIOBoringSSL|bssl|^ssl_|^tls|aead_")),
    ("NIOSSL", re.compile(r"6NIOSSL")),
    ("the gateway", re.compile(r"15PostgresGateway|11GatewayCore|16GatewayHardening|8RouteMap")),
    ("NIO, a channel's receive buffers", re.compile(r"NIOPooledRecvBuffer")),
    ("NIO, channels and pipelines", re.compile(r"8NIOPosix|7NIOCore")),
]
#: Parts of NIO that only make a buffer for another.
PASSES_ON = re.compile(r"10ByteBuffer|14CircularBuffer|MarkedCircular|allocat", re.IGNORECASE)
OTHERS = "others"


def symbols_only(place, program):
    """A copy with its functions' names alone: valgrind cannot read Swift's debug information."""
    copy = place.path / f"{pathlib.Path(program).name}-symbols"
    if not copy.exists():
        shutil.copy(program, copy)
        subprocess.run(["strip", "--strip-debug", copy], check=True)
    return copy


def owner_of(stack):
    for function in stack:
        for owner, pattern in OWNERS:
            if pattern.search(function) and not (owner.startswith("NIO,") and PASSES_ON.search(function)):
                return owner
    return OTHERS


def by_owner(snapshot):
    """Bytes by owner of massif's tree of allocations."""
    totals = {}
    stack = []
    for line in snapshot.splitlines():
        found = re.match(r"^( *)n(\d+): (\d+) (.*)$", line)
        if not found:
            continue
        depth, children, size = len(found[1]), int(found[2]), int(found[3])
        function = re.sub(r"^0x[0-9A-F]+: ", "", found[4])
        stack = stack[:depth] + [function]
        if children == 0:
            owner = owner_of(stack[1:])
            totals[owner] = totals.get(owner, 0) + size
    return totals


def held(place, relay, sessions):
    file = place.path / f"massif.{sessions}"
    running = relay.start(
        place,
        around=["valgrind", "--tool=massif", "--depth=60", "--threshold=0.01", f"--massif-out-file={file}.end", "--quiet"],
        single=True,
    )
    try:
        with hold(place, relay, running, sessions):
            subprocess.run(
                ["vgdb", f"--pid={running.process.pid}", "detailed_snapshot", str(file)], check=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
    finally:
        running.end()
    return by_owner(file.read_text(errors="replace"))


def idle_by_owner(place, relay):
    """Bytes of one idle session, by owner, the largest first."""
    fewer, more = (held(place, relay, sessions) for sessions in SESSIONS)
    count = SESSIONS[1] - SESSIONS[0]
    each = {owner: (more[owner] - fewer.get(owner, 0)) / count for owner in more}
    return dict(sorted(each.items(), key=lambda item: -item[1]))

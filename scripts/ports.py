"""Ports of 127.0.0.1, for everything in Python that starts servers: free ones, and whether one is open."""

import contextlib
import random
import socket
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_range(count):
    """Host ports for branches, of which none is in use."""
    while True:
        first = random.randrange(21_000, 31_000)
        with socket.socket() as probe:
            if all(probe.connect_ex(("127.0.0.1", port)) for port in range(first, first + count)):
                return f"{first}-{first + count - 1}"


def wait_until_open(port, process, seconds):
    """Whether a program listens, before it has ended or the time is over."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)
    return False

"""Free ports of 127.0.0.1, for everything in Python that starts servers."""

import random
import socket


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

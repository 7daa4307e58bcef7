"""Runs a client's scenarios as the contract in ../README.md says."""

import asyncio
import inspect
import json
import socket
import sys
import time

LARGE_ROWS, LARGE_ROW = 1024, 65536
LARGE_QUERY = f"SELECT repeat('x', {LARGE_ROW}) FROM generate_series(1, {LARGE_ROWS})"
COPY_ROWS = 10_000


class Job:
    def __init__(self, values):
        self.__dict__.update(values)


def resolve_localhost_names(address):
    """RFC 6761: names under .localhost lead to the loopback; not every resolver knows it."""
    original = socket.getaddrinfo

    def getaddrinfo(host, *rest, **more):
        name = host.decode() if isinstance(host, bytes) else host
        return original(address if isinstance(name, str) and name.endswith(".localhost") else host, *rest, **more)

    socket.getaddrinfo = getaddrinfo


def check(condition, detail):
    if not condition:
        raise AssertionError(detail)


def check_refusal(error, sqlstate, text=""):
    """The driver shows our SQLSTATE, where it keeps one for failed connects, and our message."""
    seen = getattr(error, "sqlstate", None)
    check(error is not None, f"connected, but {sqlstate} was expected")
    check(seen in (None, sqlstate), f"SQLSTATE {seen} instead of {sqlstate}: {error}")
    check(text in str(error), f"the message has no '{text}': {error}")


def refused(connect, error_type, sqlstate, text_of, **changes):
    """A scenario in which connecting, with these options changed, has to fail in this way."""

    async def run(job):
        options = {key: value(job) if callable(value) else value for key, value in changes.items()}
        error = None
        try:
            connection = connect(job, **options)
            if inspect.isawaitable(connection):
                connection = await connection
            closing = connection.close()
            if inspect.isawaitable(closing):
                await closing
        except error_type as caught:
            error = caught
        check_refusal(error, sqlstate, text_of(job))

    return run


def refusals(connect, error_type, no_sni, plaintext):
    """The refusals that every client meets; what makes it send no name, or no TLS, is its own."""
    return {
        "wrong_hostname": refused(
            connect, error_type, "3D000", lambda job: job.wrongHost, host=lambda job: job.wrongHost
        ),
        "no_sni": refused(connect, error_type, "08004", lambda job: "no server name", **no_sni),
        "plaintext": refused(connect, error_type, "28000", lambda job: "TLS is required", **plaintext),
    }


def wrong_password(connect, error_type):
    return refused(connect, error_type, "28P01", lambda job: "password authentication failed", password="wrong")


def main(scenarios):
    job = Job(json.loads(sys.argv[1]))
    resolve_localhost_names(job.address)
    for name in job.scenarios:
        for _ in range(job.rounds):
            record = {"scenario": name, "ok": True, "ms": None, "detail": ""}
            try:
                result = scenarios[name](job)
                if inspect.isawaitable(result):
                    result = asyncio.run(result)
                record["ms"] = result
            except Exception as error:  # a failing round is a result, not the end
                record.update(ok=False, detail=f"{type(error).__name__}: {error}"[:500])
            print(json.dumps(record), flush=True)


class Stopwatch:
    def __init__(self):
        self.start = time.perf_counter()

    def ms(self):
        return (time.perf_counter() - self.start) * 1000

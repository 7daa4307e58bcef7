"""asyncpg: a protocol implementation of its own, cancel inside TLS."""

import asyncio
import io

import asyncpg
from harness import COPY_ROWS, LARGE_QUERY, LARGE_ROW, LARGE_ROWS, Stopwatch, check, main, refusals, wrong_password


async def connect(job, **changes):
    options = dict(
        host=job.host, port=job.port, user=job.user, password=job.password,
        database=job.database, ssl="require", timeout=20,
    )
    options.update(changes)
    return await asyncpg.connect(**options)


async def round_trip(job, **changes):
    watch = Stopwatch()
    connection = await connect(job, **changes)
    elapsed = watch.ms()
    try:
        check(await connection.fetchval("SELECT 40 + 2") == 42, "wrong answer")
    finally:
        await connection.close()
    return elapsed


async def prepared(job):
    connection = await connect(job)
    statement = await connection.prepare("SELECT $1::int * 2")
    for number in range(50):
        value = await statement.fetchval(number)
        check(value == number * 2, f"{value} for {number}")
    await connection.close()


async def large_result(job):
    connection = await connect(job)
    sizes = [len(row[0]) for row in await connection.fetch(LARGE_QUERY)]
    await connection.close()
    check(sizes == [LARGE_ROW] * LARGE_ROWS, f"{len(sizes)} rows, {sum(sizes)} bytes")


async def copy(job):
    connection = await connect(job)
    await connection.execute("CREATE TEMP TABLE copied (id int, text text)")
    rows = [(number, f"row {number}") for number in range(COPY_ROWS)]
    await connection.copy_records_to_table("copied", records=rows)
    sink = io.BytesIO()
    await connection.copy_from_query("SELECT * FROM copied ORDER BY id", output=sink)
    await connection.close()
    text = "".join(f"{number}\t{value}\n" for number, value in rows)
    check(sink.getvalue().decode() == text, "other rows came out")


async def listen_notify(job):
    listener, notifier = await connect(job), await connect(job)
    heard = asyncio.get_running_loop().create_future()
    await listener.add_listener("gate", lambda *event: heard.done() or heard.set_result(event[3]))
    await notifier.execute("NOTIFY gate, 'hello'")
    check(await asyncio.wait_for(heard, 10) == "hello", "another payload")
    await listener.close()
    await notifier.close()


async def cancel(job):
    connection, observer = await connect(job), await connect(job)
    pid = connection.get_server_pid()
    sleeping = asyncio.ensure_future(connection.execute("SELECT pg_sleep(60)"))
    query = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
    while await observer.fetchval(query, pid) != 1:
        check(not sleeping.done(), "the query ended by itself")
    # asyncpg sends its CancelRequest when the task that waits for a query is cancelled.
    sleeping.cancel()
    try:
        await sleeping
    except asyncio.CancelledError:
        pass
    while await observer.fetchval(query, pid) != 0:
        pass
    check(await connection.fetchval("SELECT 40 + 2") == 42, "the session is not usable after the cancel")
    await connection.close()
    await observer.close()


async def scram(job):
    await wrong_password(connect, asyncpg.PostgresError)(job)
    await round_trip(job)


async def connects_200(job):
    for _ in range(200):
        await round_trip(job)


main({
    "connect": round_trip,
    **refusals(connect, asyncpg.PostgresError, no_sni=dict(host=lambda job: job.address), plaintext=dict(ssl="disable")),
    "prepared": prepared,
    "large_result": large_result,
    "copy": copy,
    "listen_notify": listen_notify,
    "cancel": cancel,
    "scram": scram,
    "connects_200": connects_200,
})

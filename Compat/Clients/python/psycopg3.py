"""psycopg 3 with its own libpq 18: ALPN always, direct TLS, protocol 3.2, cancel inside TLS."""

import threading

import psycopg
from harness import COPY_ROWS, LARGE_QUERY, LARGE_ROW, LARGE_ROWS, Stopwatch, check, main, refusals, wrong_password


def connect(job, **changes):
    options = dict(
        host=job.host, hostaddr=job.address, port=job.port, user=job.user, password=job.password,
        dbname=job.database, sslmode="require", connect_timeout=20, autocommit=True,
    )
    options.update(changes)
    return psycopg.connect(**options)


def round_trip(job, **changes):
    watch = Stopwatch()
    with connect(job, **changes) as connection:
        elapsed = watch.ms()
        check(connection.execute("SELECT 40 + 2").fetchone() == (42,), "wrong answer")
    return elapsed


def prepared(job):
    with connect(job) as connection:
        for number in range(50):
            row = connection.execute("SELECT %s::int * 2", (number,), prepare=True).fetchone()
            check(row == (number * 2,), f"{row} for {number}")


def large_result(job):
    with connect(job) as connection:
        sizes = [len(row[0]) for row in connection.execute(LARGE_QUERY)]
        check(sizes == [LARGE_ROW] * LARGE_ROWS, f"{len(sizes)} rows, {sum(sizes)} bytes")


def copy(job):
    with connect(job) as connection:
        connection.execute("CREATE TEMP TABLE copied (id int, text text)")
        with connection.cursor() as cursor:
            with cursor.copy("COPY copied FROM STDIN") as source:
                for number in range(COPY_ROWS):
                    source.write_row((number, f"row {number}"))
            with cursor.copy("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT") as sink:
                sink.set_types(["int4", "text"])
                rows = list(sink.rows())
        check(rows == [(number, f"row {number}") for number in range(COPY_ROWS)], "other rows came out")


def listen_notify(job):
    with connect(job) as listener, connect(job) as notifier:
        listener.execute("LISTEN gate")
        notifier.execute("NOTIFY gate, 'hello'")
        for notification in listener.notifies(timeout=10, stop_after=1):
            return check(notification.payload == "hello", notification.payload)
        check(False, "no notification within 10 s")


def cancel(job, **changes):
    with connect(job, **changes) as connection, connect(job) as observer:
        pid = connection.info.backend_pid
        error = []

        def sleep():
            try:
                connection.execute("SELECT pg_sleep(60)")
            except psycopg.Error as caught:
                error.append(caught)

        thread = threading.Thread(target=sleep)
        thread.start()
        query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        while observer.execute(query, (pid,)).fetchone() != (1,):
            check(thread.is_alive(), f"the query ended by itself: {error}")
        connection.cancel_safe(timeout=20)
        thread.join(30)
        check(not thread.is_alive(), "not cancelled within 30 s")
        check(error and error[0].sqlstate == "57014", f"{error}")


async def scram(job):
    await wrong_password(connect, psycopg.OperationalError)(job)
    round_trip(job)


def connects_200(job):
    for _ in range(200):
        round_trip(job)


def protocol_3_2(job):
    round_trip(job, max_protocol_version="latest")
    cancel(job, max_protocol_version="latest")


main({
    "connect": round_trip,
    **refusals(connect, psycopg.OperationalError, no_sni=dict(sslsni=0), plaintext=dict(sslmode="disable")),
    "prepared": prepared,
    "large_result": large_result,
    "copy": copy,
    "listen_notify": listen_notify,
    "cancel": cancel,
    "scram": scram,
    "connects_200": connects_200,
    "direct_tls": lambda job: round_trip(job, sslnegotiation="direct"),
    "protocol_3_2": protocol_3_2,
})

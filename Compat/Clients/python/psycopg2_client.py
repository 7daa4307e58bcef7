"""psycopg2 with its own libpq 17: ALPN always, cancel in plaintext."""

import io
import select
import threading

import psycopg2
from harness import COPY_ROWS, LARGE_QUERY, LARGE_ROW, LARGE_ROWS, Stopwatch, check, main, refusals, wrong_password


def connect(job, **changes):
    options = dict(
        host=job.host, hostaddr=job.address, port=job.port, user=job.user, password=job.password,
        dbname=job.database, sslmode="require", connect_timeout=20,
    )
    options.update(changes)
    connection = psycopg2.connect(**options)
    connection.autocommit = True
    return connection


def query(connection, text, values=None):
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else None


def round_trip(job, **changes):
    watch = Stopwatch()
    connection = connect(job, **changes)
    elapsed = watch.ms()
    try:
        check(query(connection, "SELECT 40 + 2") == [(42,)], "wrong answer")
    finally:
        connection.close()
    return elapsed


def prepared(job):
    connection = connect(job)
    query(connection, "PREPARE double (int) AS SELECT $1 * 2")
    for number in range(50):
        row = query(connection, "EXECUTE double (%s)", (number,))
        check(row == [(number * 2,)], f"{row} for {number}")
    connection.close()


def large_result(job):
    connection = connect(job)
    sizes = [len(row[0]) for row in query(connection, LARGE_QUERY)]
    connection.close()
    check(sizes == [LARGE_ROW] * LARGE_ROWS, f"{len(sizes)} rows, {sum(sizes)} bytes")


def copy(job):
    connection = connect(job)
    text = "".join(f"{number}\trow {number}\n" for number in range(COPY_ROWS))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE copied (id int, text text)")
        cursor.copy_expert("COPY copied FROM STDIN", io.StringIO(text))
        sink = io.StringIO()
        cursor.copy_expert("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT", sink)
    connection.close()
    check(sink.getvalue() == text, "other rows came out")


def listen_notify(job):
    listener, notifier = connect(job), connect(job)
    query(listener, "LISTEN gate")
    query(notifier, "NOTIFY gate, 'hello'")
    while not listener.notifies:
        ready, _, _ = select.select([listener], [], [], 10)
        check(ready, "no notification within 10 s")
        listener.poll()
    check(listener.notifies[0].payload == "hello", listener.notifies[0].payload)
    listener.close()
    notifier.close()


def cancel(job):
    connection, observer = connect(job), connect(job)
    pid = connection.info.backend_pid
    error = []

    def sleep():
        try:
            query(connection, "SELECT pg_sleep(60)")
        except psycopg2.Error as caught:
            error.append(caught)

    thread = threading.Thread(target=sleep)
    thread.start()
    text = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    while query(observer, text, (pid,)) != [(1,)]:
        check(thread.is_alive(), f"the query ended by itself: {error}")
    connection.cancel()
    thread.join(30)
    check(not thread.is_alive(), "not cancelled within 30 s")
    check(error and error[0].pgcode == "57014", f"{error}")
    connection.close()
    observer.close()


async def scram(job):
    await wrong_password(connect, psycopg2.OperationalError)(job)
    round_trip(job)


def connects_200(job):
    for _ in range(200):
        round_trip(job)


main({
    "connect": round_trip,
    **refusals(connect, psycopg2.OperationalError, no_sni=dict(sslsni=0), plaintext=dict(sslmode="disable")),
    "prepared": prepared,
    "large_result": large_result,
    "copy": copy,
    "listen_notify": listen_notify,
    "cancel": cancel,
    "scram": scram,
    "connects_200": connects_200,
    "direct_tls": lambda job: round_trip(job, sslnegotiation="direct"),
})

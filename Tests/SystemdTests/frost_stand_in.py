#!/usr/bin/env python3
"""Stands in for an installed Frost: its database, written to as Frost's own code does, and the process of its unit.

    frost_stand_in.py serve            what frost.service runs: migrates, keeps its connection open, does what it is told
    frost_stand_in.py do WHAT [ARG]... tells it; prints what comes back
"""

import json
import os
import pathlib
import secrets
import signal
import socket
import sqlite3
import sys
import time

SOCKET = "/run/frost-stand-in"
LAST = int(os.environ.get("STAND_IN_MIGRATION", "18"))
TABLES = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE metrics (id INTEGER PRIMARY KEY, value REAL);
CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL{hostname});
CREATE TABLE databases (id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL,
    engine TEXT NOT NULL, UNIQUE (project_id, name));
CREATE TABLE database_targets (id TEXT PRIMARY KEY, database_id TEXT NOT NULL REFERENCES databases(id), name TEXT NOT NULL,
    {hostname_of_target}kind TEXT NOT NULL, source_target_id TEXT, runtime_service_id TEXT, lifecycle_status TEXT NOT NULL,
    provider_ref_json TEXT NOT NULL, created_at INTEGER NOT NULL{later}, UNIQUE (database_id, name));
"""
LATER = ", ttl_value INTEGER, ttl_unit TEXT, scale_to_zero_minutes INTEGER, last_activity_at INTEGER, runtime_host_port INTEGER"


def path():
    return os.environ.get("FROST_DB_PATH") or os.path.join(os.environ.get("FROST_DATA_DIR") or "data", "frost.db")


def connect():
    pathlib.Path(path()).parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path(), isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA foreign_keys = ON")
    return db


def migrate(db):
    db.execute("CREATE TABLE IF NOT EXISTS _migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
               " applied_at INTEGER NOT NULL)")
    if db.execute("SELECT count(*) FROM _migrations").fetchone()[0]:
        return
    db.executescript(TABLES.format(
        hostname=", hostname TEXT", hostname_of_target="hostname TEXT NOT NULL DEFAULT '', " if LAST >= 14 else "",
        later=LATER if LAST >= 17 else "",
    ))
    for number in range(1, LAST + 1):
        db.execute("INSERT INTO _migrations (name, applied_at) VALUES (?, 0)", (f"{number:03}-step.sql",))


def identity(prefix):
    return f"{prefix}_{secrets.token_hex(10)}"


class Frost:
    """What Frost's pages do, one method each."""

    def __init__(self, db):
        self.db = db

    def wildcard(self, value):
        self.db.execute("INSERT INTO settings VALUES ('wildcard_domain', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (value,))

    def create(self, project, database, branch, port, password):
        row = self.db.execute("SELECT id FROM projects WHERE name = ?", (project,)).fetchone()
        owner = row[0] if row else identity("proj")
        if not row:
            self.db.execute("INSERT INTO projects (id, name, hostname) VALUES (?, ?, ?)", (owner, project, project))
        row = self.db.execute("SELECT id FROM databases WHERE project_id = ? AND name = ?", (owner, database)).fetchone()
        of = row[0] if row else identity("db")
        if not row:
            self.db.execute("INSERT INTO databases VALUES (?, ?, ?, 'postgres')", (of, owner, database))
        reference = {"containerName": f"frost-db-{of}-{branch}", "hostPort": int(port), "username": "frost", "password": password,
                     "database": database, "ssl": False, "image": "postgres:15", "port": 5432}
        self.db.execute("INSERT INTO database_targets (id, database_id, name, hostname, kind, lifecycle_status, provider_ref_json, created_at)"
                        " VALUES (?, ?, ?, ?, 'branch', 'active', ?, ?)",
                        (identity("dbt"), of, branch, branch, json.dumps(reference), time.time_ns() // 1_000_000))

    def state(self, branch, value):
        self.db.execute("UPDATE database_targets SET lifecycle_status = ? WHERE name = ?", (value, branch))

    def rename(self, branch, name):
        self.db.execute("UPDATE database_targets SET name = ?, hostname = ? WHERE name = ?", (name, name, branch))

    def delete(self, branch):
        self.db.execute("DELETE FROM database_targets WHERE name = ?", (branch,))

    def backup(self, file):
        self.db.execute("VACUUM INTO ?", (file,))

    def branches(self):
        return self.db.execute("SELECT name, lifecycle_status FROM database_targets ORDER BY name").fetchall()


def serve():
    db = connect()
    migrate(db)
    frost = Frost(db)
    pathlib.Path(SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(SOCKET)
    listener.listen()

    def stop(*_):
        db.close()
        pathlib.Path(SOCKET).unlink(missing_ok=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        client, _ = listener.accept()
        with client, client.makefile("rw") as stream:
            try:
                what, *arguments = json.loads(stream.readline())
                answer = getattr(frost, what)(*arguments)
            except Exception as error:  # as an API says it
                answer = f"error: {error}"
            stream.write(json.dumps(answer) + "\n")
            # As its metrics collector, which writes all day long.
            db.execute("INSERT INTO metrics (value) VALUES (1)")


def tell(words):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(SOCKET)
        with connection.makefile("rw") as stream:
            stream.write(json.dumps(words) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
    if isinstance(answer, str) and answer.startswith("error"):
        sys.exit(answer)
    print(json.dumps(answer))


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else tell(sys.argv[2:])

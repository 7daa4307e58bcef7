#!/bin/sh
# What Docker's postgres image does with its variables: makes role and database in an empty directory, then serves, with
# the options that it is given.
set -eu
[ "${1:-}" != postgres ] || shift
mkdir -p "$PGDATA"
chown -R postgres "$(dirname "$PGDATA")"
chmod 700 "$PGDATA"
as_postgres() { su postgres -s /bin/sh -c "PATH=$PATH; $1"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    chmod 644 /tmp/password
    as_postgres "initdb -D '$PGDATA' -U '$POSTGRES_USER' --pwfile=/tmp/password -E UTF8 --no-locale >/dev/null"
    rm /tmp/password
    # As Docker's image: whoever is inside the container is trusted, everybody else is asked.
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    # On the socket alone: nobody outside sees a server that is not ready.
    as_postgres "pg_ctl -D '$PGDATA' -o \"-c listen_addresses='' -c unix_socket_directories=/tmp\" -w start >/dev/null"
    as_postgres "PGPASSWORD='$POSTGRES_PASSWORD' psql -h /tmp -U '$POSTGRES_USER' -d postgres -qc 'CREATE DATABASE \"$POSTGRES_DB\"'"
    as_postgres "pg_ctl -D '$PGDATA' -m fast -w stop >/dev/null"
fi
exec setpriv --reuid postgres --regid postgres --init-groups postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"

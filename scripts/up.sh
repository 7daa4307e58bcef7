#!/usr/bin/env bash
# Runs branches with different data behind one port, until Ctrl-C (`make up`).
#
#   make up              on port 5432
#   make up PORT=6432    on another one
#
# Builds the programs, or uses those in the folder FROST_PROGRAMS, and runs `frost up` with temporary state and its own CA,
# which are removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-5432}
say() { printf 'up: %s\n' "$*"; }

[[ $port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$port" -le 65535 ] || {
    printf "up: PORT is '%s'; use a number from 1 to 65535\n" "$port" >&2
    exit 78
}
# Before anything is built or started.
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    printf 'up: port %s is in use, usually by a PostgreSQL server on this host;\n' "$port" >&2
    printf "up: find it with  ss -ltnp 'sport = :%s'  or use another port:  make up PORT=6432\n" "$port" >&2
    exit 98
fi

if [ -n "${FROST_PROGRAMS:-}" ]; then
    programs=$FROST_PROGRAMS
else
    # A debug build, since a newcomer waits for it: a release build takes three times as long.
    say "building frost and the gateway (the first time takes a few minutes)"
    swift build --product frost
    swift build --product postgres-gateway
    programs=$(swift build --show-bin-path)
fi

frost_pid=
cleanup() {
    trap - EXIT INT TERM
    if [ -n "$frost_pid" ]; then
        kill -TERM "$frost_pid" 2>/dev/null || :
        wait "$frost_pid" 2>/dev/null || :
    fi
}
trap cleanup EXIT
# Ctrl-C reaches frost as well, which stops everything; this waits for it.
trap 'wait "$frost_pid" || :; exit 0' INT
trap 'exit 0' TERM

FROST_POSTGRES_GATEWAY_LOG_FORMAT=${FROST_POSTGRES_GATEWAY_LOG_FORMAT:-text} \
    FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS=${FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS:-127.0.0.1:9433} \
    "$programs/frost" up --temporary --port "$port" --listen-address 127.0.0.1 &
frost_pid=$!
status=0
wait "$frost_pid" || status=$?
frost_pid=
exit "$status"

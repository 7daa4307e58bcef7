#!/usr/bin/env bash
# Two PostgreSQL servers with different data behind one port, until Ctrl-C.
#
#   make up              on port 5432
#   make up PORT=6432    on another one
#
# Starts project `shop` with the branches `main` and `dev`, a self-signed certificate for
# *.pg.shop.localhost, a route map and the gateway; prints a psql line for each branch.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-5432}
say() { printf 'up: %s\n' "$*"; }
cannot() { printf 'up: %s\n' "$*" >&2; exit "${2:-1}"; }
[[ "$port" =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || {
    printf "up: PORT is '%s'; use a number from 1 to 65535\n" "$port" >&2
    exit 78
}

is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
if is_listening "$port"; then
    printf 'up: port %s is in use, most often by a PostgreSQL server of this host;\n' "$port" >&2
    printf "up: see what holds it with  ss -ltnp 'sport = :%s'  or take another:  make up PORT=6432\n" "$port" >&2
    exit 98
fi

bin=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)
bin=${bin%/initdb}
[ -n "$bin" ] || cannot "no PostgreSQL server under /usr/lib/postgresql; run: scripts/setup.sh up"

say "building the gateway (the first time takes a few minutes)"
swift build --product postgres-gateway
gateway=$(swift build --show-bin-path)/postgres-gateway

# PostgreSQL refuses to run as root; its files must then belong to somebody else, in a place that
# this somebody can reach.
as_postgres=()
dir=$(mktemp -d "${TMPDIR:-/tmp}/frost-up.XXXXXX")
cleanup() {
    trap - EXIT INT TERM
    if [ -n "${gateway_pid:-}" ]; then
        kill -TERM "$gateway_pid" 2>/dev/null || :
        wait "$gateway_pid" 2>/dev/null || :
    fi
    for branch in main dev; do
        if [ -f "$dir/$branch/postmaster.pid" ]; then
            "${as_postgres[@]}" "$bin/pg_ctl" -D "$dir/$branch" -m immediate -w stop >/dev/null 2>&1 || :
        fi
    done
    rm -rf "$dir"
    say "stopped; nothing is left behind"
}
trap cleanup EXIT
trap 'exit 0' INT TERM
chmod 0711 "$dir"
if [ "$(id -u)" -eq 0 ]; then
    id postgres >/dev/null 2>&1 || cannot "running as root needs a user 'postgres' to run the servers as: adduser --system postgres"
    as_postgres=(setpriv --reuid postgres --regid "$(id -g postgres)" --clear-groups)
fi

password=$(openssl rand -hex 12)
printf '%s\n' "$password" >"$dir/password"
chmod 0644 "$dir/password" # inside a directory of mode 0711 whose name nobody knows; removed below

next_port=10000
start_branch() {
    local branch=$1
    mkdir -m 0700 "$dir/$branch"
    [ ${#as_postgres[@]} -eq 0 ] || chown postgres: "$dir/$branch"
    "${as_postgres[@]}" "$bin/initdb" -D "$dir/$branch" -U shop --pwfile="$dir/password" \
        --auth=scram-sha-256 --encoding=UTF8 --no-locale --no-sync >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2; cannot "initdb failed for branch $branch"; }
    while is_listening "$next_port"; do next_port=$((next_port + 1)); done
    "${as_postgres[@]}" "$bin/pg_ctl" -D "$dir/$branch" -l "$dir/$branch/server.log" -w -t 60 \
        -o "-p $next_port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off" \
        start >/dev/null || { cat "$dir/$branch/server.log" >&2; cannot "PostgreSQL did not start for branch $branch"; }
    printf -v "port_$branch" '%s' "$next_port"
    PGPASSWORD=$password psql -qX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$next_port" -U shop -d postgres \
        -c 'CREATE DATABASE shop'
    PGPASSWORD=$password psql -qX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$next_port" -U shop -d shop \
        -c "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, branch text NOT NULL DEFAULT '$branch')" \
        -c "$2"
    next_port=$((next_port + 1))
}
say "starting two PostgreSQL servers ($("$bin/postgres" --version | sed 's/.*) //'))"
start_branch main "INSERT INTO item (id, name) VALUES (1, 'coffee'), (2, 'tea')"
start_branch dev "INSERT INTO item (id, name) VALUES (1, 'coffee'), (2, 'tea'), (3, 'an idea')"
rm -f "$dir/password"

scripts/certificate.sh "$dir/server" '*.pg.shop.localhost'

route() {
    printf '{ "hostname": "%s.pg.shop.localhost", "hostPort": %s,\n' "$1" "$2"
    printf '      "target": { "id": "dbt_%020d", "name": "%s", "database": "shop", "project": "shop" } }' "$3" "$1"
}
cat >"$dir/routes.json.new" <<JSON
{
  "version": 1,
  "generatedAt": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "routes": [
    $(route main "$port_main" 1),
    $(route dev "$port_dev" 2)
  ],
  "stopped": []
}
JSON
mv "$dir/routes.json.new" "$dir/routes.json"

FROST_POSTGRES_GATEWAY_LOG_FORMAT=${FROST_POSTGRES_GATEWAY_LOG_FORMAT:-text} \
    "$gateway" run --enabled --port "$port" --listen-address 127.0.0.1 --admin-address 127.0.0.1:0 \
    --route-file "$dir/routes.json" \
    --cert-file "$dir/server.crt" --key-file "$dir/server.key" --drain-timeout 2s &
gateway_pid=$!
for _ in $(seq 1 100); do
    is_listening "$port" && break
    if ! kill -0 "$gateway_pid" 2>/dev/null; then
        status=0
        wait "$gateway_pid" || status=$?
        gateway_pid=
        cannot "the gateway ended; its message is above" "$status"
    fi
    sleep 0.1
done

echo
for branch in main dev; do
    printf '  branch %s:\n    psql "postgresql://shop:%s@%s.pg.shop.localhost:%s/shop?sslmode=require&hostaddr=127.0.0.1"\n\n' \
        "$branch" "$password" "$branch" "$port"
done
echo '  Try:  SELECT * FROM item;    Ctrl-C here stops everything.'
echo
status=0
wait "$gateway_pid" || status=$?
gateway_pid=
cannot "the gateway ended (exit code $status)" "$status"

#!/usr/bin/env bash
# Installs postgres-gateway as a systemd service, from an unpacked release.
#
#   ./install.sh [--enable] [--port N] [--route-file F] [--cert-file F --key-file F | --cert-dir D]
#
# Creates the user postgres-gateway, /etc/postgres-gateway, /var/lib/postgres-gateway and the unit.
# May be run again: settings that are there stay, options change theirs. With --enable the gateway
# is turned on, after its settings were checked and its port was found free. Later releases:
# /usr/local/lib/postgres-gateway/update.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; }
enable=0
declare -A given=()
while [ $# -gt 0 ]; do
    case $1 in
    --enable) enable=1 ;;
    --port | --route-file | --cert-file | --key-file | --cert-dir)
        [ $# -ge 2 ] || cannot "$1 needs a value" 64
        name=${1#--}
        name=${name//-/_}
        given[${name^^}]=$2
        shift
        ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; cannot "unknown option '$1'" 64 ;;
    esac
    shift
done
case ${given[PORT]:-1} in
*[!0-9]*) cannot "--port is '${given[PORT]}'; use a number from 1 to 65535" 64 ;;
esac
for name in ROUTE_FILE CERT_FILE KEY_FILE CERT_DIR; do
    case ${given[$name]:-/} in
    /*) ;;
    *) cannot "--$(tr '[:upper:]_' '[:lower:]-' <<<"$name") is '${given[$name]}'; give the whole path" 64 ;;
    esac
done
need_root_and_systemd
[ -x "$here/postgres-gateway" ] ||
    cannot "no program beside this script; unpack a release (postgres-gateway-VERSION-linux-ARCH.tar.gz) and run the install.sh in it"
version=$("$here/postgres-gateway" version 2>&1) ||
    cannot "the program does not run on this machine ($(uname -m)): $version"
lock

# Before anything is changed: a port that another program holds.
port=${given[PORT]:-$(setting PORT)}
port=${port:-5432}
listens() { # by the kernel's own table: state 0A is LISTEN, ports are hexadecimal
    awk -v port="$(printf ':%04X' "$port")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}
if listens && ! systemctl --quiet is-active "$service" && [ -z "$(setting LISTEN_ADDRESS)" ]; then
    holder=$(ss -H -ltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1, process \2/p' | head -n 1) || holder=
    text="port $port is held by ${holder:-another program}, most often it is a PostgreSQL server of this host"
    if [ "$enable" -eq 1 ]; then
        cannot "$text; stop it or move it, or give the gateway another port: --port 6432. Nothing was changed." 98
    fi
    say "note: $text; the gateway will not start before it is free"
fi

getent group "$service" >/dev/null || groupadd --system "$service"
getent passwd "$service" >/dev/null ||
    useradd --system --gid "$service" --home-dir "$data" --no-create-home --shell /usr/sbin/nologin "$service"
install -d -m 0755 -o root -g root "$lib" "$data"
install -d -m 0750 -o root -g "$service" "$etc" "$etc/tls"
if [ ! -f "$environment" ]; then
    put 0640 "root:$service" "$here/postgres-gateway.environment" "$environment"
fi
# Of an earlier installation, whose group is gone; the modes stay as they are.
chgrp -R "$service" "$etc"
chown "root:$service" "$environment"
chmod 0640 "$environment"

set_variable() {
    local name=FROST_POSTGRES_GATEWAY_$1 value=$2 copy
    copy=$(mktemp "$etc/.environment.XXXXXX")
    awk -v name="$name" -v line="$name=$value" '
        !done && $0 ~ "^#?" name "=" { print line; done = 1; next }
        $0 ~ "^" name "=" { next }
        { print }
        END { if (!done) print line }' "$environment" >"$copy"
    put 0640 "root:$service" "$copy" "$environment"
    rm -f "$copy"
}
for name in "${!given[@]}"; do set_variable "$name" "${given[$name]}"; done

install_release "$here"
say "installed $version"

if [ "$enable" -eq 0 ] && ! is_enabled; then
    say "it is not turned on; when $environment has its certificate: $0 --enable"
    exit 0
fi
if ! answer=$(as_service "$program" check 2>&1); then
    printf '%s\n' "$answer" | sed 's/^/    /' >&2
    cannot "the settings in $environment cannot be used yet, so the gateway was not turned on; mend them and run this again" 78
fi
printf '%s\n' "$answer" | sed 's/^/    /'
if [ "$enable" -eq 1 ]; then set_variable ENABLED true; fi
systemctl --quiet enable "$service"
systemctl restart "$service" || {
    last_words
    cannot "the gateway did not start; see: journalctl -u $service"
}
wait_for_health 30 --live || {
    last_words
    cannot "the gateway does not answer: $health_answer; see: journalctl -u $service"
}
if health_answer=$(health 2>&1); then
    say "the gateway is ready on port $port"
else
    say "the gateway runs on port $port and is not ready yet: $health_answer"
fi

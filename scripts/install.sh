#!/usr/bin/env bash
# Installs postgres-gateway as a systemd service, from an unpacked release.
#
#   ./install.sh [--enable] [--port N] [--route-file F] [--cert-file F --key-file F | --cert-dir D]
#   ./install.sh --for-frost [DIR] [--check]       beside an installed Frost; see --for-frost --help
#
# Creates the user postgres-gateway, /etc/postgres-gateway, /var/lib/postgres-gateway and the unit.
# May be run again: settings that are there stay, options change theirs. With --enable the gateway
# is turned on, after its settings were checked and its port was found free. Later releases:
# /usr/local/lib/postgres-gateway/update.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"

usage() { sed -n '2,14s/^# \{0,1\}//p' "$0"; }
# Beside an installed Frost another script does it; it is given every option as it stands here.
for word in "$@"; do
    [ "$word" != --for-frost ] || exec "$here/install-for-frost.sh" "$@"
done
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
[[ ${given[PORT]:-1} =~ ^[1-9][0-9]{0,4}$ ]] && [ "${given[PORT]:-1}" -le 65535 ] ||
    cannot "--port is '${given[PORT]}'; use a number from 1 to 65535" 64
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

if [ -x "$program" ] && installed=$("$program" version 2>/dev/null) && [ "$installed" != "$version" ]; then
    cannot "$installed is installed; to change to $version use: $lib/update.sh <its .tar.gz>. Nothing was changed."
fi

# Before anything is changed: a port that another program holds.
current_port=$(setting PORT)
current_port=${current_port:-5432}
port=${given[PORT]:-$current_port}
# By the kernel's own table: state 0A is LISTEN, ports are hexadecimal.
listens() {
    awk -v port="$(printf ':%04X' "$port")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}
# Whether one of the listeners is in the way of the addresses that are to be listened on.
is_in_the_way() {
    local wanted=$1 held
    [ -n "$wanted" ] && command -v ss >/dev/null || return 0
    while read -r _ _ _ held _; do
        held=${held%:*}
        case $held in '*' | 0.0.0.0 | '[::]') return 0 ;; esac
        case ",${wanted// /}," in *",${held//[\[\]]/},"*) return 0 ;; esac
    done < <(ss -H -ltn "sport = :$port")
    return 1
}
if listens && is_in_the_way "$(setting LISTEN_ADDRESS)" &&
    ! { systemctl --quiet is-active "$service" && [ "$port" = "$current_port" ]; }; then
    holder=$(ss -H -ltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1, process \2/p' | head -n 1) || holder=
    text="port $port is held by ${holder:-another program}, most often it is a PostgreSQL server of this host"
    if [ "$enable" -eq 1 ]; then
        cannot "$text; stop it or move it, or give the gateway another port: --port 6432. Nothing was changed." 98
    fi
    say "note: $text; the gateway will not start before it is free"
fi

if ! getent group "$service" >/dev/null; then
    groupadd --system "$service"
    # Of an earlier installation, whose group is gone; the modes stay as they are.
    [ ! -d "$etc" ] || chgrp -R "$service" "$etc"
fi
getent passwd "$service" >/dev/null ||
    useradd --system --gid "$service" --home-dir "$data" --no-create-home --shell /usr/sbin/nologin "$service"
install -d -m 0755 -o root -g root "$lib"
# Whose they are later is the operator's choice: who writes the route map owns its directory.
[ -d "$data" ] || install -d -m 0755 -o root -g root "$data"
[ -d "$etc" ] || install -d -m 0750 -o root -g "$service" "$etc"
[ -d "$etc/tls" ] || install -d -m 0750 -o root -g "$service" "$etc/tls"

# The settings as they will be, tried with the program as it will be, before either is put in place.
stage=$(mktemp -d "$lib/.install.XXXXXX")
trap 'rm -rf "$stage"' EXIT
chmod 0755 "$stage"
install -m 0755 "$here/postgres-gateway" "$stage/postgres-gateway"
settings=$stage/environment
if [ -f "$environment" ]; then cp "$environment" "$settings"; else cp "$here/postgres-gateway.environment" "$settings"; fi
chmod 0600 "$settings"
set_variable() {
    local name=FROST_POSTGRES_GATEWAY_$1
    NAME=$name LINE="$name=$2" awk '
        !done && $0 ~ "^#?" ENVIRON["NAME"] "=" { print ENVIRON["LINE"]; done = 1; next }
        $0 ~ "^" ENVIRON["NAME"] "=" { next }
        { print }
        END { if (!done) print ENVIRON["LINE"] }' "$settings" >"$settings.new"
    mv "$settings.new" "$settings"
}
for name in "${!given[@]}"; do set_variable "$name" "${given[$name]}"; done
if [ "$enable" -eq 1 ]; then set_variable ENABLED true; fi

will_run=0
if [ "$enable" -eq 1 ] || is_enabled; then will_run=1; fi
put_settings() {
    if ! cmp -s "$settings" "$environment"; then
        put 0640 "root:$service" "$settings" "$environment"
        changed=1
    fi
}
changed=0
if [ "$will_run" -eq 1 ] && ! answer=$(as_service "$settings" "$stage/postgres-gateway" check 2>&1); then
    printf '%s\n' "$answer" | sed 's/^/    /' >&2
    if [ ! -f "$environment" ]; then
        # Something to mend them in.
        set_variable ENABLED false
        put_settings
    fi
    cannot "the gateway cannot use these settings, so nothing was turned on or changed; mend them (options of this script, or $environment) and run this again" 78
fi
put_settings
chown "root:$service" "$environment"
chmod 0640 "$environment"
if ! cmp -s "$stage/postgres-gateway" "$program" || ! cmp -s "$here/postgres-gateway.service" "$unit"; then changed=1; fi
install_release "$here"
say "installed $version"

if [ "$will_run" -eq 0 ]; then
    say "it is not turned on; when $environment has its certificate: $0 --enable"
    exit 0
fi
printf '%s\n' "$answer" | sed 's/^/    /'
systemctl --quiet enable "$service"
# Nothing new is no reason to end sessions.
if [ "$changed" -eq 1 ] || ! systemctl --quiet is-active "$service"; then
    systemctl restart "$service" || {
        last_words
        cannot "the gateway did not start; see: journalctl -u $service"
    }
fi
wait_for_health 30 --live || {
    last_words
    cannot "the gateway does not answer: $health_answer; see: journalctl -u $service"
}
if health_answer=$(health 2>&1); then
    say "the gateway is ready on port $port"
else
    say "the gateway runs on port $port and is not ready yet: $health_answer"
fi

#!/usr/bin/env bash
# Installs postgres-gateway as a systemd service, from an unpacked release.
#
#   ./install.sh [--enable] [--port N] [--route-file F] [--cert-file F --key-file F | --cert-dir D]
#   ./install.sh --with-frost [the same]           with frost, which owns branches; turns both on
#   ./install.sh --for-frost [DIR] [--check]       beside an installed Frost; see --for-frost --help
#
# Creates the user postgres-gateway, /etc/postgres-gateway, /var/lib/postgres-gateway and the unit; for
# frost also the user frost-postgres, /etc/frost and /var/lib/frost. May be run again: settings that
# are there stay, options change theirs. With --enable the gateway is turned on, after its settings
# were checked and its port was found free. Later releases: /usr/local/lib/postgres-gateway/update.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"
# shellcheck source=scripts/postgres-gateway-release.sh
. "$here/postgres-gateway-release.sh"
# shellcheck source=scripts/install-with-frost.sh
. "$here/install-with-frost.sh"

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }
# Beside an installed Frost another script does it; it is given every option as it stands here.
for word in "$@"; do
    [ "$word" != --for-frost ] || exec "$here/install-for-frost.sh" "$@"
done
enable=0
with_frost=0
declare -A given=()
while [ $# -gt 0 ]; do
    case $1 in
    --enable) enable=1 ;;
    --with-frost) with_frost=1 enable=1 ;;
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
check_requirements "$here"
need_root_and_systemd
[ -x "$here/postgres-gateway" ] ||
    cannot "no program beside this script; unpack a release (postgres-gateway-VERSION-linux-ARCH.tar.gz) and run the install.sh in it"
version=$("$here/postgres-gateway" version 2>&1) ||
    cannot "the program does not run on this machine ($(uname -m)): $version"
# What it was installed with stays with it.
if has_frost; then with_frost=1; fi
lock

if [ -x "$program" ] && installed=$("$program" version 2>/dev/null) && [ "$installed" != "$version" ]; then
    cannot "$installed is installed; to change to $version use: $lib/update.sh <its .tar.gz>. Nothing was changed."
fi

# Before anything is changed: a port that another program holds.
current_port=$(setting PORT)
current_port=${current_port:-5432}
port=${given[PORT]:-$current_port}
if listens "$port" && is_in_the_way "$port" "$(setting LISTEN_ADDRESS)" &&
    ! { systemctl --quiet is-active "$service" && [ "$port" = "$current_port" ]; }; then
    text="port $port is held by $(port_holder "$port")"
    if [ "$enable" -eq 1 ]; then
        cannot "$text; stop it or move it, or give the gateway another port: --port 6432. Nothing was changed." 98
    fi
    say "note: $text; the gateway will not start before it is free"
fi

if [ "$with_frost" -eq 1 ]; then check_frost; fi

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
set_variable() { set_in "$settings" "FROST_POSTGRES_GATEWAY_$1" "$2"; }
# First, since the gateway's check needs the route map and the certificates that frost makes. With the operator's
# certificates, which frost needs too, the check comes before that.
if [ "$with_frost" -eq 1 ]; then
    make_frost_places
    if [ -n "${given[CERT_FILE]:-}${given[CERT_DIR]:-}" ]; then
        for name in "${!given[@]}"; do set_variable "$name" "${given[$name]}"; done
        answer=$(as_service "$settings" "$stage/postgres-gateway" check 2>&1) || {
            printf '%s\n' "$answer" | sed 's/^/    /' >&2
            cannot "the gateway cannot use these settings, so nothing was turned on or changed; correct them and run this again" 78
        }
    fi
    install_frost
    gateway_settings_of_frost
fi
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
        # A file to correct them in.
        set_variable ENABLED false
        put_settings
    fi
    cannot "the gateway cannot use these settings, so nothing was turned on or changed; correct them (options of this script, or $environment) and run this again" 78
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
if [ "$with_frost" -eq 1 ]; then
    tell_frost_port "$port"
    say_what_next "$port"
fi

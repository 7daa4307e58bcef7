#!/usr/bin/env bash
# Removes postgres-gateway from this host, and frost with it.
#
#   uninstall.sh            keeps settings, certificates, the route map and all branches, and says where they are
#   uninstall.sh --purge    removes these too: every database of every branch
#
# Sessions get the drain timeout, and servers of branches are shut down. Containers of branches go on. May be run
# again when it was interrupted.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"

purge=0
case ${1:-} in
'') ;;
--purge) purge=1 ;;
--help | -h) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; cannot "unknown option '$1'" 64 ;;
esac
need_root_and_systemd
lock

if [ "$purge" -eq 1 ]; then remove_for_frost purge; else remove_for_frost; fi
systemctl --quiet disable --now "$service" 2>/dev/null || :
frost_kept=
if has_frost; then
    # In this order: frost would start servers again.
    systemctl --quiet disable --now frost 2>/dev/null || :
    systemctl --quiet disable --now frost-servers 2>/dev/null || :
    # Also where an earlier run of this was interrupted.
    [ ! -x "$frost_lib/servers.sh" ] || "$frost_lib/servers.sh" stop
    rm -f "$units/frost-servers.service" "$frost_program"
    rm -rf "$frost_lib"
    if [ "$purge" -eq 1 ]; then
        rm -rf "$frost_etc" "$frost_data" "$units/frost.service.d" "$units/frost-servers.service.d"
        if getent passwd "$frost_account" >/dev/null; then userdel "$frost_account"; fi
        if getent group "$frost_account" >/dev/null; then groupdel "$frost_account"; fi
    else
        frost_kept=1
        # Keys of certificates, which the gateway's group could read.
        find "$frost_data/certificates" -group "$service" -exec chgrp -h root {} + 2>/dev/null || :
    fi
    # Last: by it this script knows that frost is there.
    rm -f "$units/frost.service"
    systemctl reset-failed frost frost-servers 2>/dev/null || :
fi
rm -f "$unit" "$dropins/10-backoff.conf" "$dropins/20-low-port.conf"
if [ "$purge" -eq 1 ]; then rm -rf "$dropins" "$etc" "$data"; fi
rmdir --ignore-fail-on-non-empty "$dropins" 2>/dev/null || :
systemctl daemon-reload
systemctl reset-failed "$service" 2>/dev/null || :
# What stays belongs to root alone: the numbers of the user and group may be given to others.
for directory in "$etc" "$data"; do
    [ ! -e "$directory" ] || find "$directory" \( -user "$service" -o -group "$service" \) -exec chown -h root:root {} + 2>/dev/null || :
done
if getent passwd "$service" >/dev/null; then userdel "$service"; fi
if getent group "$service" >/dev/null; then groupdel "$service"; fi
rm -f "$program" "/run/$service.lock"
kept=()
for place in "$etc" "$data" "$dropins" "$sync_state" "$units/$sync.service.d" ${frost_kept:+"$frost_etc" "$frost_data"}; do
    [ ! -e "$place" ] || kept+=("$place")
done
# The directory this script is in, last.
rm -rf "$lib"
if [ ${#kept[@]} -gt 0 ]; then
    say "removed; kept are your settings, certificates${frost_kept:+, branches} and route map: rm -r ${kept[*]}"
    [ -z "$frost_kept" ] || say "kept as well is the user $frost_account, whom branches belong to: userdel $frost_account"
else
    say "removed; nothing is left"
fi

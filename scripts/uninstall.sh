#!/usr/bin/env bash
# Removes postgres-gateway from this host.
#
#   uninstall.sh            keeps settings, certificates and the route map, and says where they are
#   uninstall.sh --purge    removes these too
#
# Sessions get the drain timeout. May be run again when it was interrupted.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"

purge=0
case ${1:-} in
'') ;;
--purge) purge=1 ;;
--help | -h) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; cannot "unknown option '$1'" 64 ;;
esac
need_root_and_systemd
lock

systemctl --quiet disable --now "$service" 2>/dev/null || :
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
for place in "$etc" "$data" "$dropins"; do [ ! -e "$place" ] || kept+=("$place"); done
# The directory this script is in, last.
rm -rf "$lib"
if [ ${#kept[@]} -gt 0 ]; then
    say "removed; kept are your settings, certificates and route map: rm -r ${kept[*]}"
else
    say "removed; nothing is left"
fi

#!/usr/bin/env bash
# Removes postgres-gateway from this host.
#
#   uninstall.sh            keeps settings, certificates and the route map, and says where they are
#   uninstall.sh --purge    removes these too
#
# Sessions get the drain timeout.
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
rm -f "$unit"
rm -rf "$dropins" "$lib" "$program"
systemctl daemon-reload
systemctl reset-failed "$service" 2>/dev/null || :
if [ "$purge" -eq 1 ]; then rm -rf "$etc" "$data"; fi
# What stays belongs to root alone: the group's number may be given to another.
for directory in "$etc" "$data"; do
    [ ! -e "$directory" ] || chown -R root:root "$directory"
done
getent passwd "$service" >/dev/null && userdel "$service"
getent group "$service" >/dev/null && groupdel "$service"
rm -f "/run/$service.lock"
if [ -e "$etc" ] || [ -e "$data" ]; then
    say "removed; kept are $etc (settings, certificates) and $data (route map): rm -r $etc $data"
else
    say "removed; nothing is left"
fi

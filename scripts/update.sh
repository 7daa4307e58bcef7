#!/usr/bin/env bash
# Updates an installed postgres-gateway to another release, or goes back.
#
#   update.sh postgres-gateway-VERSION-linux-ARCH.tar.gz    its .sha256 lies beside it
#   update.sh --rollback                                    to the release before the last update
#
# Verifies the checksum, checks the new program with the settings that are in force, switches,
# restarts (sessions get the drain timeout), and waits for health. When health does not come, or this
# is interrupted, the release that ran before is put back. Options: --wait SECONDS (default 60).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
tarball=
rollback=0
wait=60
while [ $# -gt 0 ]; do
    case $1 in
    --rollback) rollback=1 ;;
    --wait)
        [[ ${2:-} =~ ^[0-9]+$ ]] || cannot "--wait needs a number of seconds" 64
        wait=$2
        shift
        ;;
    --help | -h) usage; exit 0 ;;
    -*) usage >&2; cannot "unknown option '$1'" 64 ;;
    *)
        [ -z "$tarball" ] || cannot "one release at a time" 64
        tarball=$1
        ;;
    esac
    shift
done
if [ "$rollback" -eq 0 ] && [ -z "$tarball" ]; then
    usage >&2
    exit 64
fi
need_root_and_systemd
[ -x "$program" ] && [ -f "$unit" ] || cannot "postgres-gateway is not installed here; use the install.sh of a release"
lock

# The release before the last update that succeeded: what --rollback goes to.
previous=$lib/previous
# The release that ran when a switch was begun; there until the new one has proved itself. Found at
# the start, it is what an update that was killed has left.
before=$lib/before

keep_current() {
    rm -rf "$before.new"
    mkdir -m 0755 "$before.new"
    cp -p "$program" "$before.new/postgres-gateway"
    cp -p "$unit" "$before.new/postgres-gateway.service"
    cp -p "${release_files[@]/#/$lib/}" "$before.new/"
    mv "$before.new" "$before"
}
restart_and_wait() {
    health_answer=
    systemctl restart "$service" && wait_for_health "$wait" ${liveness:+"$liveness"}
}
# Puts back what ran before; the last thing this script does, and not to be interrupted.
go_back() {
    trap '' HUP INT TERM
    trap - EXIT
    rm -rf "$source"
    last_words
    complain "$1"
    say "going back to $old"
    install_release "$before"
    rm -rf "$before"
    if [ "$should_run" -eq 0 ]; then
        cannot "rolled back to $old"
    fi
    if restart_and_wait; then
        cannot "rolled back; $old runs again"
    fi
    last_words
    cannot "rolled back to $old, which does not become healthy either: ${health_answer:-it did not start}; see: journalctl -u $service"
}

# Not stopped by the operator: it runs, or would if it could. A gateway that is down is what an
# update or a roll-back may be for.
should_run=0
if [ "$(systemctl show -P ActiveState "$service")" != inactive ]; then should_run=1; fi
# A gateway that was not ready before (no route map yet, say) need not be so after.
liveness=
if ! health >/dev/null 2>&1; then liveness=--live; fi

if [ -d "$before" ]; then
    say "an update was cut off; putting back what ran before it: $("$before/postgres-gateway" version 2>&1 || echo "an unknown version")"
    install_release "$before"
    rm -rf "$before"
    if [ "$should_run" -eq 1 ]; then systemctl restart "$service" || :; fi
fi
old=$("$program" version 2>/dev/null) || old="an unknown version"

source=$(mktemp -d "$lib/.update.XXXXXX")
trap 'rm -rf "$source"' EXIT
chmod 0755 "$source" # the service's user runs the check from here
if [ "$rollback" -eq 1 ]; then
    [ -x "$previous/postgres-gateway" ] || cannot "no earlier release is kept in $previous"
    cp -p "$previous"/* "$source/"
else
    [ -f "$tarball" ] || cannot "$tarball does not exist"
    [ -f "$tarball.sha256" ] || cannot "$tarball.sha256 does not exist; get it with the release, it proves that the file is whole"
    wanted=$(awk 'NR == 1 { print $1 }' "$tarball.sha256")
    found=$(sha256sum <"$tarball" | awk '{ print $1 }')
    [ "$wanted" = "$found" ] || cannot "the checksum of $tarball is $found, not $wanted as $tarball.sha256 says; get both again. Nothing was changed."
    tar -xzf "$tarball" -C "$source" --strip-components=1 --no-same-owner || cannot "$tarball cannot be unpacked. Nothing was changed."
    for file in postgres-gateway postgres-gateway.service "${release_files[@]}"; do
        [ -f "$source/$file" ] || cannot "$tarball is no release of postgres-gateway: it has no $file. Nothing was changed."
    done
fi
new=$("$source/postgres-gateway" version 2>&1) || cannot "the new program does not run on this machine: $new. Nothing was changed."
if is_enabled; then
    if ! answer=$(as_service "$environment" "$source/postgres-gateway" check 2>&1); then
        printf '%s\n' "$answer" | sed 's/^/    /' >&2
        cannot "$new cannot use the settings in $environment. Nothing was changed." 78
    fi
fi

say "$old -> $new"
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
keep_current
trap 'go_back "interrupted"' EXIT
install_release "$source"
if [ "$should_run" -eq 1 ] && ! restart_and_wait; then
    go_back "$new does not become healthy: ${health_answer:-it did not start}"
fi
trap '' HUP INT TERM
trap 'rm -rf "$source"' EXIT
rm -rf "$previous"
mv "$before" "$previous"
if [ "$should_run" -eq 0 ]; then
    say "done; the service was stopped and was not started"
elif [ -n "$liveness" ]; then
    say "done; the gateway is alive, and was not ready before; now: $(health 2>&1 || :)"
else
    say "done; the gateway is ready"
fi

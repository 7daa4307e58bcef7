#!/usr/bin/env bash
# Updates an installed postgres-gateway to another release, or goes back.
#
#   update.sh postgres-gateway-VERSION-linux-ARCH.tar.gz    its .sha256 lies beside it
#   update.sh --rollback                                    to the release before the last update
#
# Verifies the checksum, checks the new program with the settings that are in force, switches,
# restarts (sessions get the drain timeout), and waits for health. When health does not come, the
# release that ran before is put back. Options: --wait SECONDS (default 60).
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

previous=$lib/previous
# Of both: the program and what belongs to it.
keep_current() {
    rm -rf "$previous.new"
    mkdir -m 0755 "$previous.new"
    cp -p "$program" "$previous.new/postgres-gateway"
    cp -p "$unit" "$previous.new/postgres-gateway.service"
    cp -p "${release_files[@]/#/$lib/}" "$previous.new/"
    rm -rf "$previous"
    mv "$previous.new" "$previous"
}
restart_and_wait() {
    systemctl restart "$service" && wait_for_health "$wait" ${liveness:+"$liveness"}
}

old=$("$program" version 2>/dev/null) || old="an unknown version"
was_active=0
if systemctl --quiet is-active "$service"; then was_active=1; fi
# A gateway that was not ready before (no route map yet, say) need not be so after.
liveness=
if [ "$was_active" -eq 1 ] && ! health >/dev/null 2>&1; then liveness=--live; fi

if [ "$rollback" -eq 1 ]; then
    [ -x "$previous/postgres-gateway" ] || cannot "no earlier release is kept in $previous"
    source=$(mktemp -d "$lib/.rollback.XXXXXX")
    trap 'rm -rf "$source"' EXIT
    chmod 0755 "$source" # the service's user runs the check from here
    cp -p "$previous"/* "$source/"
else
    [ -f "$tarball" ] || cannot "$tarball does not exist"
    [ -f "$tarball.sha256" ] || cannot "$tarball.sha256 does not exist; get it with the release, it proves that the file is whole"
    wanted=$(awk 'NR == 1 { print $1 }' "$tarball.sha256")
    found=$(sha256sum <"$tarball" | awk '{ print $1 }')
    [ "$wanted" = "$found" ] || cannot "the checksum of $tarball is $found, not $wanted as $tarball.sha256 says; get both again. Nothing was changed."
    unpacked=$(mktemp -d "$lib/.update.XXXXXX")
    trap 'rm -rf "$unpacked"' EXIT
    chmod 0755 "$unpacked"
    tar -xzf "$tarball" -C "$unpacked" --strip-components=1 --no-same-owner || cannot "$tarball cannot be unpacked. Nothing was changed."
    source=$unpacked
    for file in postgres-gateway postgres-gateway.service "${release_files[@]}"; do
        [ -f "$source/$file" ] || cannot "$tarball is no release of postgres-gateway: it has no $file. Nothing was changed."
    done
fi
new=$("$source/postgres-gateway" version 2>&1) || cannot "the new program does not run on this machine: $new. Nothing was changed."
if is_enabled; then
    if ! answer=$(as_service "$source/postgres-gateway" check 2>&1); then
        printf '%s\n' "$answer" | sed 's/^/    /' >&2
        cannot "$new cannot use the settings in $environment. Nothing was changed." 78
    fi
fi

say "$old -> $new"
keep_current
install_release "$source"
if [ "$was_active" -eq 0 ]; then
    say "done; the service was not running and was not started"
    exit 0
fi
if restart_and_wait; then
    if [ -n "$liveness" ]; then
        say "done; the gateway is alive, and not ready, as before: $(health 2>&1 || :)"
    else
        say "done; the gateway is ready"
    fi
    exit 0
fi
last_words
printf '%s: %s does not become healthy: %s\n' "$self" "$new" "${health_answer:-it did not start}" >&2
say "going back to $old"
install_release "$previous"
if restart_and_wait; then
    cannot "rolled back; $old runs again"
fi
last_words
cannot "rolled back to $old, which does not become healthy either: ${health_answer:-it did not start}; see: journalctl -u $service"

#!/usr/bin/env bash
# Updates an installed postgres-gateway, and frost where it is installed, to another release, or goes back.
#
#   update.sh postgres-gateway-VERSION-linux-ARCH.tar.gz    its .sha256 lies beside it, its .sig where one is asked for
#   update.sh --rollback                                    to the release before the last update
#
# Verifies the checksum, and the signature when /etc/postgres-gateway/release-key.pub is there, before
# anything of the release is run; checks the new gateway with the settings that are in force, as its own
# account; switches, restarts (sessions get the drain timeout; branches go on), and waits for health.
# When health does not come, or this is interrupted, the release that ran before is put back.
# Options: --wait SECONDS (default 60).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"
# shellcheck source=scripts/postgres-gateway-release.sh
. "$here/postgres-gateway-release.sh"

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; }
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
    local file target
    while read -r file target; do cp -p "$target" "$before.new/$file"; done < <(installed_extras)
    mv "$before.new" "$before"
}
# The store of branches, as one file: frost folds its log into it when it ends. Servers go on.
keep_store() {
    [ "$rollback" -eq 0 ] && [ "$frost_was_well" -eq 1 ] || return 0
    systemctl stop frost
    # Not whole while another process works on it.
    [ ! -s "$frost_data/frost.db-wal" ] || return 0
    [ ! -f "$frost_data/frost.db" ] || install -m 0600 "$frost_data/frost.db" "$before/frost.db"
}
# Starts frost, after a roll-back with the store as it was, if what the newer frost has made of it cannot be read.
start_frost() {
    local file code=0
    if restart_frost "$wait"; then return 0; fi
    [ -f "$store_copy" ] || return 1
    "$frost_program" branch list --data-dir "$frost_data" >/dev/null 2>&1 || code=$?
    [ "$code" -eq 74 ] || return 1
    systemctl stop frost
    for file in frost.db frost.db-wal frost.db-shm; do
        [ ! -e "$frost_data/$file" ] || mv -f "$frost_data/$file" "$frost_data/$file.newer"
    done
    install -m 0600 "$store_copy" "$frost_data/frost.db"
    say "the newer frost's store cannot be read by this one, which continues with the store as it was before the update; the newer one is $frost_data/frost.db.newer"
    restart_frost "$wait"
}
store_copy=
# What is not well is in $trouble.
restart_and_wait() {
    health_answer=
    if [ "$sync_should_run" -eq 1 ]; then
        systemctl stop "$sync.service" || :
        # Its count of restarts as well.
        systemctl reset-failed "$sync.service" 2>/dev/null || :
        systemctl start "$sync.service" || :
        # One that cannot run ends at once, and waits for its next start.
        sleep 3
        if ! systemctl --quiet is-active "$sync.service" || [ "$(systemctl show -P NRestarts "$sync.service")" != 0 ]; then
            trouble="frost sync does not run; see: journalctl -u $sync"
            return 1
        fi
    fi
    if [ "$should_run" -eq 1 ]; then
        systemctl restart "$service" && wait_for_health "$wait" ${liveness:+"$liveness"} || {
            trouble=${health_answer:-it did not start}
            return 1
        }
    fi
    [ "$frost_should_run" -eq 1 ] || return 0
    # One that was not well before need not be so after.
    start_frost || [ "$frost_was_well" -eq 0 ] || {
        trouble="frost: $frost_answer"
        return 1
    }
}
# Puts back what ran before; the last thing this script does, and not to be interrupted.
go_back() {
    trap '' HUP INT TERM
    trap - EXIT
    rm -rf "$source"
    last_words
    if has_frost; then last_words frost; fi
    complain "$1"
    say "going back to $old"
    install_release "$before"
    store_copy=$before/frost.db
    if restart_and_wait; then
        rm -rf "$before"
        [ "$should_run" -eq 1 ] || [ "$frost_should_run" -eq 1 ] || cannot "rolled back to $old"
        cannot "rolled back; $old runs again"
    fi
    rm -rf "$before"
    last_words
    cannot "rolled back to $old, which does not become healthy either: $trouble; see: journalctl -u $service -u frost"
}

# Not stopped by the operator: it runs, or would if it could. A gateway that is down is what an
# update or a roll-back may be for.
should_run=0
if [ "$(systemctl show -P ActiveState "$service")" != inactive ]; then should_run=1; fi
sync_should_run=0
if is_for_frost && systemctl --quiet is-active "$sync.service"; then sync_should_run=1; fi
frost_should_run=0
frost_was_well=0
if has_frost && [ "$(systemctl show -P ActiveState frost)" != inactive ]; then
    frost_should_run=1
    if frost_health; then frost_was_well=1; fi
fi
# A gateway that was not ready before (no route map yet, say) need not be so after.
liveness=
if ! health >/dev/null 2>&1; then liveness=--live; fi

if [ -d "$before" ]; then
    say "an update was cut off; putting back what ran before it: $("$before/postgres-gateway" version 2>&1 || echo "an unknown version")"
    install_release "$before"
    store_copy=$before/frost.db
    if [ "$should_run" -eq 1 ]; then systemctl restart "$service" || :; fi
    if [ "$frost_should_run" -eq 1 ] && start_frost; then frost_was_well=1; fi
    rm -rf "$before"
    store_copy=
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
    # Unpack exactly the bytes that were verified: others may be able to write to the original file.
    install -m 0600 "$tarball" "$source/.tarball"
    verify_release "$source/.tarball" "$tarball"
    tar -xzf "$source/.tarball" -C "$source" --strip-components=1 --no-same-owner || cannot "$tarball cannot be unpacked. Nothing was changed."
    rm "$source/.tarball"
    for file in postgres-gateway postgres-gateway.service "${release_files[@]}"; do
        [ -f "$source/$file" ] || cannot "$tarball is no release of postgres-gateway: it has no $file. Nothing was changed."
    done
fi
check_requirements "$source"
new=$(version_of "$source/postgres-gateway") || cannot "the new program does not run on this machine: $new. Nothing was changed."
if is_enabled; then
    if ! answer=$(as_service "$environment" "$source/postgres-gateway" check 2>&1); then
        printf '%s\n' "$answer" | sed 's/^/    /' >&2
        cannot "$new cannot use the settings in $environment. Nothing was changed." 78
    fi
fi

if { has_frost || is_for_frost; } && [ -f "$source/frost" ] && ! answer=$(version_of "$source/frost" --version); then
    cannot "the new frost does not run on this machine: $answer. Nothing was changed."
fi

say "$old -> $new"
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
keep_current
trap 'go_back "interrupted"' EXIT
keep_store
install_release "$source"
if ! restart_and_wait; then
    go_back "$new does not become healthy: $trouble"
fi
trap '' HUP INT TERM
trap 'rm -rf "$source"' EXIT
rm -rf "$previous"
mv "$before" "$previous"
# It has every password, and is of no use to a roll-back by hand: branches have been made since.
rm -f "$previous/frost.db"
if [ "$should_run" -eq 0 ]; then
    say "done; the service was stopped and was not started"
elif [ -n "$liveness" ]; then
    say "done; the gateway is alive, and was not ready before; now: $(health 2>&1 || :)"
else
    say "done; the gateway is ready"
fi
if [ "$frost_should_run" -eq 1 ]; then
    if frost_health; then say "frost is ready"; else say "frost was not well before, and is not now: $frost_answer"; fi
fi

#!/bin/sh
# The servers of branches, as systemd keeps them: each in a scope of its own in frost-servers.slice.
#
#   servers.sh run PROGRAM ARGUMENT...    in a new scope, which lasts for as long as anything that it has started
#   servers.sh list                       the first process of each server
#   servers.sh stop                       stops all of them in fast mode, and returns when they are gone
#
# Installed as /usr/local/lib/frost/servers.sh, where frost looks for it.
set -eu
slice=frost-servers.slice

first_processes() {
    for file in $(grep -ls "/$slice/" /proc/[0-9]*/cgroup 2>/dev/null); do
        place=${file%/cgroup}
        [ "$(cat "$place/comm" 2>/dev/null)" = postgres ] || continue
        parent=$(awk '/^PPid:/ { print $2 }' "$place/status" 2>/dev/null) || continue
        [ "$(cat "/proc/$parent/comm" 2>/dev/null)" = postgres ] || echo "${place#/proc/}"
    done
}

case ${1:-} in
run)
    shift
    # A backend that was killed for its memory is PostgreSQL's to deal with. systemd 253 and newer would end the server.
    policy=
    if [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 253 ]; then
        policy=--property=OOMPolicy=continue
    fi
    # Stopped after frost-servers.service, which stops servers in fast mode. What it has left gets SIGTERM: backends end,
    # and the server shuts down. (SIGINT is fast mode for its first process only; the checkpointer of PostgreSQL 18 would
    # end by it before the others have.)
    # Memory is taken from a server before it is taken from frost, whose protection the server would inherit.
    exec systemd-run --scope --quiet --collect --slice="$slice" --description="PostgreSQL server of a branch" \
        --property=Before=frost-servers.service --property=TasksMax=infinity --property=TimeoutStopSec=5min \
        ${policy:+"$policy"} -- /bin/sh -c '{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null || :; exec "$@"' sh \
        setpriv --no-new-privs -- "$@"
    ;;
list)
    first_processes
    ;;
stop)
    # One that was being started may come up meanwhile.
    while servers=$(first_processes) && [ -n "$servers" ]; do
        # shellcheck disable=SC2086
        kill -INT $servers 2>/dev/null || :
        sleep 0.2
    done
    # What they said last is written by others, which end with them.
    tries=50
    while [ "$tries" -gt 0 ] && grep -qs "/$slice/" /proc/[0-9]*/cgroup; do
        tries=$((tries - 1))
        sleep 0.1
    done
    ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac

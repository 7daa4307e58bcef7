# What install.sh, update.sh and uninstall.sh share. Sourced, never run.
# shellcheck shell=bash disable=SC2034

service=postgres-gateway
program=/usr/local/bin/postgres-gateway
lib=/usr/local/lib/postgres-gateway
etc=/etc/postgres-gateway
data=/var/lib/postgres-gateway
environment=$etc/environment
unit=/etc/systemd/system/$service.service
dropins=/etc/systemd/system/$service.service.d

# frost's, where `install.sh --with-frost` has put it.
frost_program=/usr/local/bin/frost
frost_lib=/usr/local/lib/frost
frost_etc=/etc/frost
frost_data=/var/lib/frost
frost_environment=$frost_etc/environment
frost_account=frost-postgres
units=/etc/systemd/system
# A unit of this name may be that of another Frost.
has_frost() { grep -qs "^ExecStart=$frost_program up " "$units/frost.service"; }

self=$(basename "$0" .sh)
# Nobody may read it any more (a session that was cut off): that is no reason to stop half-way.
say() { printf '%s: %s\n' "$self" "$*" 2>/dev/null || :; }
complain() { printf '%s: %s\n' "$self" "$*" >&2 2>/dev/null || :; }
# A refusal, with an exit code (1 unless said otherwise).
cannot() { complain "$1"; exit "${2:-1}"; }

need_root_and_systemd() {
    [ "$(id -u)" -eq 0 ] || cannot "run this as root: sudo $0"
    command -v systemctl >/dev/null && [ -d /run/systemd/system ] ||
        cannot "systemd does not run here; use the program by itself: postgres-gateway run --help"
}

# One at a time: two that write the same files would leave neither.
lock() {
    exec 9>"/run/$service.lock"
    # Some seconds: what a killed run had started may outlive it for a moment.
    flock -w 10 9 || cannot "another install, update or uninstall of $service is at work"
}

# The value of a variable in the environment file, as systemd reads it; nothing when it is not set there.
setting() {
    [ -f "$environment" ] || return 0
    sed -n "s/^[[:space:]]*FROST_POSTGRES_GATEWAY_$1=//p" "$environment" | tail -n 1 |
        tr -d '\r' | sed -e 's/[[:space:]]*$//' -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"
}

is_enabled() {
    case $(setting ENABLED | tr '[:upper:]' '[:lower:]') in
    true | 1 | yes | on) return 0 ;;
    *) return 1 ;;
    esac
}

# A copy that is there whole or not at all, whatever happens meanwhile.
put() {
    local mode=$1 owner=$2 source=$3 target=$4
    install -m "$mode" -o "${owner%:*}" -g "${owner#*:}" "$source" "$target.new"
    mv -f "$target.new" "$target"
}

# set_in FILE VARIABLE VALUE: in place of a line that sets it, or has it behind a #; else at the end.
set_in() {
    NAME=$2 LINE="$2=$3" awk '
        !done && $0 ~ "^#?" ENVIRON["NAME"] "=" { print ENVIRON["LINE"]; done = 1; next }
        $0 ~ "^" ENVIRON["NAME"] "=" { next }
        { print }
        END { if (!done) print ENVIRON["LINE"] }' "$1" >"$1.new"
    mv "$1.new" "$1"
}

# Runs a program with the service's user, with the settings in a file, and with its view of the files:
# as_service FILE PROGRAM ARGUMENT...
as_service() {
    local settings=$1
    shift
    systemd-run --quiet --collect --wait --pipe --service-type=exec \
        -p User="$service" -p Group="$service" -p EnvironmentFile="$settings" \
        -p ProtectHome=yes -p ProtectSystem=strict -p PrivateTmp=yes -p PrivateDevices=yes "$@" </dev/null
}

health() {
    local address
    address=$(setting ADMIN_ADDRESS)
    "$program" health ${address:+--admin-address "$address"} "$@"
}

# Waits until the gateway answers: wait_for_health SECONDS [--live]. Its last answer is in $health_answer.
wait_for_health() {
    local deadline=$((SECONDS + $1))
    shift
    while ! health_answer=$(health "$@" 2>&1); do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.5
    done
}

# What comes with every release beside the programs and the units.
release_files=(postgres-gateway-common.sh postgres-gateway-release.sh update.sh uninstall.sh VERSION)
# What is replaced only where it has been installed: files of a release, and where each is.
installed_extras() {
    if is_for_frost; then for_frost_files; fi
    has_frost || return 0
    echo "frost $frost_program"
    echo "frost.service $units/frost.service"
    echo "frost-servers.service $units/frost-servers.service"
    echo "frost-servers.sh $frost_lib/servers.sh"
}

# Puts the release in a directory in place of the one that is installed; nothing is restarted.
install_release() {
    local file target mode
    for file in "${release_files[@]}"; do
        mode=0755
        case $file in VERSION | postgres-gateway-*.sh) mode=0644 ;; esac
        put "$mode" root:root "$1/$file" "$lib/$file"
    done
    put 0755 root:root "$1/postgres-gateway" "$program"
    while read -r file target; do
        mode=0755
        case $file in *.service | *.timer) mode=0644 ;; esac
        # A release before this one may have less; it goes on with what is there.
        [ ! -f "$1/$file" ] || put "$mode" root:root "$1/$file" "$target"
    done < <(installed_extras)
    install_unit "$1/postgres-gateway.service"
}

install_unit() {
    put 0644 root:root "$1" "$unit"
    mkdir -p "$dropins"
    # systemd 254 and newer can wait longer with every failure.
    if [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 254 ]; then
        printf '[Service]\nRestartSteps=5\nRestartMaxDelaySec=60s\n' >"$dropins/10-backoff.conf"
    fi
    # 5432 needs no capability; ports below 1024 need this one.
    local port
    port=$(setting PORT)
    if [ "${port:-5432}" -lt 1024 ] 2>/dev/null; then
        printf '[Service]\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\nPrivateUsers=no\n' \
            >"$dropins/20-low-port.conf"
    else
        rm -f "$dropins/20-low-port.conf"
    fi
    rmdir --ignore-fail-on-non-empty "$dropins"
    systemctl daemon-reload
}

# The address of frost's API, as its settings have it; nothing for none.
frost_api() {
    local address
    address=$(sed -n 's/^[[:space:]]*FROST_API_ADDRESS=//p' "$frost_environment" 2>/dev/null | tail -n 1 | tr -d "\r\"' ")
    case ${address:-127.0.0.1:3000} in
    none) ;;
    *) echo "${address:-127.0.0.1:3000}" ;;
    esac
}

# Whether frost runs, has started what should run, and answers. What it lacks is in $frost_answer.
frost_health() {
    local address host status=
    frost_answer="its unit is $(systemctl show -P ActiveState frost)"
    systemctl --quiet is-active frost || return 1
    address=$(frost_api)
    [ -n "$address" ] || return 0
    host=${address%:*}
    host=${host//[\[\]]/}
    # All addresses: this host's own among them.
    case $host in 0.0.0.0) host=127.0.0.1 ;; ::) host=::1 ;; esac
    frost_answer="its API does not answer at $address"
    # A subshell: what cannot be opened would end this script.
    status=$(
        exec 2>/dev/null 3<>"/dev/tcp/$host/${address##*:}" || exit 1
        printf 'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
        IFS= read -r -t 10 line <&3 && printf '%s' "$line"
    ) || return 1
    case $status in *' 200 '*) return 0 ;; esac
    frost_answer="its API answers with ${status:-nothing} at $address"
    return 1
}

# Starts frost anew and waits until it is well: restart_frost SECONDS.
restart_frost() {
    local end=$((SECONDS + $1))
    frost_answer="it was not ready within $1 s"
    # In the background, since a signal is heeded while it is waited for, and not while a program in the foreground runs;
    # without the lock, should this script be killed.
    timeout "$1" systemctl restart frost 2>/dev/null 9>&- &
    wait $! || return 1
    until frost_health; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

last_words() {
    journalctl -u "${1:-$service}" -n 5 --no-pager -o cat 2>/dev/null | sed 's/^/    /' >&2 || :
}

# Whether something listens on a TCP port, by the kernel's own table: state 0A is LISTEN, ports are hexadecimal.
listens() {
    awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Whether one of the listeners on a port is in the way of the addresses that are to be listened on:
# is_in_the_way PORT ADDRESSES
is_in_the_way() {
    local port=$1 wanted=$2 held
    [ -n "$wanted" ] && command -v ss >/dev/null || return 0
    while read -r _ _ _ held _; do
        held=${held%:*}
        case $held in '*' | 0.0.0.0 | '[::]') return 0 ;; esac
        case ",${wanted// /}," in *",${held//[\[\]]/},"*) return 0 ;; esac
    done < <(ss -H -ltn "sport = :$port")
    return 1
}

# Who listens on a port, in words; for a cluster of Debian's with the command that moves it.
port_holder() {
    local port=$1 holder version cluster free
    holder=$(ss -H -ltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1, process \2/p' | head -n 1) || holder=
    read -r version cluster < <(pg_lsclusters -h 2>/dev/null | awk -v port="$port" '$3 == port && $4 ~ /^online/ { print $1, $2; exit }') || :
    if [ -z "${cluster:-}" ]; then
        printf '%s' "${holder:-another program}"
        return
    fi
    free=$((port + 1))
    while listens "$free" || pg_lsclusters -h | awk '{ print $3 }' | grep -qx "$free"; do free=$((free + 1)); done
    printf '%s: the PostgreSQL cluster %s/%s of this host; to move it to port %s: pg_conftool %s %s set port %s && systemctl restart postgresql@%s-%s' \
        "${holder:-postgres}" "$version" "$cluster" "$free" "$version" "$cluster" "$free" "$version" "$cluster"
}

# Beside an installed Frost (install-for-frost.sh). The program is in a directory of the gateway's: on a host with Frost
# a command of its name would be taken for Frost's, and Frost's unit has the name that ours would have.
sync=postgres-gateway-frost
sync_state=/var/lib/$sync
sync_environment=$etc/frost.environment

is_for_frost() { [ -f "$units/$sync.service" ]; }

# Files of a release, and where each is.
for_frost_files() {
    local file
    for file in frost copy-caddy-certificates.sh; do echo "$file $lib/$file"; done
    for file in "$sync.service" "$sync-caddy.service" "$sync-caddy.timer"; do echo "$file $units/$file"; done
}

# The map, its names and the CA stay unless "purge" is given.
remove_for_frost() {
    systemctl --quiet disable --now "$sync-caddy.path" "$sync-caddy.timer" "$sync.service" 2>/dev/null || :
    rm -f "$units/$sync".service "$units/$sync-caddy".{path,timer,service} "$units/$sync.service.d"/{10-read,20-home}.conf
    if [ "${1:-}" = purge ]; then rm -rf "$units/$sync.service.d" "$sync_state"; fi
    rmdir --ignore-fail-on-non-empty "$units/$sync.service.d" 2>/dev/null || :
    systemctl daemon-reload
    systemctl reset-failed "$sync.service" "$sync-caddy.service" 2>/dev/null || :
    [ ! -e "$sync_state" ] || chown -hR root:root "$sync_state"
    if getent passwd "$sync" >/dev/null; then userdel "$sync"; fi
    if getent group "$sync" >/dev/null; then groupdel "$sync"; fi
    rm -f "/run/$sync.lock"
}

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

# What comes with every release beside the program and the unit.
release_files=(postgres-gateway-common.sh update.sh uninstall.sh VERSION)

# Puts the release in a directory in place of the one that is installed; nothing is restarted.
install_release() {
    local file mode
    for file in "${release_files[@]}"; do
        mode=0755
        case $file in VERSION | *common.sh) mode=0644 ;; esac
        put "$mode" root:root "$1/$file" "$lib/$file"
    done
    put 0755 root:root "$1/postgres-gateway" "$program"
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

last_words() {
    journalctl -u "$service" -n 5 --no-pager -o cat 2>/dev/null | sed 's/^/    /' >&2 || :
}

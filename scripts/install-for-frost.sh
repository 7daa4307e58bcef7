#!/usr/bin/env bash
# Installs postgres-gateway beside an installed Frost, from an unpacked release.
#
#   ./install.sh --for-frost [DIR] [--check] [--port N] [--show-password]
#                [--own-ca | --cert-dir D | --caddy D]
#
# DIR is Frost's directory (default /opt/frost); nothing in it is changed. Sets up the gateway, and frost sync as the
# service postgres-gateway-frost, which keeps the route map as Frost's database has it. Certificates:
#   --own-ca       of a CA made here, for every project (the default)
#   --cert-dir D   those in a directory, as <name>.crt and <name>.key
#   --caddy D      copies of those in Caddy's storage, e.g. /var/lib/caddy/.local/share/caddy/certificates
# May be run again: what was chosen before stays. --check says what would be done and changes nothing (exit 0: it would
# work, 1: it would not). Remove it with /usr/local/lib/postgres-gateway/uninstall.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/postgres-gateway-common.sh
. "$here/postgres-gateway-common.sh"
# shellcheck source=scripts/postgres-gateway-release.sh
. "$here/postgres-gateway-release.sh"
self=install

usage() { sed -n '2,15s/^# \{0,1\}//p' "$0"; }
frost_dir=/opt/frost
check=0
show_password=
port=
mode=
place=
choose() {
    [ -z "$mode" ] || [ "$mode" = "$1" ] || cannot "--own-ca, --cert-dir and --caddy: one of them" 64
    mode=$1
    place=$2
}
while [ $# -gt 0 ]; do
    case $1 in
    --for-frost)
        case ${2:--} in
        -*) ;;
        *) frost_dir=$2; shift ;;
        esac
        ;;
    --check) check=1 ;;
    --show-password) show_password=--show-password ;;
    --own-ca) choose own "" ;;
    --port | --cert-dir | --caddy)
        [ $# -ge 2 ] || cannot "$1 needs a value" 64
        case $1 in
        --port) port=$2 ;;
        --cert-dir) choose directory "$2" ;;
        --caddy) choose caddy "$2" ;;
        esac
        shift
        ;;
    --uninstall) exec "$lib/uninstall.sh" ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; cannot "unknown option '$1'" 64 ;;
    esac
    shift
done
[[ ${port:-1} =~ ^[1-9][0-9]{0,4}$ ]] && [ "${port:-1}" -le 65535 ] ||
    cannot "--port is '$port'; use a number from 1 to 65535" 64
# What goes into a file that systemd reads.
plain_path() {
    case $2 in
    /*) ;;
    *) cannot "$1 is '$2'; give the whole path" 64 ;;
    esac
    [[ $2 =~ ^[A-Za-z0-9/._@+,:=\ -]+$ ]] || cannot "$1 is '$2'; a path with such characters cannot be used here" 64
}
plain_path --for-frost "$frost_dir"
[ -z "$place" ] || plain_path "--$([ "$mode" = caddy ] && echo caddy || echo cert-dir)" "$place"
check_requirements "$here"
need_root_and_systemd
while read -r file _; do
    [ -f "$here/$file" ] || cannot "there is no $file beside this script; unpack a release and run the install.sh in it"
done < <(for_frost_files)
if has_frost; then
    cannot "this host has the frost of this project (install.sh --with-frost), which keeps the route map; it is not the PaaS Frost. Nothing was changed."
fi

# -- what there is --

# --check prints every fault; otherwise the first one ends the script.
faults=0
fault() {
    if [ "$check" -eq 1 ]; then
        complain "$1"
        faults=$((faults + 1))
    else
        cannot "$1. Nothing was changed." "${2:-1}"
    fi
}

# The value of a variable in Frost's .env, read as systemd does and never run: the last one counts, quotes go, and so do
# the carriage returns of an editor elsewhere.
frost_setting() {
    NAME=$1 awk '
        { sub(/\r$/, "") }
        $0 !~ "^[ \t]*(export[ \t]+)?" ENVIRON["NAME"] "[ \t]*=" { next }
        {
            sub(/^[^=]*=[ \t]*/, ""); sub(/[ \t]+$/, "")
            first = substr($0, 1, 1)
            if (first == "\"" || first == "\047") {
                rest = substr($0, 2); end = index(rest, first)
                if (end > 0) $0 = substr(rest, 1, end - 1)
            }
            value = $0
        }
        END { print value }' "$frost_dir/.env"
}

[ -d "$frost_dir" ] || cannot "there is no directory $frost_dir; use Frost's own: --for-frost DIR"
frost_dir=$(cd "$frost_dir" && pwd)
[ -f "$frost_dir/.env" ] || cannot "$frost_dir is not an installation of Frost: it has no .env; use Frost's directory: --for-frost DIR"
database=$(frost_setting FROST_DB_PATH)
if [ -z "$database" ]; then
    data_dir=$(frost_setting FROST_DATA_DIR)
    data_dir=${data_dir:-data}
    database=${data_dir%/}/frost.db
fi
case $database in
/*) ;;
*) database=$frost_dir/${database#./} ;;
esac
plain_path "Frost's database" "$database"
[ -f "$database" ] || cannot "Frost's database $database, of which $frost_dir/.env speaks, does not exist; has Frost been started?"
# As an account with no rights, but to read where Frost lets nobody: root would leave SQLite's files beside Frost's database.
reader=65534
may_read=(--inh-caps=-all --bounding-set=-all)
if ! setpriv --reuid="$reader" --regid="$reader" --clear-groups --inh-caps=-all test -r "$database"; then
    # SQLite asks access(2), which counts capabilities with this bit alone.
    may_read=(
        --inh-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search --ambient-caps=-all,+dac_read_search
        --securebits=+no_setuid_fixup
    )
fi
as_reader() {
    (cd / && HOME=/nonexistent exec setpriv --reuid="$reader" --regid="$reader" --clear-groups --no-new-privs "${may_read[@]}" -- "$@")
}
# The release may lie where only root may look.
exec 7<"$here/frost"
routes=$sync_state/routes.json
systemctl cat frost.service >/dev/null 2>&1 ||
    complain "warning: this host has no frost.service; the route map will follow $database whether Frost runs or not"
if ! answer=$(as_reader /proc/self/fd/7 sync check --frost-db "$database" --route-file "$routes" 2>&1); then
    fault "$(sed 's/^frost: //' <<<"$answer")"
else
    sed 's/^/    /' <<<"$answer"
fi

current_port=$(setting PORT)
current_port=${current_port:-5432}
port=${port:-$current_port}
if listens "$port" && is_in_the_way "$port" "$(setting LISTEN_ADDRESS)" &&
    ! { systemctl --quiet is-active "$service" && [ "$port" = "$current_port" ]; }; then
    fault "port $port is held by $(port_holder "$port"); move or stop it, or give the gateway another port: --port 6432" 98
fi

# What was chosen before, unless something else is asked for.
chosen() { sed -n "s/^$1=\"\(.*\)\"\$/\1/p" "$sync_environment" 2>/dev/null || :; }
if [ -z "$mode" ]; then
    mode=$(chosen CERTIFICATES)
    case $mode in
    directory) place=$(chosen CERT_DIR) ;;
    caddy) place=$(chosen CADDY) ;;
    *) mode=own ;;
    esac
fi
options=
case $mode in
own)
    cert_dir=$sync_state/certificates
    options="--certificates $sync_state"
    ;;
directory)
    cert_dir=$place
    [ -d "$place" ] || fault "there is no directory $place; it must contain the certificates, as <name>.crt and <name>.key"
    ;;
caddy)
    cert_dir=$etc/caddy
    place=${place%/}
    if [ ! -d "$place" ]; then
        fault "there is no directory $place; Caddy's storage is usually /var/lib/caddy/.local/share/caddy/certificates"
    elif ! compgen -G "$place/*wildcard_.*/*.crt" >/dev/null && ! compgen -G "$place/*/wildcard_.*/*.crt" >/dev/null; then
        fault "$place has no wildcard certificate, wildcard_.<name>/wildcard_.<name>.crt"
    fi
    ;;
esac

psql_line() {
    local root=()
    [ -z "${1:-}" ] || root=(--ssl-root-cert "$1")
    shift || :
    as_reader "$lib/frost" sync psql --frost-db "$database" --route-file "$routes" --port "$port" "${root[@]}" "$@"
}

if [ "$check" -eq 1 ]; then
    words="of a CA made here, for every project"
    [ "$mode" != directory ] || words="in $place"
    [ "$mode" != caddy ] || words="of Caddy's, copied from $place"
    if is_for_frost; then
        say "it is installed; certificates $words, port $port"
        for unit_name in "$service" "$sync"; do
            systemctl --quiet is-active "$unit_name" || fault "$unit_name does not run: systemctl status $unit_name"
        done
        answer=$(health 2>&1) || fault "the gateway is not ready: $answer"
    else
        say "would install the gateway on port $port, and $sync, which follows $database"
        say "would use certificates $words"
    fi
    [ "$faults" -eq 0 ] || exit 1
    say "nothing stands in the way; nothing was changed"
    exit 0
fi

# -- what is done --

exec 8>"/run/$sync.lock"
flock -w 10 8 || cannot "another install for Frost is at work"
was_installed=0
if is_for_frost; then was_installed=1; fi

# The gateway, its account and its directories; turned on when it has a map and certificates.
quietly() {
    local said code=0
    said=$("$@" 2>&1 7<&- 8>&-) || code=$?
    [ "$code" -ne 0 ] || return 0
    printf '%s\n' "$said" >&2
    exit "$code"
}
# Certificates of an earlier installation are readable to its account again further down; it is turned on after that.
if [ ! -x "$program" ] && [ -f "$environment" ]; then
    sed -i 's/^[[:space:]]*FROST_POSTGRES_GATEWAY_ENABLED=.*/FROST_POSTGRES_GATEWAY_ENABLED=false/' "$environment"
fi
# What it puts in place of an earlier release's is not seen to be new afterwards.
changed=0
while read -r file target; do cmp -s "$here/$file" "$target" || changed=1; done < <(for_frost_files)
quietly "$here/install.sh" --port "$port"

getent group "$sync" >/dev/null || groupadd --system "$sync"
getent passwd "$sync" >/dev/null ||
    useradd --system --gid "$sync" --home-dir "$sync_state" --no-create-home --shell /usr/sbin/nologin "$sync"
reader=$(id -u "$sync")

# Its own, so nothing is followed that it could have put there.
own() {
    local mode=$1 owner=$2 directory=$3
    [ "$(stat -c '%a %U:%G' "$directory" 2>/dev/null)" != "$mode $owner" ] || return 0
    systemctl stop "$sync.service" 2>/dev/null || :
    [ ! -L "$directory" ] || cannot "$directory is a link; remove it"
    install -d -m "$mode" -o "${owner%:*}" -g "${owner#*:}" "$directory"
    chown -hR "$owner" "$directory"
    chmod "$mode" "$directory"
}
own 755 "$sync:$sync" "$sync_state"
if [ "$mode" = own ]; then own 2750 "$sync:$service" "$sync_state/certificates"; fi
if [ "$mode" = caddy ]; then install -d -m 0750 -o root -g "$service" "$cert_dir"; fi

stage=$(mktemp -d "$lib/.install.XXXXXX")
trap 'rm -rf "$stage"' EXIT
replace() {
    if ! cmp -s "$1" "$2"; then
        put "$3" root:root "$1" "$2"
        changed=1
    fi
}
cat >"$stage/environment" <<END
# Read by the units $sync; written by install.sh --for-frost.
FROST_DB="$database"
ROUTE_FILE="$routes"
SYNC_OPTIONS="$options"
CERTIFICATES="$mode"
CERT_DIR="$cert_dir"
CADDY="$([ "$mode" = caddy ] && printf %s "$place")"
END
replace "$stage/environment" "$sync_environment" 0644
while read -r file target; do
    case $file in *.service | *.timer) replace "$here/$file" "$target" 0644 ;; *) replace "$here/$file" "$target" 0755 ;; esac
done < <(for_frost_files)

# Where Frost lets nobody else read, the service may read whatever it sees, and still write nothing.
mkdir -p "$units/$sync.service.d"
: >"$stage/read.conf"
: >"$stage/home.conf"
if ! setpriv --reuid="$sync" --regid="$sync" --clear-groups --inh-caps=-all test -r "$database"; then
    printf '[Service]\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH\nAmbientCapabilities=CAP_DAC_READ_SEARCH\nSecureBits=no-setuid-fixup\nPrivateUsers=no\n' >"$stage/read.conf"
fi
case $database in
/home/* | /root/* | /run/user/*) printf '[Service]\nProtectHome=read-only\n' >"$stage/home.conf" ;;
esac
drop_in() {
    if [ -s "$1" ]; then
        replace "$1" "$2" 0644
    elif [ -f "$2" ]; then
        rm -f "$2"
        changed=1
    fi
}
drop_in "$stage/read.conf" "$units/$sync.service.d/10-read.conf"
drop_in "$stage/home.conf" "$units/$sync.service.d/20-home.conf"
rmdir --ignore-fail-on-non-empty "$units/$sync.service.d"

if [ "$mode" = caddy ]; then
    # A new name is a new directory of an issuer; what a path unit cannot see, the timer finds.
    {
        printf '# Made by install.sh --for-frost --caddy.\n[Unit]\nDescription=PostgreSQL gateway: watches for new certificates of Caddy'"'"'s\n\n[Path]\n'
        for directory in "$place" "$place"/*/; do
            [[ $directory =~ [^A-Za-z0-9/._@+,:=\ -] ]] || printf 'PathChanged=%s\n' "${directory%/}"
        done
        printf '\n[Install]\nWantedBy=paths.target\n'
    } >"$stage/caddy.path"
    replace "$stage/caddy.path" "$units/$sync-caddy.path" 0644
    systemctl daemon-reload
    systemctl start "$sync-caddy.service" || { last_words "$sync-caddy.service"; cannot "Caddy's certificates cannot be copied; see: journalctl -u $sync-caddy"; }
    systemctl --quiet enable --now "$sync-caddy.path" "$sync-caddy.timer"
else
    systemctl --quiet disable --now "$sync-caddy.path" "$sync-caddy.timer" 2>/dev/null || :
    rm -f "$units/$sync-caddy.path"
    systemctl daemon-reload
fi

systemctl --quiet enable "$sync.service"
if [ "$changed" -eq 1 ] || ! systemctl --quiet is-active "$sync.service"; then
    systemctl restart "$sync.service"
    deadline=$((SECONDS + 30))
    until [ -f "$routes" ] && { [ "$mode" != own ] || compgen -G "$cert_dir/*.crt" >/dev/null; }; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            last_words "$sync.service"
            cannot "there is no route map yet; see: journalctl -u $sync"
        fi
        sleep 0.3
    done
fi

quietly "$here/install.sh" --enable --port "$port" --route-file "$routes" --cert-dir "$cert_dir"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    if health_answer=$(health 2>&1); then break; fi
    [ "$attempt" -lt 10 ] || say "the gateway runs and is not ready yet: $health_answer"
    sleep 0.5
done
if [ "$was_installed" -eq 1 ]; then say "the gateway serves the branches of Frost on port $port"; else say "the gateway now serves the branches of Frost on port $port"; fi

# -- what to do with it --

address=$(setting LISTEN_ADDRESS)
address=${address%%,*}
export PGHOSTADDR=${address:-127.0.0.1}
root=
case $mode in
own) root=$sync_state/ca/ca.crt ;;
*)
    # A public CA's that covers the branch is one to verify by.
    for list in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
        if [ -r "$list" ] && psql_line "$list" --try >/dev/null 2>&1; then root=$list; break; fi
    done
    ;;
esac
printf '\n'
if ! line=$(psql_line "$root" $show_password 2>&1); then
    say "${line#frost: }; a line for psql will be printed by: $here/install.sh --for-frost"
else
    printf '    %s\n\n' "$line"
    [ -n "$show_password" ] ||
        say "with its password: $lib/frost sync psql --frost-db $database --route-file $routes --port $port ${root:+--ssl-root-cert $root }--show-password"
    code=0
    # On standard error also what Debian's psql has to say of this host's clusters.
    tried=$(psql_line "$root" --try 2>"$stage/errors") || { code=$?; tried=$(grep -v '^Warning: ' "$stage/errors") || :; }
    case $code in
    0) say "tried: $tried${root:+, certificate verified}" ;;
    127) say "not tried: psql is not installed here" ;;
    *)
        if grep -q 'authentication failed' <<<"$tried"; then
            say "tried: the branch answers${root:+, its certificate is verified}; it has another password than Frost made"
        else
            complain "warning: tried, and it does not work: $tried"
        fi
        ;;
    esac
fi
[ "$mode" != own ] || say "clients that verify (sslmode=verify-full) need the CA's certificate, no secret: $root"
if [ "$mode" != own ] && [ -z "$root" ]; then say "note: these certificates are not verified by clients of this host; sslmode=require works"; fi
if command -v ufw >/dev/null && ufw status 2>/dev/null | grep -q '^Status: active'; then
    say "open the port: ufw allow $port/tcp"
elif command -v firewall-cmd >/dev/null && firewall-cmd --state >/dev/null 2>&1; then
    say "open the port: firewall-cmd --permanent --add-port=$port/tcp && firewall-cmd --reload"
else
    say "let clients through to TCP port $port in the firewalls of this host and of its provider"
fi
say "keep strangers from ports 10000-20000: Frost publishes each branch there too, without TLS, past most firewalls of the host"

#!/usr/bin/env bash
# Installs the packages that a Debian machine with the Swift toolchain still needs.
#
#   scripts/setup.sh up       packages for `make up`: to build, and PostgreSQL servers
#   scripts/setup.sh release  also packages to build and test a release: Python
#   scripts/setup.sh test     also packages for the tests and the gate: Docker, a browser, Prometheus
#   scripts/setup.sh bench    packages for `make bench`: the other relays, and what counts instructions
#   scripts/setup.sh soak     packages for `make soak`: a C compiler
#   scripts/setup.sh suites   packages to run other people's test suites: Go, a C compiler, source packages
#
# Quick if nothing is missing. Uses sudo if not root. On an error it prints one line, with a command
# that fixes it, and exits with 1.
set -euo pipefail

scope=${1:-test}
cannot() { printf 'setup: %s\n' "$*" >&2; exit 1; }

case "$scope" in
up | release | test | bench | soak | suites) ;;
*) cannot "unknown scope '$scope'; use: scripts/setup.sh up|release|test|bench|soak|suites" ;;
esac

command -v swift >/dev/null ||
    cannot "no Swift toolchain on PATH; install Swift 6.2 or newer, then run this again"

# A command, wherever PATH or the administrator's directories have it.
has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

# Debian package -> a file that is there when it is installed.
packages=(
    "git:/usr/bin/git"
    "make:/usr/bin/make"
    "libssl-dev:/usr/include/openssl/ssl.h"
    "libsqlite3-dev:/usr/include/sqlite3.h"
    "libpq-dev:/usr/include/postgresql/libpq-fe.h"
    "postgresql-client:/usr/bin/psql"
    "util-linux:/usr/bin/setpriv"
)
if [ "$scope" != up ]; then
    packages+=("python3:/usr/bin/python3")
fi
if [ "$scope" = test ]; then
    packages+=(
        "python3-venv:/usr/share/doc/python3-venv"
        "iptables:/usr/sbin/iptables"
        "debootstrap:/usr/sbin/debootstrap"
        "gcc:/usr/bin/cc"
        "chromium:/usr/bin/chromium"
        "chromium-driver:/usr/bin/chromedriver"
        "testssl.sh:/usr/bin/testssl"
        "prometheus:/usr/bin/promtool"
    )
fi
# A short soak is among the tests.
if [ "$scope" = soak ] || [ "$scope" = test ]; then
    packages+=("openssl:/usr/bin/openssl" "gcc:/usr/bin/cc")
fi
if [ "$scope" = bench ]; then
    packages+=(
        "openssl:/usr/bin/openssl"
        "gcc:/usr/bin/cc"
        "binutils:/usr/bin/strip"
        "nginx-light:/usr/sbin/nginx"
        "libnginx-mod-stream:/usr/lib/nginx/modules/ngx_stream_module.so"
        "haproxy:/usr/sbin/haproxy"
        "stunnel4:/usr/bin/stunnel4"
        "strace:/usr/bin/strace"
        "valgrind:/usr/bin/valgrind"
    )
fi
if [ "$scope" = suites ]; then
    packages+=(
        "openssl:/usr/bin/openssl"
        "gcc:/usr/bin/cc"
        "python3-dev:/usr/share/doc/python3-dev"
        "python3-venv:/usr/share/doc/python3-venv"
        "dpkg-dev:/usr/bin/dpkg-source"
        "golang-go:/usr/bin/go"
    )
fi

missing=()
for entry in "${packages[@]}"; do
    [ -e "${entry#*:}" ] || missing+=("${entry%%:*}")
done
# The server itself: the client's package has a directory of the same name.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
# Debian's engine only where there is none: it would replace that of another vendor.
if [ "$scope" = test ] && ! has dockerd && ! docker info >/dev/null 2>&1; then
    missing+=(docker.io)
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
need_root() {
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        cannot "not root and no sudo: cannot $1; run as root: $2"
}

if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null ||
        cannot "apt-get not found: install the equivalents of these Debian packages: ${missing[*]}"
    need_root "install ${missing[*]}" "apt-get install ${missing[*]}"
    printf 'setup: installing %s\n' "${missing[*]}"
    log=$(mktemp)
    # Debian's postgresql package would start a server of its own on 5432, the gateway's port.
    for name in "${missing[@]}"; do
        if [ "$name" = postgresql ]; then
            "${as_root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
            echo "create_main_cluster = false" |
                "${as_root[@]}" tee /etc/postgresql-common/createcluster.d/frost.conf >/dev/null
        fi
        # Tests and the benchmark start these themselves; the packages' services would take ports. RUNLEVEL, below, does the
        # same where systemd does not run.
        case "$name" in
        prometheus | haproxy | stunnel4) service=$name ;;
        nginx-light) service=nginx ;;
        *) service= ;;
        esac
        if [ -n "$service" ] && [ -d /run/systemd/system ]; then
            "${as_root[@]}" systemctl --quiet mask "$service.service" 2>/dev/null
        fi
    done
    {
        "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
                apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        cannot "apt-get could not install ${missing[*]} (whole log: $log)"
    }
    rm -f "$log"
fi

[ "$scope" = test ] || exit 0

# ---- the Docker engine ----
command -v docker >/dev/null ||
    cannot "the Docker engine is installed, but not the docker command; install it (docker-cli on newer Debian)"
docker info >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ] && sudo -n docker info >/dev/null 2>&1; then
    cannot "no permission to use the Docker engine; add yourself to its group: sudo adduser $(id -un) docker"
fi
need_root "start the Docker engine" "dockerd"
printf 'setup: starting the Docker engine\n'
if [ -d /run/systemd/system ]; then
    "${as_root[@]}" systemctl start docker || cannot "systemctl start docker failed; see: journalctl -u docker"
else
    # A daemon of its own session: it must not hold the caller's terminal or pipes open.
    "${as_root[@]}" setsid -f sh -c 'exec dockerd >>/var/log/dockerd.log 2>&1 </dev/null'
fi
for _ in $(seq 1 60); do
    "${as_root[@]}" docker info >/dev/null 2>&1 && break
    sleep 1
done
docker info >/dev/null 2>&1 ||
    cannot "the Docker engine did not respond within 60 s; see its log: /var/log/dockerd.log (or journalctl -u docker)"

#!/usr/bin/env bash
# Makes sure that the image the Dockerfiles start from is on this host.
#
# Pulls it if a registry responds; else builds it from the Debian archive that this machine
# itself installs from (about a minute) and gives it the same name.
set -euo pipefail

image=${1:-debian:bookworm-slim}
suite=${image#*:}
suite=${suite%-slim}

docker image inspect "$image" >/dev/null 2>&1 && exit 0
if timeout 60 docker pull --quiet "$image" >/dev/null 2>&1; then
    exit 0
fi

# The archive of this machine: deb822 files first, then the one-line form.
archive=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
if [ -z "$archive" ]; then
    archive=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }' \
        /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true)
fi
if [ -z "$archive" ]; then
    echo "base-image: no registry responds and /etc/apt names no Debian archive; load $image with: docker load" >&2
    exit 1
fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
root=$(mktemp -d)
log=$(mktemp)
trap '"${as_root[@]}" rm -rf "$root" "$log"' EXIT
echo "base-image: no registry responds; building $image from Debian packages"
# Clients in containers talk TLS, so the usual certificates come along.
"${as_root[@]}" debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$archive" >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    echo "base-image: debootstrap failed" >&2
    exit 1
}
"${as_root[@]}" rm -rf "$root"/var/cache/apt/archives/*.deb
"${as_root[@]}" tar -C "$root" -c . | docker import --change 'CMD ["/bin/bash"]' - "$image" >/dev/null

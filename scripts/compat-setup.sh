#!/usr/bin/env bash
# Prepares the gate's clients: a Python virtual environment and one image for each Docker client; what drives the
# browser of the page's tests; what scans TLS and what writes the dashboard; and the image that the tests of the Docker runtime
# have branches of.
#
# Quick if nothing has changed. Needs the packages of scripts/setup.sh test.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'compat-setup: %s\n' "$*"; }
# make_venv <directory> <requirements> <what they are>
make_venv() {
    local venv=$1 wanted=$2 log
    cmp -s "$wanted" "$venv/installed.txt" && return
    say "installing $3"
    log=$(mktemp)
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    {
        python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    } >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        say "$3 could not be installed (whole log: $log)" >&2
        exit 1
    }
    rm -f "$log"
    cp "$wanted" "$venv/installed.txt"
}

make_venv .build-compat/venv Compat/Clients/python/requirements.txt "the Python clients and PostgreSQL 18"
make_venv .build-compat/snippets Tests/Snippets/requirements.txt "what the page's tabs for Python name"
make_venv .build-compat/browser Tests/BrowserTests/requirements.txt "what drives a browser"
make_venv .build-compat/tls Tests/SecurityTests/requirements.txt "what scans the gateway's TLS"
make_venv .build-compat/monitoring monitoring/requirements.txt "what writes the Grafana dashboard"

scripts/base-image.sh
for file in Compat/Clients/*/Dockerfile Tests/Snippets/*/Dockerfile Tests/BranchManagerTests/Image/Dockerfile; do
    directory=$(dirname "$file")
    image=frost-compat-$(basename "$directory")
    # What the tests of the Docker runtime have branches of.
    [ "$image" != frost-compat-Image ] || image=frost-postgres-test
    # The sources an image was made from, so that an unchanged one is not built again.
    sources=$(cat "$directory"/* | sha256sum | cut -c1-16)
    [ "$(docker image inspect --format '{{ index .Config.Labels "sources" }}' "$image" 2>/dev/null)" = "$sources" ] &&
        continue
    say "building the image $image"
    log=$(mktemp)
    docker build --network host --label "sources=$sources" -t "$image" "$directory" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        say "$image could not be built (whole log: $log)" >&2
        exit 1
    }
    rm -f "$log"
done

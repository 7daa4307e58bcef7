#!/usr/bin/env bash
# Copies wildcard certificates from Caddy's storage to where the gateway may read them.
#
#   copy-caddy-certificates.sh STORAGE DIRECTORY
#
# STORAGE has one directory for each issuer (or is one), with NAME/NAME.crt and NAME/NAME.key in it. A pair is copied
# as wildcard_.<name>.crt and .key, 0640 and of the gateway's group, when both are there and differ from the copy; of
# several issuers' the newer one. Copies of pairs that are gone are removed, unless all are gone.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64; }
storage=${1%/}
directory=$2
say() { printf 'copy-caddy-certificates: %s\n' "$*"; }
cannot() { say "$*" >&2; exit 1; }
[ -d "$storage" ] || cannot "there is no directory $storage; the copies that are there stay"
[ -d "$directory" ] || cannot "there is no directory $directory; run install.sh --for-frost --caddy again"

declare -A newest=()
for certificate in "$storage"/wildcard_.*/wildcard_.*.crt "$storage"/*/wildcard_.*/wildcard_.*.crt; do
    [ -f "$certificate" ] && [ -f "${certificate%.crt}.key" ] || continue
    name=$(basename "$certificate" .crt)
    [[ $name =~ ^wildcard_\.[A-Za-z0-9.-]+$ ]] || continue
    other=${newest[$name]:-}
    if [ -z "$other" ] || [ "$certificate" -nt "$other" ]; then newest[$name]=$certificate; fi
done
[ ${#newest[@]} -gt 0 ] || cannot "$storage has no wildcard certificate; the copies that are there stay"

# In one step under a hidden name first: the gateway never reads half a file, and takes a pair only once the two fit.
place() {
    install -m 0640 -g postgres-gateway "$1" "$directory/.new"
    mv -f "$directory/.new" "$2"
}
for name in "${!newest[@]}"; do
    from=${newest[$name]%.crt}
    to=$directory/$name
    cmp -s "$from.crt" "$to.crt" && cmp -s "$from.key" "$to.key" && continue
    place "$from.key" "$to.key"
    place "$from.crt" "$to.crt"
    say "copied $name"
done
for copy in "$directory"/wildcard_.*.crt; do
    name=$(basename "$copy" .crt)
    if [ -f "$copy" ] && [ -z "${newest[$name]:-}" ]; then
        rm -f "$copy" "${copy%.crt}.key"
        say "removed $name, which Caddy has no more"
    fi
done

#!/usr/bin/env bash
# Makes a self-signed certificate for tests.
#
#   Tests/certificate.sh PATH NAME [NAME...]    writes PATH.crt and PATH.key for these server names
#
# ECDSA P-256, one year. Not for production: no client can verify it.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
path=$1
shift
names=$(printf ',DNS:%s' "$@")
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -days 365 -nodes \
    -subj "/CN=frost self-signed" -addext "subjectAltName=${names#,}" \
    -keyout "$path.key" -out "$path.crt" 2>/dev/null || {
    echo "certificate: openssl could not write $path.crt and $path.key" >&2
    exit 1
}

#!/bin/sh
# Installs a certificate renewed by certbot or lego for postgres-gateway.
#
#   certbot:  --deploy-hook /usr/local/lib/postgres-gateway/certificate-deploy-hook.sh
#   lego:     --renew-hook (or --run-hook) with the same path
#
# Both pass the certificate in the environment: RENEWED_LINEAGE and RENEWED_DOMAINS, or LEGO_CERT_DOMAIN,
# LEGO_CERT_PATH and LEGO_CERT_KEY_PATH. Writes a pair for each name, a wildcard as wildcard_.<name>, with mode 0640 and
# the gateway's group. The gateway loads it within seconds, without a signal.
#
#   CERT_DIR    target directory (FROST_POSTGRES_GATEWAY_CERT_DIR; default /etc/postgres-gateway/tls)
#   CERT_GROUP  group that may read the keys (default postgres-gateway)
set -eu

say() { printf 'certificate-deploy-hook: %s\n' "$*" >&2; }
cannot() { say "$*"; exit 1; }

directory=${CERT_DIR:-${FROST_POSTGRES_GATEWAY_CERT_DIR:-/etc/postgres-gateway/tls}}
group=${CERT_GROUP:-postgres-gateway}

if [ -n "${RENEWED_LINEAGE:-}" ]; then
    [ -n "${RENEWED_DOMAINS:-}" ] || cannot "RENEWED_DOMAINS is not set; certbot sets it beside RENEWED_LINEAGE"
    chain=$RENEWED_LINEAGE/fullchain.pem
    key=$RENEWED_LINEAGE/privkey.pem
    names=$RENEWED_DOMAINS
elif [ -n "${LEGO_CERT_PATH:-}" ]; then
    [ -n "${LEGO_CERT_DOMAIN:-}" ] || cannot "LEGO_CERT_DOMAIN is not set; lego sets it beside LEGO_CERT_PATH"
    [ -n "${LEGO_CERT_KEY_PATH:-}" ] || cannot "LEGO_CERT_KEY_PATH is not set; lego sets it beside LEGO_CERT_PATH"
    chain=$LEGO_CERT_PATH
    key=$LEGO_CERT_KEY_PATH
    names=$LEGO_CERT_DOMAIN
else
    cannot "neither RENEWED_LINEAGE nor LEGO_CERT_PATH is set; certbot and lego set them when they call a hook"
fi

[ -d "$directory" ] || cannot "there is no directory $directory; create it, or choose another with CERT_DIR"
[ -r "$chain" ] || cannot "could not read the certificate $chain"
[ -r "$key" ] || cannot "could not read the key $key"
grep -q -e '-----BEGIN CERTIFICATE-----' "$chain" || cannot "$chain contains no PEM certificate"
grep -q -e '-----BEGIN .*PRIVATE KEY-----' "$key" || cannot "$key contains no PEM private key"
grep -q "^$group:" /etc/group 2>/dev/null || getent group "$group" >/dev/null ||
    cannot "there is no group $group; install the gateway first, or choose another with CERT_GROUP"

# No unquoted "for name in $names": the shell would take * for files.
set -f
for name in $names; do
    case $name in
    '*.'*) plain=${name#??} ;;
    *) plain=$name ;;
    esac
    case $plain in
    '' | .* | *[!A-Za-z0-9.-]*) cannot "'$name' is not a hostname; nothing was installed" ;;
    esac
done

# One after the other, each in one step under a hidden name first: the gateway never reads half a file, and takes a pair
# only once the two fit. The key goes first.
place() {
    temporary=$directory/.$(basename "$2").$$
    rm -f "$temporary"
    (umask 077 && cat "$1" >"$temporary") && chgrp "$group" "$temporary" && chmod 0640 "$temporary" &&
        mv -f "$temporary" "$2" || {
        rm -f "$temporary"
        cannot "could not write $2; the previous one stays in effect"
    }
}

for name in $names; do
    case $name in
    '*.'*) stem=wildcard_.${name#??} ;;
    *) stem=$name ;;
    esac
    place "$key" "$directory/$stem.key"
    place "$chain" "$directory/$stem.crt"
    say "$name is in $directory/$stem.crt"
done

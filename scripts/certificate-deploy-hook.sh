#!/bin/sh
# Puts a certificate that certbot or lego has renewed where postgres-gateway reads it.
#
#   certbot:  --deploy-hook /usr/local/lib/postgres-gateway/certificate-deploy-hook.sh
#   lego:     --renew-hook (or --run-hook) with the same path
#
# Both say in their environment what they have renewed: RENEWED_LINEAGE and RENEWED_DOMAINS, or LEGO_CERT_DOMAIN,
# LEGO_CERT_PATH and LEGO_CERT_KEY_PATH. Writes a pair for each name, a wildcard as wildcard_.<name>, 0640 and of the
# gateway's group; the gateway takes it up within seconds, without a signal.
#
#   CERT_DIR    where to (FROST_POSTGRES_GATEWAY_CERT_DIR; default /etc/postgres-gateway/tls)
#   CERT_GROUP  who may read the keys (default postgres-gateway)
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

[ -d "$directory" ] || cannot "there is no directory $directory; make it, or name another with CERT_DIR"
[ -r "$chain" ] || cannot "the certificate $chain cannot be read"
[ -r "$key" ] || cannot "the key $key cannot be read"
grep -q -e '-----BEGIN CERTIFICATE-----' "$chain" || cannot "$chain contains no PEM certificate"
grep -q -e '-----BEGIN .*PRIVATE KEY-----' "$key" || cannot "$key contains no PEM private key"
grep -q "^$group:" /etc/group 2>/dev/null || getent group "$group" >/dev/null ||
    cannot "there is no group $group; install the gateway first, or name another with CERT_GROUP"

# Not "for name in $names" unprotected: the shell would take * for files.
set -f
for name in $names; do
    case $name in
    '*.'*) plain=${name#??} ;;
    *) plain=$name ;;
    esac
    case $plain in
    '' | .* | *[!A-Za-z0-9.-]*) cannot "'$name' is not a hostname; nothing is installed" ;;
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
        cannot "$2 cannot be written; the one that was there stays"
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

# What install.sh does for frost, with --with-frost. Sourced, never run.
# shellcheck shell=bash disable=SC2154

# What keeps frost from running here, told before anything is changed.
check_frost() {
    local address tool
    [ -x "$here/frost" ] || cannot "no program frost beside this script; unpack a whole release"
    if [ -f "$units/frost.service" ] && ! has_frost; then
        cannot "frost.service of this host is another program's, most likely that of the PaaS Frost; to have the gateway beside it: $0 --for-frost. Nothing was changed."
    fi
    for tool in setpriv systemd-run flock; do
        command -v "$tool" >/dev/null ||
            cannot "$tool is missing; install: apt-get install util-linux systemd (or: dnf install util-linux systemd). Nothing was changed."
    done
    if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && ! compgen -G '/usr/pgsql-*/bin/initdb' >/dev/null &&
        [ ! -x /usr/bin/initdb ] && [ ! -S /var/run/docker.sock ]; then
        cannot "no PostgreSQL server is installed for branches to run; install: apt-get install postgresql (or: dnf install postgresql-server). On Debian that starts a cluster on port 5432; to have none: mkdir -p /etc/postgresql-common/createcluster.d && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/frost.conf, before. Nothing was changed."
    fi
    address=$(frost_api)
    if [ -n "$address" ] && ! systemctl --quiet is-active frost && listens "${address##*:}"; then
        cannot "port ${address##*:} is held by $(port_holder "${address##*:}"), and frost's API and page are to be at $address; give another in $frost_environment (FROST_API_ADDRESS=127.0.0.1:3001). Nothing was changed." 98
    fi
}

# The account of the servers, and the directories.
make_frost_places() {
    getent group "$frost_account" >/dev/null || groupadd --system "$frost_account"
    getent passwd "$frost_account" >/dev/null ||
        useradd --system --gid "$frost_account" --home-dir "$frost_data" --no-create-home --shell /usr/sbin/nologin "$frost_account"
    # Others get through it: to servers' own directories, to the route map and to certificates. What is secret in it has a
    # mode of its own.
    [ -d "$frost_data" ] || install -d -m 0755 -o root -g root "$frost_data"
    install -d -m 0755 -o root -g root "$frost_lib" "$frost_etc"
    # Of an earlier installation, whose group is gone.
    [ ! -d "$frost_data/certificates" ] ||
        find "$frost_data/certificates" -user root \( -type d -o -name '*.key' \) -exec chgrp "$service" {} +
}

# What frost has to know of the gateway's settings: where it answers, and certificates that are the operator's.
put_frost_settings() {
    local staged=$stage/frost.environment name value
    if [ -f "$frost_environment" ]; then cp "$frost_environment" "$staged"; else cp "$here/frost.environment" "$staged"; fi
    for name in ADMIN_ADDRESS CERT_DIR CERT_FILE KEY_FILE; do
        value=${given[$name]:-$(setting "$name")}
        [ "$value" != "$frost_data/certificates" ] || value=
        [ -z "$value" ] || set_in "$staged" "FROST_POSTGRES_GATEWAY_$name" "$value"
    done
    cmp -s "$staged" "$frost_environment" && return 0
    put 0644 root:root "$staged" "$frost_environment"
    frost_changed=1
}

# Puts frost in place and starts it, if anything is new; branches that run go on.
install_frost() {
    local file target
    frost_changed=0
    put_frost_settings
    while read -r file target; do
        if ! cmp -s "$here/$file" "$target"; then frost_changed=1; fi
    done <<EOF
frost $frost_program
frost.service $units/frost.service
frost-servers.service $units/frost-servers.service
frost-servers.sh $frost_lib/servers.sh
EOF
    put 0755 root:root "$here/frost" "$frost_program"
    put 0755 root:root "$here/frost-servers.sh" "$frost_lib/servers.sh"
    put 0644 root:root "$here/frost-servers.service" "$units/frost-servers.service"
    put 0644 root:root "$here/frost.service" "$units/frost.service"
    systemctl daemon-reload
    systemctl --quiet enable frost-servers frost
    systemctl start frost-servers
    if [ "$frost_changed" -eq 1 ] || ! frost_health; then
        restart_frost 600 || {
            last_words frost
            cannot "frost did not start: $frost_answer; see: journalctl -u frost. The gateway was not changed."
        }
    fi
}

# The settings of the gateway that follow from frost's.
gateway_settings_of_frost() {
    local route
    route=$("$frost_program" settings --json --data-dir "$frost_data" 2>/dev/null |
        sed -n 's/.*"routeFile" *: *"\([^"]*\)".*/\1/p' | tr -d '\\') || route=
    [ -n "${given[ROUTE_FILE]:-}" ] || given[ROUTE_FILE]=${route:-$frost_data/routes.json}
    if [ -z "${given[CERT_FILE]:-}${given[CERT_DIR]:-}$(setting CERT_FILE)$(setting CERT_DIR)" ]; then
        given[CERT_DIR]=$frost_data/certificates
    elif [ -n "${given[CERT_FILE]:-}" ] && [ "$(setting CERT_DIR)" = "$frost_data/certificates" ]; then
        # Frost no longer renews those that its own CA has issued.
        sed -i 's/^FROST_POSTGRES_GATEWAY_CERT_DIR=/#&/' "$settings"
    fi
}

# Tells frost the gateway's port, which is in the strings that it hands out.
tell_frost_port() {
    local known
    known=$("$frost_program" settings --json --data-dir "$frost_data" 2>/dev/null |
        sed -n 's/.*"gatewayPort" *: *\([0-9]*\).*/\1/p') || known=
    [ "$known" = "$1" ] || "$frost_program" settings --data-dir "$frost_data" --gateway-port "$1" >/dev/null ||
        say "note: frost was not told the gateway's port: frost settings --gateway-port $1"
}

say_what_next() {
    local address
    address=$(frost_api)
    say "frost is ready${address:+; page and API: http://$address, with a token from: frost token rotate}"
    cat <<EOF

  What hostnames end in (a wildcard record in DNS leads here):  frost settings --wildcard-base example.net
  A first database, with its branch main:                       frost project create shop && frost database create shop --project shop
  psql through the gateway:                                     frost psql main
  What clients need for sslmode=verify-full:                    frost ca --out ca.crt
  Open in the firewall:                                         TCP port $1, and nothing else of this

EOF
}

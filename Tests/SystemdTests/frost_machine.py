"""A host that runs Frost: a stand-in for it, and real PostgreSQL servers as the containers of its branches."""

import json
import pathlib

from host import Host

HERE = pathlib.Path(__file__).parent
STATE = "/var/lib/postgres-gateway-frost"
SYNC = "postgres-gateway-frost"
BASE = "apps.localhost"
PASSWORD = "it's 100% s3cret"
# Debian's clusters, by port, with the database that each has.
SERVERS = {10000: "orders", 10001: "orders", 10002: "users"}
ENVIRONMENT = "FROST_JWT_SECRET=c2VjcmV0\nFROST_DATA_DIR=/opt/frost/data\nNODE_ENV=production\n"
UNIT = """[Unit]
Description=Frost
After=network.target

[Service]
Type=simple
WorkingDirectory=/opt/frost
EnvironmentFile=/opt/frost/.env
ExecStart=/usr/bin/python3 /opt/frost/frost.py serve
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


class FrostMachine(Host):
    image = "frost-systemd-test-for-frost"
    capabilities = ["DAC_READ_SEARCH"]

    def journal(self):
        return self.sh(f"journalctl --sync; journalctl -u postgres-gateway -u '{SYNC}*' -u frost --no-pager -o cat", check=False).stdout

    def unit(self, name, of=SYNC):
        return self.output(f"systemctl show -P {name} {of}")

    def start_servers(self):
        self.write("/root/password", PASSWORD)
        for port, database in SERVERS.items():
            self.write("/root/server.sql", "CREATE ROLE frost LOGIN PASSWORD '" + PASSWORD.replace("'", "''") + f"';\nCREATE DATABASE {database} OWNER frost;\n"
                       f"\\c {database}\nCREATE TABLE mark AS SELECT {port} AS port;\nGRANT SELECT ON mark TO frost;\n")
            self.sh(f"pg_createcluster 15 b{port} --port {port} --start -- --no-locale >/dev/null && cd / && su postgres -c 'psql -qX -v ON_ERROR_STOP=1 -p {port}'"
                    " </root/server.sql")

    def install_frost(self, migration=18):
        self.sh("systemctl stop frost 2>/dev/null; rm -rf /opt/frost; mkdir -p /opt/frost/data")
        self.copy(HERE / "frost_stand_in.py", "/opt/frost/frost.py")
        self.write("/opt/frost/.env", ENVIRONMENT + (f"STAND_IN_MIGRATION={migration}\n" if migration != 18 else ""))
        self.write("/etc/systemd/system/frost.service", UNIT)
        self.sh("systemctl daemon-reload && systemctl enable --quiet frost && systemctl restart frost")
        self.until_frost_is_up()

    def until_frost_is_up(self):
        self.eventually("Frost is up", lambda: self.sh("test -S /run/frost-stand-in", check=False).returncode == 0)

    def frost(self, *words):
        """Has Frost do something, as its page would."""
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        return json.loads(self.output(f"python3 /opt/frost/frost.py do {quoted}"))

    def ask(self, branch, project="shop", database="orders", base=BASE, sslmode="verify-full"):
        """The port of the server that a hostname leads to, or what is said instead."""
        # With a list of CAs, libpq would verify by it for "require" as well.
        root = f"sslrootcert={STATE}/ca/ca.crt" if sslmode == "verify-full" else ""
        result = self.sh(
            f"PGPASSWORD=\"$(cat /root/password)\" psql -XqAt -c 'SELECT port FROM mark' 'host={branch}.pg.{project}.{base} hostaddr=127.0.0.1"
            f" user=frost dbname={database} sslmode={sslmode} {root} connect_timeout=20'", check=False)
        return int(result.stdout) if result.returncode == 0 else result.stderr

    def until_it_says(self, what, branch, **options):
        """Until a hostname leads to a port, or is refused with these words."""
        last = []

        def is_so():
            last[:] = [self.ask(branch, **options)]
            return last[0] == what if isinstance(what, int) else isinstance(last[0], str) and what in last[0]
        try:
            self.eventually(f"{branch}: {what}", is_so, seconds=90)
        except AssertionError as error:
            raise AssertionError(f"it said: {last}\n{error}") from error

    def traces(self):
        """Everything on the host that an installation could have changed."""
        return self.output(
            "ls -lR --time-style=full-iso /etc/systemd /usr/local /var/lib/postgres-gateway* /etc/postgres-gateway /opt/frost 2>/dev/null"
            " | grep -v 'frost.db-'; getent passwd; getent group; find /opt/frost -type f -not -name 'frost.db*' -exec sha256sum {} + 2>/dev/null || true")

#!/usr/bin/env python3
"""The gateway as a service on real systemd: install, run, break, update, roll back, remove; and what
empty_host.py, for_frost.py and with_frost.py tell.

The tests of a class are one story and run in the order of their names.
"""

import pathlib
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from empty_host import EmptyHostTest  # noqa: E402, F401
from for_frost import ForFrostTest  # noqa: E402, F401
from host import LIB, ROOT, Host, build_broken, build_image, build_program  # noqa: E402
from story import Story  # noqa: E402
from with_frost import WithFrostTest  # noqa: E402, F401

ENVIRONMENT = "/etc/postgres-gateway/environment"
TLS = "/etc/postgres-gateway/tls"
NAME = "main.pg.shop.localhost"
BRANCH_PORT = 10000
OPTIONS = f"--cert-file {TLS}/server.crt --key-file {TLS}/server.key"


class ServiceTest(Story):
    @classmethod
    def setUpClass(cls):
        build_image()
        cls.first = build_program("1.0.0")
        cls.second = build_program("1.1.0")
        cls.crashing = build_broken("2.0.0", serve="echo 'broken on purpose' >&2; exit 1")
        cls.choosy = build_broken("2.1.0", check="echo 'a setting of 2.1.0 is missing' >&2; exit 78", serve="exit 78")
        cls.mute = build_broken("2.2.0", serve='exec "$real" "$@" --admin-address 127.0.0.1:9999')
        cls.start_host(Host(), cls.first, cls.second, cls.crashing, cls.choosy, cls.mute)
        cls.host.copy(ROOT / "Tests" / "certificate.sh", "/root/certificate.sh")

    # -- helpers --

    def psql(self, port=5432, check=True):
        return self.host.sh(
            f"PGPASSWORD=secret psql -XqAt -c 'SELECT mark FROM branch' "
            f"'host={NAME} hostaddr=127.0.0.1 port={port} user=shop dbname=shop sslmode=require connect_timeout=10'",
            check=check,
        )

    def assert_serves(self):
        result = self.psql()
        self.assertEqual(result.stdout.strip(), "main", result.stderr)

    def version(self):
        return " ".join(self.host.output("postgres-gateway version").split()[:2])

    def pid(self):
        return int(self.host.property("MainPID"))

    def certificate(self):
        return self.host.output(
            f"openssl s_client -connect 127.0.0.1:5432 -starttls postgres -servername {NAME} </dev/null 2>/dev/null"
            " | openssl x509 -noout -fingerprint -sha256"
        )

    def make_certificate(self):
        self.host.sh(f"bash /root/certificate.sh {TLS}/server '*.pg.shop.localhost'"
                     f" && chgrp postgres-gateway {TLS}/server.* && chmod 0640 {TLS}/server.*")

    def set_variable(self, name, value):
        self.host.sh(f"sed -i '/^#*FROST_POSTGRES_GATEWAY_{name}=/d' {ENVIRONMENT}"
                     f" && echo 'FROST_POSTGRES_GATEWAY_{name}={value}' >> {ENVIRONMENT}")

    def start_squatter(self):
        """A real PostgreSQL on 5432, as Debian would have it."""
        self.host.sh("pg_createcluster 15 squatter --port 5432 -- --no-locale >/dev/null 2>&1 || true; pg_ctlcluster 15 squatter start")

    def stop_squatter(self):
        self.host.sh("pg_ctlcluster 15 squatter stop -m immediate")

    # -- the story --

    def test_01_port_held_refuses_before_anything_is_changed(self):
        self.start_squatter()
        result = self.install("--enable", check=False)
        self.assertEqual(result.returncode, 98, result.stderr)
        self.assertRegex(result.stderr, r"port 5432 is held by postgres, process \d+: the PostgreSQL cluster 15/squatter of this host")
        self.assertIn("pg_conftool 15 squatter set port 5433 && systemctl restart postgresql@15-squatter", result.stderr)
        self.assertIn("--port", result.stderr)
        self.assertNotEqual(self.host.sh("getent passwd postgres-gateway", check=False).returncode, 0)
        self.assertEqual(self.host.output("ls -d /etc/postgres-gateway /usr/local/bin/postgres-gateway 2>/dev/null || true"), "")
        self.stop_squatter()

    def test_02_bad_options_are_refused(self):
        for options in ("--prot 1", "--port x", "--port 0", "--port 99999", "--port 05432", "--port", "--cert-file relative.crt"):
            result = self.install(options, check=False)
            self.assertEqual(result.returncode, 64, options)
        self.assertIn("--enable", self.install("--help").stdout)

    def test_03_install_without_enabling(self):
        result = self.install()
        self.assertIn("not turned on", result.stdout)
        self.assertEqual(self.host.output(f"stat -c '%a %U:%G' {ENVIRONMENT}"), "640 root:postgres-gateway")
        self.assertEqual(self.host.sh("systemctl is-enabled postgres-gateway", check=False).stdout.strip(), "disabled")
        # Started all the same: one line, no failure, nothing left running.
        self.host.sh("systemctl start postgres-gateway")
        self.host.eventually("it has ended", lambda: self.host.property("ActiveState") == "inactive")
        self.assertEqual(self.host.property("Result"), "success")
        self.assertIn("FROST_POSTGRES_GATEWAY_ENABLED=true", self.host.journal())

    def test_04_enable_without_a_certificate_says_what_is_missing(self):
        result = self.install("--enable", check=False)
        self.assertEqual(result.returncode, 78, result.stderr)
        self.assertIn("FROST_POSTGRES_GATEWAY_CERT_FILE", result.stderr)
        self.assertIn("FROST_POSTGRES_GATEWAY_ENABLED=false", self.host.output(f"cat {ENVIRONMENT}"))
        # A key that the service's user cannot read is found by the same check.
        self.make_certificate()
        self.host.sh(f"chmod 0600 {TLS}/server.key")
        result = self.install(f"--enable {OPTIONS}", check=False)
        self.assertEqual(result.returncode, 78, result.stderr)
        self.assertIn(f"{TLS}/server.key", result.stderr)
        self.host.sh(f"chmod 0640 {TLS}/server.key")

    def test_05_enabled_before_there_is_a_route_map(self):
        result = self.install(f"--enable {OPTIONS}")
        self.assertIn("not ready yet", result.stdout)
        self.assertIn("route_map_missing", result.stdout)
        self.assertEqual(self.host.property("ActiveState"), "active")
        self.assertIn("not ready", self.host.property("StatusText"))

    def test_06_ready_with_a_branch_and_psql_through_it(self):
        self.host.sh(
            f"pg_createcluster 15 branch --port {BRANCH_PORT} --start -- --no-locale >/dev/null"
            f" && cd / && su postgres -c \"psql -p {BRANCH_PORT} -qc \\\"CREATE ROLE shop LOGIN PASSWORD 'secret'\\\""
            f" -c 'CREATE DATABASE shop OWNER shop'"
            f" && psql -p {BRANCH_PORT} -d shop -qc \\\"CREATE TABLE branch AS SELECT 'main' AS mark\\\""
            f" -c 'GRANT SELECT ON branch TO shop'\""
        )
        self.host.write("/var/lib/postgres-gateway/routes.json.new", (
            '{ "version": 1, "routes": [ { "hostname": "%s", "hostPort": %d, "target":'
            ' { "id": "dbt_1", "name": "main", "database": "shop", "project": "shop" } } ] }' % (NAME, BRANCH_PORT)
        ))
        self.host.sh("mv /var/lib/postgres-gateway/routes.json.new /var/lib/postgres-gateway/routes.json")
        self.host.sh("systemctl reload postgres-gateway")
        self.host.eventually("it is ready", lambda: self.host.sh("postgres-gateway health", check=False).returncode == 0)
        self.assert_serves()
        self.host.eventually("systemd knows", lambda: "routes: 1" in self.host.property("StatusText"))
        self.assertEqual(self.host.output(f"stat -c %U /proc/{self.pid()}"), "postgres-gateway")

    def test_07_installing_again_changes_nothing(self):
        # The operator's: who writes the route map owns its directory, and the unit is changed in drop-ins.
        self.host.sh("chown postgres /var/lib/postgres-gateway; chgrp postgres /etc/postgres-gateway/tls/server.crt; chmod 0644 /etc/postgres-gateway/tls/server.crt")
        before, pid = self.host.output(f"sha256sum {ENVIRONMENT}"), self.pid()
        result = self.install("--enable")
        self.assertIn("the gateway is ready on port 5432", result.stdout)
        self.assertEqual(self.host.output(f"sha256sum {ENVIRONMENT}"), before)
        self.assertEqual(self.pid(), pid, "no session ends for nothing")
        self.assertEqual(self.host.output("stat -c %U /var/lib/postgres-gateway"), "postgres")
        self.assertEqual(self.host.output("stat -c %G /etc/postgres-gateway/tls/server.crt"), "postgres")
        self.assert_serves()
        # A port that is held, or settings that cannot be used: the gateway that runs is left alone.
        held = self.install(f"--enable --port {BRANCH_PORT}", check=False)
        self.assertEqual(held.returncode, 98, held.stderr)
        bad = self.install("--enable --cert-file /root/none.crt", check=False)
        self.assertEqual(bad.returncode, 78, bad.stderr)
        hidden = self.install("--enable --cert-file /home/server.crt", check=False)
        self.assertEqual(hidden.returncode, 78, hidden.stderr)
        self.assertEqual(self.host.output(f"sha256sum {ENVIRONMENT}"), before)
        self.assertEqual(self.pid(), pid)

    def test_08_sandbox(self):
        table = self.host.output("systemd-analyze security postgres-gateway --no-pager")
        overall = re.search(r"Overall exposure level for postgres-gateway.service: ([0-9.]+) (\w+)", table)
        print(f"systemd-analyze security: {overall.group(1)} {overall.group(2)}", file=sys.stderr)
        self.assertIn(overall.group(2), ("OK", "SAFE", "PERFECT"), table)
        verified = self.host.sh("systemd-analyze verify postgres-gateway.service", check=False)
        self.assertEqual((verified.returncode, verified.stderr.strip()), (0, ""))
        # What the unit asks for; the container it runs in here may have less to give.
        self.assertGreaterEqual(int(self.host.property("LimitNOFILE")), 2 * 10_000 + 64)
        # EPERM would be the system call filter. (EACCES is a container that cannot grant LimitNICE=.)
        self.assertNotRegex(self.host.journal(), r"thread priority.*errno=1\n")
        self.assertEqual(self.host.output(f"awk '/CapEff/ {{ print $2 }}' /proc/{self.pid()}/status"), "0" * 16)

    def test_09_killed_and_back(self):
        before = self.pid()
        self.host.sh(f"kill -9 {before}")
        self.host.eventually("another process serves", lambda: self.pid() not in (0, before)
                             and self.host.sh("postgres-gateway health", check=False).returncode == 0)
        self.assert_serves()

    def test_10_hung_and_back(self):
        self.host.sh("mkdir -p /run/systemd/system/postgres-gateway.service.d")
        self.host.write("/run/systemd/system/postgres-gateway.service.d/test.conf",
                        "[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\n")
        self.host.sh("systemctl daemon-reload && systemctl restart postgres-gateway")
        before = self.pid()
        time.sleep(5)  # longer than the watchdog's limit: its signs of life keep it running
        self.assertEqual(self.pid(), before)
        self.host.sh(f"kill -STOP {before}")
        self.host.eventually("another process serves", lambda: self.pid() not in (0, before)
                             and self.host.sh("postgres-gateway health", check=False).returncode == 0)
        self.assertIn("watchdog", self.host.output("journalctl --sync; journalctl -u postgres-gateway --no-pager").lower())
        self.host.sh("rm -r /run/systemd/system/postgres-gateway.service.d && systemctl daemon-reload && systemctl restart postgres-gateway")
        self.assert_serves()

    def test_11_port_taken_by_postgresql_and_free_again(self):
        self.host.sh("systemctl stop postgres-gateway")
        self.start_squatter()
        self.host.sh("journalctl --rotate && journalctl --vacuum-time=1s", check=False)
        start = time.monotonic()
        self.assertNotEqual(self.host.sh("systemctl start postgres-gateway", check=False).returncode, 0)
        self.host.eventually("it has tried twice", lambda: self.host.journal().count("port 5432 on ") >= 2)
        time.sleep(6)
        tries = self.host.journal().count("port 5432 on ")
        self.assertLessEqual(tries, 2 + (time.monotonic() - start) / 5, "a restart storm")
        line = next(line for line in self.host.journal().splitlines() if "port 5432 on " in line)
        for part in ("in use", "PostgreSQL server", "FROST_POSTGRES_GATEWAY_PORT"):
            self.assertIn(part, line)
        self.stop_squatter()
        self.host.eventually("it is up by itself", lambda: self.host.sh("postgres-gateway health", check=False).returncode == 0)
        self.assert_serves()

    def test_12_configuration_error_is_no_restart_loop(self):
        self.set_variable("HANDSHAKE_TIMEOUT", "soon")
        self.assertNotEqual(self.host.sh("systemctl restart postgres-gateway", check=False).returncode, 0)
        self.host.eventually("it has failed", lambda: self.host.property("ActiveState") == "failed")
        self.assertEqual(self.host.property("ExecMainStatus"), "78")
        self.assertIn("FROST_POSTGRES_GATEWAY_HANDSHAKE_TIMEOUT", self.host.journal())
        time.sleep(7)  # longer than the pause before a restart
        self.assertEqual(self.host.property("ActiveState"), "failed")
        self.assertEqual(self.host.property("NRestarts"), "0")
        self.set_variable("HANDSHAKE_TIMEOUT", "10s")
        self.host.sh("systemctl restart postgres-gateway")
        self.assert_serves()

    def test_13_reload_exchanges_the_certificate_under_a_running_session(self):
        before = self.certificate()
        self.host.sh("mkfifo /root/commands")
        session = subprocess.Popen(
            ["docker", "exec", self.host.name, "bash", "-c",
             f"PGPASSWORD=secret psql -XqAt -f /root/commands 'host={NAME} hostaddr=127.0.0.1 user=shop dbname=shop sslmode=require'"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        writer = subprocess.Popen(["docker", "exec", "-i", self.host.name, "bash", "-c", "cat > /root/commands"],
                                  text=True, stdin=subprocess.PIPE)
        writer.stdin.write("SELECT 'before';\n")
        writer.stdin.flush()
        self.host.eventually("the session is open", lambda: self.host.journal().count('"session started"')
                             > self.host.journal().count('"session ended"'))
        self.make_certificate()
        self.host.sh("systemctl reload postgres-gateway")
        self.host.eventually("the new certificate is shown", lambda: self.certificate() != before)
        self.assertEqual(self.host.property("ActiveState"), "active")
        writer.stdin.write("SELECT 'after';\n")
        writer.stdin.close()
        output, _ = session.communicate(timeout=180)
        writer.wait(180)
        self.assertEqual(output, "before\nafter\n")

    def test_14_update_refuses_what_is_not_whole(self):
        self.set_variable("DRAIN_TIMEOUT", "1s")
        self.host.sh("systemctl restart postgres-gateway")
        self.host.sh(f"cd /root && cp {self.second.name} bad.tar.gz && cp {self.second.name}.sha256 bad.tar.gz.sha256"
                     " && printf x >> bad.tar.gz && cp bad.tar.gz alone.tar.gz")
        for name, text in (("bad.tar.gz", "checksum"), ("alone.tar.gz", "sha256"), ("none.tar.gz", "does not exist")):
            result = self.update(name, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn(text, result.stderr)
        self.assertEqual(self.version(), "postgres-gateway 1.0.0")

    def test_15_update(self):
        before = self.pid()
        result = self.update(self.second.name)
        self.assertRegex(result.stdout, r"1\.0\.0 \(.*\) -> postgres-gateway 1\.1\.0 ")
        self.assertEqual(self.version(), "postgres-gateway 1.1.0")
        self.assertIn("postgres-gateway 1.0.0 (", self.host.output(f"{LIB}/previous/postgres-gateway version"))
        self.assertNotEqual(self.pid(), before)
        self.assertEqual(self.host.output(f"readlink /proc/{self.pid()}/exe"), "/usr/local/bin/postgres-gateway")
        self.assert_serves()

    def test_16_a_release_that_crashes_is_rolled_back(self):
        result = self.update(self.crashing.name, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("broken on purpose", result.stderr)
        self.assertRegex(result.stderr, r"rolled back; postgres-gateway 1\.1\.0 .*runs again")
        self.assertEqual(self.version(), "postgres-gateway 1.1.0")
        self.assert_serves()

    def test_17_a_release_that_cannot_use_the_settings_changes_nothing(self):
        before = self.pid()
        result = self.update(self.choosy.name, check=False)
        self.assertEqual(result.returncode, 78)
        self.assertIn("a setting of 2.1.0 is missing", result.stderr)
        self.assertEqual(self.pid(), before)
        self.assertEqual(self.version(), "postgres-gateway 1.1.0")

    def test_18_a_release_without_health_is_rolled_back(self):
        result = self.update(f"--wait 5 {self.mute.name}", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("does not become healthy", result.stderr)
        self.assertRegex(result.stderr, r"rolled back; postgres-gateway 1\.1\.0 .*runs again")
        self.assert_serves()

    def test_19_back_by_hand(self):
        # Tries that failed do not count: it is still the release before the last update.
        self.update("--rollback")
        self.assertEqual(self.version(), "postgres-gateway 1.0.0")
        self.assert_serves()
        self.update("--rollback")
        self.assertEqual(self.version(), "postgres-gateway 1.1.0")
        self.assert_serves()

    def test_19a_interrupted_updates(self):
        # Cut off while it waits for health: what ran before is put back.
        for signal in ("HUP", "TERM", "KILL"):
            self.host.sh(f"cd /root && (setsid {LIB}/update.sh --wait 600 {self.mute.name} >/root/update.log 2>&1 & echo $! >/root/update.pid)")
            self.host.eventually("it has switched", lambda: self.version() == "postgres-gateway 2.2.0"
                                 and self.host.property("ActiveState") == "active")
            self.host.sh(f"kill -{signal} $(cat /root/update.pid)")
            if signal == "KILL":
                # Nobody could do anything then; the next run does, and what was there before is not lost.
                self.assertEqual(self.version(), "postgres-gateway 2.2.0")
                self.assertIn("cut off", self.update(self.second.name).stdout)
            self.host.eventually("the release before runs", lambda: self.version() == "postgres-gateway 1.1.0"
                                 and self.host.sh("postgres-gateway health", check=False).returncode == 0)
            self.assert_serves()

    def test_19b_a_gateway_that_is_down_is_updated_and_rolled_back(self):
        self.host.sh("systemctl stop postgres-gateway")
        self.assertIn("was not started", self.update(self.first.name).stdout)
        self.assertEqual(self.host.property("ActiveState"), "inactive")
        # A release that fails at every start, as if it had been installed so.
        self.host.sh(f"cp {LIB}/previous/postgres-gateway /root/good; printf '#!/bin/sh\\n[ $1 = version ] && echo postgres-gateway 0.9 || exit 1\\n'"
                     " > /usr/local/bin/postgres-gateway.bad; chmod 0755 /usr/local/bin/postgres-gateway.bad;"
                     " mv /usr/local/bin/postgres-gateway.bad /usr/local/bin/postgres-gateway; systemctl start postgres-gateway || true")
        self.assertNotEqual(self.host.property("ActiveState"), "active")
        self.assertIn("0.9 -> postgres-gateway 1.1.0", self.update("--rollback").stdout)
        self.assert_serves()

    def test_20_a_lower_port_gets_its_capability(self):
        # Settings are changed with the installer of the release that is installed.
        self.host.sh(f"rm -rf /root/release && mkdir /root/release && tar -xzf /root/{self.second.name} -C /root/release --strip-components=1")
        self.install("--enable --port 443")
        self.assertEqual(self.psql(port=443).stdout.strip(), "main")
        # CAP_NET_BIND_SERVICE is bit 10, and no other.
        self.assertEqual(self.host.output(f"awk '/CapEff/ {{ print $2 }}' /proc/{self.pid()}/status"), "0000000000000400")
        self.install("--enable --port 5432")
        self.assert_serves()
        self.assertEqual(self.host.output("ls /etc/systemd/system | grep postgres-gateway"), "postgres-gateway.service")

    def test_21_uninstall_leaves_what_it_names(self):
        # An operator's own change of the unit is named and kept, too.
        self.host.sh("mkdir -p /etc/systemd/system/postgres-gateway.service.d")
        self.host.write("/etc/systemd/system/postgres-gateway.service.d/override.conf", "[Service]\nRestartSec=7s\n")
        result = self.host.sh(f"{LIB}/uninstall.sh")
        for place in ("/etc/postgres-gateway", "/var/lib/postgres-gateway", "/etc/systemd/system/postgres-gateway.service.d"):
            self.assertIn(place, result.stdout)
        self.host.sh("rm -r /etc/systemd/system/postgres-gateway.service.d")
        left = self.host.output("find / -xdev -name '*postgres-gateway*' -not -path '/proc/*' -not -path '/root/*' 2>/dev/null")
        self.assertEqual(sorted(left.splitlines()), ["/etc/postgres-gateway", "/var/lib/postgres-gateway"])
        self.assertNotEqual(self.host.sh("getent passwd postgres-gateway", check=False).returncode, 0)
        self.assertNotEqual(self.psql(check=False).returncode, 0)
        self.assertIn("not-found", self.host.property("LoadState"))

    def test_22_install_finds_its_settings_again_and_purge_removes_them(self):
        self.assertIn("is ready", self.install().stdout)
        self.assert_serves()
        self.assertIn("nothing is left", self.host.sh(f"{LIB}/uninstall.sh --purge").stdout)
        left = self.host.output("find / -xdev -name '*postgres-gateway*' -not -path '/proc/*' -not -path '/root/*' 2>/dev/null")
        self.assertEqual(left, "")


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)

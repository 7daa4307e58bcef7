#!/usr/bin/env python3
"""The gateway beside an installed Frost on real systemd.

The tests are one story and run in the order of their names. Run alone, or by systemd_test.py. PROGRAMS names a folder of
release programs that are built already.
"""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from frost_machine import BASE, ENVIRONMENT, PASSWORD, STATE, SYNC, FrostMachine  # noqa: E402
from host import LIB, ROOT, build_image, built_programs, package  # noqa: E402
from story import Story  # noqa: E402


class ForFrostTest(Story):
    @classmethod
    def setUpClass(cls):
        build_image(FrostMachine.image, "python3")
        # The programs of the other stories: a build between two of these would give them another name.
        cls.tarball = package(built_programs()[0], "1.0.0-for-frost")
        cls.start_host(FrostMachine(), cls.tarball)
        cls.host.copy(ROOT / "Tests" / "certificate.sh", "/root/certificate.sh")
        cls.host.start_servers()

    def install(self, options="", check=True):
        return super().install(f"--for-frost {options}", check)

    def ask(self, branch, **options):
        return self.host.ask(branch, **options)

    def until_it_says(self, what, branch, **options):
        self.host.until_it_says(what, branch, **options)

    def frost(self, *words):
        return self.host.frost(*words)

    def unit(self, name, of=SYNC):
        return self.host.unit(name, of)

    # -- before --

    def test_01_no_frost(self):
        before = self.host.traces()
        self.host.sh("mkdir -p /srv/other")
        for directory, text in (("", "there is no directory /opt/frost"), ("/srv/other", "is not an installation of Frost: it has no .env")):
            for option in ("--check", ""):
                result = self.install(f"{directory} {option}", check=False)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(text, result.stderr)
        for options in ("relative", "--port 0", "--port", "--caddy", "--cert-dir x", "--own-ca --cert-dir /x", "--nonsense", "'/opt/fr\"ost'"):
            self.assertEqual(self.install(options, check=False).returncode, 64, options)
        self.assertIn("--caddy", self.install("--help").stdout)
        self.assertEqual(self.host.traces(), before)

    def test_02_a_frost_that_is_too_old(self):
        self.host.install_frost(migration=13)
        before = self.host.traces()
        for option in ("--check", ""):
            result = self.install(option, check=False)
            self.assertEqual(result.returncode, 1, result.stdout)
            self.assertIn("last migration is 013", result.stderr)
            self.assertIn("migration 014 or later", result.stderr)
        self.assertEqual(self.host.traces(), before)

    def test_03_port_5432_is_held(self):
        self.host.install_frost()
        self.frost("wildcard", BASE)
        for port, branch in ((10000, "main"), (10001, "dev")):
            self.frost("create", "shop", "orders", branch, str(port), PASSWORD)
        self.host.sh("pg_createcluster 15 main --port 5432 --start -- --no-locale >/dev/null")
        before = self.host.traces()
        checked = self.install("--check", check=False)
        self.assertEqual(checked.returncode, 1)
        installed = self.install(check=False)
        self.assertEqual(installed.returncode, 98)
        self.assertEqual(self.host.traces(), before)
        for text in (checked.stderr, installed.stderr):
            self.assertIn("the PostgreSQL cluster 15/main of this host", text)
        # What it says works as typed.
        move = re.search(r"to move it to port \d+: (.* restart [^;\s]+)", checked.stderr).group(1)
        self.host.sh(move)
        self.assertEqual(self.install("--check").returncode, 0)

    def test_04_the_environment_is_data(self):
        data = "/opt/frost/data/frost.db"
        texts = {
            "FROST_DATA_DIR=/opt/frost/data\n": data,
            "FROST_DATA_DIR=\"/opt/frost/data\"\r\nNODE_ENV=production\r\n": data,
            "  FROST_DATA_DIR = '/opt/frost/data/'  \n": data,
            "export FROST_DATA_DIR=/opt/frost/data # mine\n#FROST_DATA_DIR=/none\n": None,
            "NODE_ENV=production": data,
            "FROST_DATA_DIR=\nFROST_DB_PATH=\n": data,
            "FROST_DATA_DIR=data\n": data,
            "FROST_DB_PATH=./data/frost.db\nFROST_DATA_DIR=/none\n": data,
            "FROST_DATA_DIR=/none\nFROST_DATA_DIR=/opt/frost/data\n": data,
            "FROST_DATA_DIR=/none\n": None,
            "FROST_DB_PATH=$(touch /root/owned)/opt/frost/data/frost.db\n": None,
            "touch /root/owned\n`touch /root/owned`\nFROST_DATA_DIR=/opt/frost/data\n": data,
        }
        try:
            for text, found in texts.items():
                self.host.write("/opt/frost/.env", text)
                result = self.install("--check", check=False)
                self.assertEqual(result.returncode == 0, found is not None, f"{text!r}: {result.stdout}{result.stderr}")
                if found:
                    self.assertIn(f"which follows {found}\n", result.stdout, text)
        finally:
            self.host.write("/opt/frost/.env", ENVIRONMENT)
        self.assertNotEqual(self.host.sh("test -e /root/owned", check=False).returncode, 0)

    def test_05_check_says_what_it_would_do_and_does_nothing(self):
        before = self.host.traces()
        result = self.install("--check")
        for text in ("last migration 018", "2 active and 0 stopped", "would install the gateway on port 5432", "CA made here", "nothing was changed"):
            self.assertIn(text, result.stdout)
        self.assertEqual(self.host.traces(), before)

    # -- installed --

    def test_06_install(self):
        frost = self.host.output("find /opt/frost | sort | grep -v frost.db; sha256sum /opt/frost/.env")
        pid = self.unit("MainPID", of="frost")
        result = self.install()
        self.assertIn("now serves the branches of Frost on port 5432", result.stdout)
        self.assertIn("tried: connected to orders, certificate verified", result.stdout)
        self.assertIn(f"main.pg.shop.{BASE}:5432", result.stdout)
        self.assertIn("********", result.stdout)
        self.assertNotIn("s3cret", result.stdout + result.stderr)
        self.assertIn("firewall", result.stdout)
        self.assertEqual(self.host.output("find /opt/frost | sort | grep -v frost.db; sha256sum /opt/frost/.env"), frost)
        self.assertEqual(self.unit("MainPID", of="frost"), pid, "Frost is left alone")
        # The line as it is printed, for people who paste it.
        line = re.search(r"^ +(psql .*)$", self.install("--show-password").stdout, re.MULTILINE).group(1)
        self.assertIn("sslmode=verify-full", line)
        self.host.write("/root/line", f"{line} -XqAtc 'SELECT port FROM mark'\n")
        self.assertEqual(self.host.output("bash /root/line"), "10000")

    def test_07_the_account_and_the_sandbox(self):
        pid = self.unit("MainPID")
        self.assertEqual(self.host.output(f"stat -c '%U %G' /proc/{pid}"), f"{SYNC} {SYNC}")
        self.assertEqual(self.host.output(f"awk '/CapEff/ {{ print $2 }}' /proc/{pid}/status"), "0" * 16)
        self.assertEqual(self.host.output(f"tail -n +3 /proc/{pid}/net/dev | awk '{{ print $1 }}'"), "lo:")
        self.assertNotEqual(self.host.output(f"readlink /proc/{pid}/ns/net"), self.host.output("readlink /proc/1/ns/net"))
        self.assertEqual(self.host.output(f"stat -c '%a %U:%G' {STATE}/certificates {STATE}/ca/ca.key {STATE}/certificates/pg.localhost.key"),
                         f"2750 {SYNC}:postgres-gateway\n600 {SYNC}:{SYNC}\n640 {SYNC}:postgres-gateway")
        self.assertEqual(self.host.output("find /opt/frost -not -user root"), "")
        table = self.host.output(f"systemd-analyze security {SYNC} --no-pager")
        print(table.splitlines()[-1], file=sys.stderr)
        self.assertRegex(table, rf"Overall exposure level for {SYNC}.service: [0-9.]+ (OK|SAFE|PERFECT)")
        verified = self.host.sh(f"systemd-analyze verify {SYNC}.service {SYNC}-caddy.service {SYNC}-caddy.timer", check=False)
        self.assertEqual((verified.returncode, verified.stderr.strip()), (0, ""))

    def test_08_stop_and_start(self):
        self.assertEqual(self.ask("dev"), 10001)
        self.frost("state", "dev", "stopped")
        self.until_it_says("is stopped", "dev")
        self.assertEqual(self.ask("main"), 10000)
        self.frost("state", "dev", "active")
        self.until_it_says(10001, "dev")

    def test_09_rename_delete_and_a_port_that_goes_to_another(self):
        self.frost("rename", "dev", "qa")
        self.until_it_says(10001, "qa")
        self.until_it_says("no branch", "dev")
        self.frost("delete", "qa")
        self.frost("create", "shop", "orders", "other", "10001", PASSWORD)
        self.until_it_says(10001, "other")
        self.assertIn("no branch", self.ask("qa"))
        # A new project has its certificate as soon as it has a name.
        self.frost("create", "crm", "users", "main", "10002", PASSWORD)
        self.until_it_says(10002, "main", project="crm", database="users")
        self.assertNotIn("verify failed", self.host.journal())

    def test_10_wildcard_removed_and_set_again(self):
        self.frost("wildcard", "")
        for branch in ("main", "other"):
            self.until_it_says("no branch", branch, sslmode="require")
        self.frost("wildcard", BASE)
        self.until_it_says(10001, "other")
        self.frost("wildcard", "new.localhost")
        self.until_it_says(10001, "other", base="new.localhost")
        self.until_it_says("no branch", "other", sslmode="require")
        self.frost("wildcard", BASE)
        self.until_it_says(10001, "other")

    def test_11_frost_restarts_stops_and_starts(self):
        before, gateway = self.unit("MainPID"), self.unit("MainPID", of="postgres-gateway")
        self.host.sh("systemctl restart frost")
        self.host.eventually("sync was restarted too", lambda: self.unit("MainPID") not in ("0", before))
        self.host.sh("systemctl stop frost")
        self.assertEqual(self.unit("ActiveState"), "inactive")
        self.assertEqual(self.ask("main"), 10000, "the gateway goes on with the map it has")
        checked = self.install("--check", check=False)
        self.assertEqual(checked.returncode, 1)
        self.assertIn(f"{SYNC} does not run", checked.stderr)
        self.host.sh("systemctl start frost")
        self.host.eventually("sync is there again", lambda: self.unit("ActiveState") == "active")
        self.assertEqual(self.ask("main"), 10000)
        self.assertEqual(self.unit("MainPID", of="postgres-gateway"), gateway)

    def test_12_backups_are_restored(self):
        data = "/opt/frost/data"
        for how in ("VACUUM INTO", "cp"):
            with self.subTest(how):
                if how == "cp":
                    self.host.sh(f"systemctl stop frost && cp {data}/frost.db /root/backup.db && systemctl start frost")
                else:
                    self.frost("backup", "/root/backup.db")
                self.host.until_frost_is_up()
                self.frost("delete", "other")
                self.frost("create", "shop", "orders", "late", "10001", PASSWORD)
                self.until_it_says(10001, "late")
                self.assertIn("no branch", self.ask("other"))
                self.host.sh(f"systemctl stop frost; rm -f {data}/frost.db-wal {data}/frost.db-shm; cp /root/backup.db {data}/frost.db;"
                             " rm /root/backup.db; systemctl start frost")
                self.until_it_says(10001, "other")
                self.until_it_says("no branch", "late")
                self.assertEqual(self.unit("NRestarts", of="frost"), "0", "Frost starts on its backup")

    def test_13_check_and_install_again(self):
        ca = self.host.output(f"sha256sum {STATE}/ca/*")
        pids = [self.unit("MainPID", of=name) for name in ("frost", "postgres-gateway", SYNC)]
        self.assertIn("it is installed", self.install("--check").stdout)
        self.assertIn("certificate verified", self.install().stdout)
        self.assertEqual([self.unit("MainPID", of=name) for name in ("frost", "postgres-gateway", SYNC)], pids)
        self.assertEqual(self.host.output(f"sha256sum {STATE}/ca/*"), ca)
        self.host.sh("systemctl stop postgres-gateway")
        checked = self.install("--check", check=False)
        self.assertEqual(checked.returncode, 1)
        self.assertIn("postgres-gateway does not run", checked.stderr)
        self.install()
        self.assertEqual(self.ask("main"), 10000)
        self.assertEqual(self.unit("UnitFileState"), "enabled")

    def test_14_killed_and_back(self):
        before = self.unit("MainPID")
        self.host.sh(f"kill -9 {before}")
        self.frost("state", "other", "stopped")
        self.until_it_says("is stopped", "other")
        self.frost("state", "other", "active")
        self.until_it_says(10001, "other")

    # -- other certificates --

    def test_15_certificates_in_a_directory(self):
        self.host.sh(f"mkdir /etc/pairs && bash /root/certificate.sh /etc/pairs/wildcard_.pg.shop.{BASE} '*.pg.shop.{BASE}'"
                     " && chgrp -R postgres-gateway /etc/pairs && chmod 0640 /etc/pairs/*")
        result = self.install("--cert-dir /etc/pairs")
        self.assertIn("tried: connected to orders\n", result.stdout)
        self.assertIn("sslmode=require", result.stdout)
        self.assertIn("verify failed", self.ask("main"), "it is another CA now")
        self.assertEqual(self.ask("main", sslmode="require"), 10000)
        self.assertIn("in /etc/pairs", self.install("--check").stdout, "it is kept")
        self.assertEqual(self.install("--check --cert-dir /none", check=False).returncode, 1)

    def test_16_certificates_of_caddy(self):
        storage = "/var/lib/caddy/certificates"
        issuer = f"{storage}/acme-v02.example-directory"

        def obtain(name):
            return f"mkdir -p {issuer}/wildcard_.{name} && bash /root/certificate.sh {issuer}/wildcard_.{name}/wildcard_.{name} '*.{name}'"
        self.host.sh(f"useradd --system caddy; {obtain(f'pg.shop.{BASE}')}; chown -R caddy {storage}; chmod -R go= {storage}")
        result = self.install(f"--caddy {storage}")
        self.assertIn("tried: connected to orders\n", result.stdout)

        def shown(project):
            return self.host.output(f"openssl s_client -connect 127.0.0.1:5432 -starttls postgres -servername main.pg.{project}.{BASE}"
                                    " </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -ext subjectAltName")
        before = shown("shop")
        self.assertIn(f"*.pg.shop.{BASE}", before)
        self.assertEqual(self.host.output("stat -c '%a %U:%G' /etc/postgres-gateway/caddy/*.key"), "640 root:postgres-gateway")
        # A new name is seen at once; a renewal by the timer, which is not waited for here.
        self.host.sh(f"{obtain(f'pg.crm.{BASE}')}; chown -R caddy {storage}; chmod -R go= {storage}")
        self.host.eventually("the new pair is shown", lambda: f"*.pg.crm.{BASE}" in shown("crm"))
        self.assertEqual(self.unit("ActiveState", of=f"{SYNC}-caddy.timer"), "active")
        self.host.sh(f"{obtain(f'pg.shop.{BASE}')}; systemctl start {SYNC}-caddy.service")
        self.host.eventually("the renewed pair is shown", lambda: f"*.pg.shop.{BASE}" in shown("shop") and shown("shop") != before)
        # Storage that is away takes nothing with it.
        self.host.sh(f"mv {storage} {storage}.away; systemctl start {SYNC}-caddy.service || mv {storage}.away {storage}")
        self.assertIn(f"*.pg.shop.{BASE}", shown("shop"))
        ca = self.host.output(f"sha256sum {STATE}/ca/ca.crt")
        self.assertIn("certificate verified", self.install("--own-ca").stdout)
        self.assertEqual(self.host.output(f"sha256sum {STATE}/ca/ca.crt"), ca, "clients have it")
        self.assertEqual(self.ask("main"), 10000)

    # -- what Frost does to itself --

    def test_17_a_frost_that_lets_nobody_read(self):
        self.host.sh("chmod 0700 /opt/frost")
        self.assertIn("certificate verified", self.install().stdout)
        # CAP_DAC_READ_SEARCH is bit 2, and no other.
        self.assertEqual(self.host.output(f"awk '/CapEff/ {{ print $2 }}' /proc/{self.unit('MainPID')}/status"), "0000000000000004")
        self.frost("state", "other", "stopped")
        self.until_it_says("is stopped", "other")
        self.host.sh("chmod 0755 /opt/frost")
        self.install()
        self.assertEqual(self.host.output(f"awk '/CapEff/ {{ print $2 }}' /proc/{self.unit('MainPID')}/status"), "0" * 16)

    def test_17a_update_and_back(self):
        def repack(name, change):
            self.host.sh(f"cd /root && rm -rf next && mkdir next && tar -xzf {self.tarball.name} -C next && cd next/* && {change} && cd /root/next"
                         f" && tar -czf /root/{name} * && cd /root && sha256sum {name} >{name}.sha256")

        def frost():
            return self.host.output(f"sha256sum <{LIB}/frost")
        repack("next.tar.gz", "printf x >>frost")
        repack("broken.tar.gz", "printf '#!/bin/sh\\n[ $1 = --version ]\\n' >frost")
        before, pid = frost(), self.unit("MainPID")
        self.host.sh(f"{LIB}/update.sh /root/next.tar.gz")
        after = frost()
        self.assertNotEqual(after, before)
        self.assertNotIn(self.unit("MainPID"), ("0", pid))
        self.assertEqual(self.ask("main"), 10000)
        broken = self.host.sh(f"{LIB}/update.sh /root/broken.tar.gz", check=False)
        self.assertEqual(broken.returncode, 1)
        self.assertIn("frost sync does not run", broken.stderr)
        self.assertIn("rolled back", broken.stderr)
        self.assertEqual((frost(), self.unit("ActiveState")), (after, "active"))
        self.host.sh(f"{LIB}/update.sh --rollback")
        self.assertEqual((frost(), self.unit("ActiveState")), (before, "active"))
        self.assertEqual(self.unit("ActiveState", of="frost"), "active", "Frost's own unit is nobody else's")
        self.assertIn("frost.py", self.host.output("cat /etc/systemd/system/frost.service"))
        self.assertEqual(self.ask("main"), 10000)

    def test_18_frost_is_installed_anew(self):
        self.host.install_frost()
        self.until_it_says("no branch", "main", sslmode="require")
        result = self.install()
        self.assertIn("no active branch is routed", result.stdout)
        self.frost("wildcard", BASE)
        self.frost("create", "shop", "orders", "main", "10000", PASSWORD)
        self.until_it_says(10000, "main")

    def test_19_uninstall(self):
        frost = self.host.output("ls -l /etc/systemd/system/frost.service; find /opt/frost | sort")
        result = self.host.sh(f"{LIB}/uninstall.sh")
        self.assertIn(STATE, result.stdout)
        left = self.host.output("find / -xdev -name '*postgres-gateway*' -not -path '/proc/*' -not -path '/root/*' 2>/dev/null")
        self.assertEqual(sorted(left.splitlines()), ["/etc/postgres-gateway", "/var/lib/postgres-gateway", STATE])
        self.assertEqual(self.host.output(f"find {STATE} -not -user root"), "")
        self.assertEqual(self.host.output("ls -l /etc/systemd/system/frost.service; find /opt/frost | sort"), frost)
        self.assertEqual(self.unit("ActiveState", of="frost"), "active")
        # What was kept is found again, and purge removes it.
        ca = self.host.output(f"sha256sum {STATE}/ca/ca.crt")
        self.assertIn("certificate verified", self.install().stdout)
        self.assertEqual(self.host.output(f"sha256sum {STATE}/ca/ca.crt"), ca)
        self.assertIn("nothing is left", self.host.sh(f"{LIB}/uninstall.sh --purge").stdout)
        self.assertEqual(self.host.output("find / -xdev -name '*postgres-gateway*' -not -path '/proc/*' -not -path '/root/*' 2>/dev/null"), "")
        self.assertEqual(self.host.sh("getent passwd | grep postgres-gateway", check=False).stdout, "")


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)

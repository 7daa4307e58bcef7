"""install.sh --with-frost on real systemd: both programs, branches that outlive restarts, updates and the host's own stop.

One story, in the order of its names; systemd_test.py runs it.
"""

import json
import re
import subprocess
import sys

from host import LIB, ROOT, Host, build_broken, build_image, build_program
from signature import KEY, SignatureSteps
from story import Story

SERVERS = "/usr/local/lib/frost/servers.sh"
BRANCHES = "/var/lib/frost/branches"
CA = "/root/ca.crt"


class Session:
    """A psql that stays connected; each line is answered before the next is sent."""

    def __init__(self, host, connection, password):
        self.process = subprocess.Popen(
            ["docker", "exec", "-i", "-e", f"PGPASSWORD={password}", host.name, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", connection],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=1,
        )

    def ask(self, query):
        self.process.stdin.write(f"{query};\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        return self.process.communicate(timeout=180)[0].strip()


class WithFrostTest(SignatureSteps, Story):
    @classmethod
    def setUpClass(cls):
        build_image()
        cls.first = build_program("1.0.0")
        cls.second = build_program("1.1.0")
        cls.broken = build_broken("3.0.0", frost="echo 'broken on purpose' >&2; exit 1")
        # As a newer one would, it changes the store before it fails.
        cls.newer = build_broken(
            "3.2.0", frost="sqlite3 /var/lib/frost/frost.db \"INSERT INTO grdb_migrations VALUES ('of 3.2.0')\"; exit 1")
        cls.mute = build_broken("3.1.0", frost="exec sleep 600")
        cls.start_host(Host(), cls.first, cls.second, cls.broken, cls.mute, cls.newer)

    # -- helpers --

    def install(self, options="--with-frost", check=True):
        return super().install(options, check)

    def frost_pid(self):
        return int(self.host.property("MainPID", "frost"))

    def gateway_pid(self):
        return int(self.host.property("MainPID"))

    def servers(self):
        return sorted(int(pid) for pid in self.host.output(f"{SERVERS} list").split())

    def branches(self):
        return {branch["name"]: branch for branch in json.loads(self.host.output("frost branch list --json"))}

    def connection(self, branch):
        return (f"host={branch}.pg.shop.localhost hostaddr=127.0.0.1 port=5432 user=frost dbname=shop"
                f" sslmode=verify-full sslrootcert={CA} connect_timeout=10")

    def password(self):
        url = self.host.output("frost branch url main --database shop")
        self.assertIn(":5432/", url)
        return re.search(r"://frost:([^@]+)@", url).group(1)

    def psql(self, branch, query="SELECT mark FROM branch", check=True):
        return self.host.sh(f"PGPASSWORD='{self.password()}' psql -XqAt -c \"{query}\" '{self.connection(branch)}'", check=check)

    def assert_serves(self):
        for branch in ("main", "dev"):
            self.host.eventually(f"{branch} answers", lambda: self.psql(branch, check=False).stdout == "here\n")

    def versions(self):
        return [" ".join(self.host.output(command).split()[:2]) for command in ("postgres-gateway version", "frost --version")]

    def state(self):
        """What an update must not touch when it refuses."""
        return self.versions(), self.frost_pid(), self.gateway_pid(), self.host.output(f"cd {LIB} && find . | sort")

    def api(self, method, path, body=None):
        data = f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'" if body is not None else ""
        return json.loads(self.host.output(
            f"curl -sS --fail-with-body -X {method} -H \"X-Frost-Token: $(cat /root/token)\" {data} http://127.0.0.1:3000/api/{path}"))

    def log(self, name):
        return self.host.output(f"cat {BRANCHES}/{self.branches()[name]['id']}/server.log*")

    # -- the story --

    def test_01_what_the_host_lacks_is_told_first(self):
        self.host.sh("cp -r /root/release /root/odd")
        for line, text in (("architecture sparc64", "this release is for sparc64"), ("glibc 9.99", "needs glibc 9.99 or newer, and this system has 2."),
                           ("library libsqlite3.so.7", "libsqlite3.so.7"), ("library libz.so.1 ZLIB_99", "libz.so.1 with ZLIB_99")):
            self.host.sh(f"echo '{line}' > /root/odd/REQUIREMENTS && printf '#!/bin/sh\\ntouch /root/ran\\n' > /root/odd/postgres-gateway")
            result = self.host.sh("/root/odd/install.sh --with-frost", check=False)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn(text, result.stderr)
            self.assertIn("Nothing was changed.", result.stderr)
        self.assertIn("apt-get install zlib1g (or: dnf install zlib)", result.stderr)
        self.assertEqual(self.host.output("ls /root/ran 2>/dev/null || true"), "")
        needs = self.host.output("cat /root/release/REQUIREMENTS")
        self.assertRegex(needs, r"(?m)^glibc 2\.\d+$")
        self.assertIn("library libsqlite3.so.0", needs)

    def test_02_the_cluster_that_debian_starts_holds_the_port(self):
        self.host.sh("pg_createcluster 15 main --port 5432 -- --no-locale >/dev/null && systemctl start postgresql@15-main")
        result = self.install(check=False)
        self.assertEqual(result.returncode, 98, result.stderr)
        self.assertIn("the PostgreSQL cluster 15/main of this host; to move it to port 5433: ", result.stderr)
        self.assertEqual(self.host.output("getent passwd postgres-gateway frost-postgres || true"), "")
        command = re.search(r"pg_conftool 15 main set port \d+ && systemctl restart postgresql@15-main", result.stderr).group(0)
        self.host.sh(command)
        self.assertEqual(self.host.output("pg_lsclusters -h | awk '{ print $3, $4 }'"), "5433 online")
        # The unit of another program is not touched.
        self.host.write("/etc/systemd/system/frost.service", "[Service]\nExecStart=/opt/frost/bin/server\n")
        result = self.install(check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("--for-frost", result.stderr)
        self.host.sh("rm /etc/systemd/system/frost.service")

    def test_03_one_command_installs_both(self):
        result = self.install()
        self.assertIn("the gateway is ready on port 5432", result.stdout)
        self.assertIn("frost is ready; page and API: http://127.0.0.1:3000", result.stdout)
        for unit in ("frost", "frost-servers", "postgres-gateway"):
            self.assertEqual(self.host.output(f"systemctl is-enabled {unit}; systemctl is-active {unit}"), "enabled\nactive")
        self.assertEqual(self.versions(), ["postgres-gateway 1.0.0", "frost 1.0.0"])
        settings = self.host.output("cat /etc/postgres-gateway/environment")
        self.assertIn("FROST_POSTGRES_GATEWAY_ROUTE_FILE=/var/lib/frost/routes.json\n", settings)
        self.assertIn("FROST_POSTGRES_GATEWAY_CERT_DIR=/var/lib/frost/certificates\n", settings)

    def test_04_a_branch_through_the_api_and_psql_with_the_own_ca(self):
        self.host.sh("frost token rotate > /root/token && chmod 0600 /root/token")
        self.assertIn("<html", self.host.output("curl -sS -L http://127.0.0.1:3000/"))
        project = self.api("POST", "projects", {"name": "shop"})
        database = self.api("POST", f"projects/{project['id']}/databases", {"name": "shop", "engine": "postgres"})
        self.host.eventually("main is active", lambda: self.branches().get("main", {}).get("status") == "active")
        self.host.sh(f"frost ca --out {CA} && chmod 0644 {CA}")
        self.host.eventually("the certificate is there", lambda: self.psql("main", "SELECT 1", check=False).stdout == "1\n")
        self.psql("main", "CREATE TABLE branch AS SELECT 'here'::text AS mark")
        self.host.sh("frost branch create dev >/dev/null")
        self.assert_serves()
        self.assertIn("id", database)
        # Verified indeed: another CA is refused.
        self.host.sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -keyout /dev/null -out /root/other.crt 2>/dev/null")
        other = self.host.sh(f"PGPASSWORD=x psql -c 'SELECT 1' '{self.connection('dev').replace(CA, '/root/other.crt')}'", check=False)
        self.assertIn("certificate verify failed", other.stderr)

    def test_05_whose_hands(self):
        servers = self.servers()
        self.assertEqual(len(servers), 2)
        for pid in servers:
            self.assertEqual(self.host.output(f"stat -c %U /proc/{pid}"), "frost-postgres")
            self.assertRegex(self.host.output(f"cat /proc/{pid}/cgroup"), r"/frost\.slice/frost-servers\.slice/run-.*\.scope")
            status = self.host.output(f"cat /proc/{pid}/status")
            self.assertRegex(status, r"CapEff:\t0+\n")
            self.assertRegex(status, r"NoNewPrivs:\t1\n")
            self.assertEqual(self.host.output(f"cat /proc/{pid}/oom_score_adj"), "0")
        # What the unit asks for; the container may have less to give.
        self.assertEqual(self.host.property("OOMScoreAdjust", "frost"), "-500")
        self.assertEqual(self.host.property("OOMPolicy", "frost"), "continue")
        self.assertEqual(self.host.property("TasksMax", "frost"), "infinity")
        self.assertEqual(self.host.output("stat -c '%a %G' /var/lib/frost/certificates/wildcard_.pg.shop.localhost.key"), "640 postgres-gateway")
        self.assertEqual(self.host.output("stat -c '%a %U' /var/lib/frost/ca/ca.key"), "600 root")
        table = self.host.output("systemd-analyze security frost --no-pager")
        print("systemd-analyze security frost:", re.search(r"level for frost.service: ([0-9.]+ \w+)", table).group(1), file=sys.stderr)
        verified = self.host.sh("systemd-analyze verify frost.service frost-servers.service", check=False)
        self.assertEqual((verified.returncode, verified.stderr.strip()), (0, ""))

    def test_06_installing_again_changes_nothing(self):
        before = self.state(), self.servers(), self.host.output("sha256sum /etc/frost/environment /etc/postgres-gateway/environment")
        self.assertIn("is ready on port 5432", self.install().stdout)
        self.install("")
        self.assertEqual((self.state(), self.servers(),
                          self.host.output("sha256sum /etc/frost/environment /etc/postgres-gateway/environment")), before)

    def test_07_a_restart_and_a_kill_of_frost_cut_no_session(self):
        servers, session = self.servers(), Session(self.host, self.connection("dev"), self.password())
        self.assertEqual(session.ask("SELECT mark FROM branch"), "here")
        backend = session.ask("SELECT pg_backend_pid()")
        frost = self.frost_pid()
        self.host.sh("systemctl restart frost")
        self.assertNotEqual(self.frost_pid(), frost)
        self.assertEqual(session.ask("SELECT pg_backend_pid()"), backend)
        frost = self.frost_pid()
        self.host.sh(f"kill -9 {frost}")
        self.host.eventually("systemd has started another", lambda: self.frost_pid() not in (0, frost)
                             and self.host.property("ActiveState", "frost") == "active")
        self.assertEqual(session.ask("SELECT pg_backend_pid()"), backend)
        session.end()
        self.assertEqual(self.servers(), servers)
        gateway = self.gateway_pid()
        self.host.sh(f"kill -9 {gateway}")
        self.host.eventually("the gateway is back", lambda: self.gateway_pid() not in (0, gateway)
                             and self.host.sh("postgres-gateway health", check=False).returncode == 0)
        self.assert_serves()
        self.assertEqual(self.servers(), servers)

    def test_08_a_server_killed_for_its_memory_takes_nobody_with_it(self):
        # What the kernel does to a process that has to go: one of its backends first, then its first process.
        frost, gateway = self.frost_pid(), self.gateway_pid()
        other = Session(self.host, self.connection("main"), self.password())
        backend = other.ask("SELECT pg_backend_pid()")
        victim = Session(self.host, self.connection("dev"), self.password())
        self.host.sh(f"kill -9 {victim.ask('SELECT pg_backend_pid()')}")
        victim.end()
        self.host.eventually("dev is back", lambda: self.psql("dev", check=False).stdout == "here\n")
        dev = int(self.host.output(f"head -n 1 {BRANCHES}/{self.branches()['dev']['id']}/data/postmaster.pid"))
        self.host.sh(f"kill -9 {dev}")
        self.host.eventually("frost has started it again", lambda: len(self.servers()) == 2 and dev not in self.servers())
        self.assert_serves()
        self.assertEqual(other.ask("SELECT pg_backend_pid()"), backend)
        other.end()
        self.assertEqual((self.frost_pid(), self.gateway_pid()), (frost, gateway))

    def test_09_a_stop_and_start_of_the_host(self):
        # Servers that were shut down say so at their next start, and those that were not, too.
        before = {name: self.log(name).count("database system was interrupted") for name in ("main", "dev")}
        sessions = [Session(self.host, self.connection(name), self.password()) for name in ("main", "dev")]
        for session in sessions:
            session.ask("SELECT 1")
            session.process.stdin.write("SELECT pg_sleep(600);\n")
        shut = {name: self.log(name).count("database system was shut down at") for name in before}
        self.host.restart()
        for session in sessions:
            session.process.kill()
        self.host.eventually("frost is ready", lambda: self.host.property("ActiveState", "frost") == "active")
        self.assert_serves()
        for name in before:
            log = self.log(name)
            self.assertIn("received fast shutdown request", log)
            self.assertIn("database system is shut down", log)
            self.assertEqual(log.count("database system was interrupted"), before[name], log[-3000:])
            self.assertEqual(log.count("database system was shut down at"), shut[name] + 1, log[-3000:])

    def test_40_update_of_both_while_branches_go_on(self):
        servers = self.servers()
        self.host.sh("sed -i '/DRAIN_TIMEOUT=/d' /etc/postgres-gateway/environment"
                     " && echo FROST_POSTGRES_GATEWAY_DRAIN_TIMEOUT=1s >> /etc/postgres-gateway/environment && systemctl restart postgres-gateway")
        result = self.update(self.second.name)
        self.assertIn("the signature is good", result.stdout)
        self.assertIn("frost is ready", result.stdout)
        self.host.sh(f"rm {KEY}")
        self.assertEqual(self.versions(), ["postgres-gateway 1.1.0", "frost 1.1.0"])
        self.assertEqual(self.servers(), servers)
        self.assert_serves()

    def test_41_a_release_whose_frost_does_not_start_is_rolled_back(self):
        servers = self.servers()
        for tarball, wait in ((self.broken, 10), (self.mute, 5)):
            result = self.update(f"--wait {wait} {tarball.name}", check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("does not become healthy: frost: it was not ready", result.stderr)
            self.assertRegex(result.stderr, r"rolled back; postgres-gateway 1\.1\.0 .*runs again")
            self.assertEqual(self.versions(), ["postgres-gateway 1.1.0", "frost 1.1.0"])
            self.assertEqual(self.servers(), servers)
            self.assert_serves()

    def test_41a_a_store_that_a_newer_frost_has_changed_is_put_back(self):
        servers = self.servers()
        result = self.update(f"--wait 10 {self.newer.name}", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("continues with the store as it was before the update", result.stdout)
        self.assertRegex(result.stderr, r"rolled back; postgres-gateway 1\.1\.0 .*runs again")
        self.assertEqual(self.servers(), servers)
        self.assertEqual(sorted(self.branches()), ["dev", "main"])
        self.assert_serves()

    def test_42_an_update_cut_off_between_both(self):
        for signal in ("TERM", "KILL"):
            self.host.sh(f"cd /root && (setsid {LIB}/update.sh --wait 600 {self.mute.name} >/root/update.log 2>&1 & echo $! >/root/update.pid)")
            self.host.eventually("it waits for frost", lambda: self.versions() == ["postgres-gateway 3.1.0", "frost 3.1.0"]
                                 and self.host.property("ActiveState", "frost") == "activating")
            self.host.sh(f"kill -{signal} $(cat /root/update.pid)")
            if signal == "KILL":
                self.assertEqual(self.versions()[1], "frost 3.1.0")
                self.assertIn("cut off", self.update(self.second.name).stdout)
            self.host.eventually("what ran before runs", lambda: self.versions() == ["postgres-gateway 1.1.0", "frost 1.1.0"]
                                 and self.host.property("ActiveState", "frost") == "active")
            self.assert_serves()

    def test_43_back_by_hand(self):
        self.update(self.first.name)
        self.assertEqual(self.versions(), ["postgres-gateway 1.0.0", "frost 1.0.0"])
        self.update("--rollback")
        self.assertEqual(self.versions(), ["postgres-gateway 1.1.0", "frost 1.1.0"])
        self.assert_serves()

    def test_44_certificates_of_the_operators_and_another_address_of_the_api(self):
        self.host.copy(ROOT / "Tests" / "certificate.sh", "/root/certificate.sh")
        tls = "/etc/postgres-gateway/tls/server"
        self.host.sh(f"bash /root/certificate.sh {tls} '*.pg.shop.localhost' && cp {tls}.crt /root/own.crt && sed -i 's/^#FROST_API_ADDRESS=.*/FROST_API_ADDRESS=0.0.0.0:3001/' /etc/frost/environment"
                     f" && rm -rf /root/release && mkdir /root/release && tar -xzf /root/{self.second.name} -C /root/release --strip-components=1")
        options, before = f"--with-frost --cert-file {tls}.crt --key-file {tls}.key", self.state()
        self.assertEqual(self.install(options, check=False).returncode, 78, "the gateway may not read them")
        self.assertNotRegex(self.host.output("cat /etc/frost/environment /etc/postgres-gateway/environment"),
                            r"(?m)^FROST_POSTGRES_GATEWAY_CERT_FILE=")
        self.assertEqual(self.state(), before)
        self.host.sh(f"chgrp postgres-gateway {tls}.* && chmod 0640 {tls}.*")
        result = self.install(options)
        self.assertIn("page and API: http://0.0.0.0:3001", result.stdout)
        self.assertIn('"ok"', self.host.output("curl -sS http://127.0.0.1:3001/api/health"))
        for place in ("/etc/frost/environment", "/etc/postgres-gateway/environment"):
            self.assertIn(f"\nFROST_POSTGRES_GATEWAY_CERT_FILE={tls}.crt\n", self.host.output(f"cat {place}"))
        self.assertNotRegex(self.host.output("cat /etc/postgres-gateway/environment"), r"(?m)^FROST_POSTGRES_GATEWAY_CERT_DIR=")
        mine = self.connection("dev").replace(CA, "/root/own.crt")
        self.host.eventually("the certificate is the operator's", lambda: self.host.sh(
            f"PGPASSWORD='{self.password()}' psql -XqAt -c 'SELECT 1' '{mine}'", check=False).stdout == "1\n")
        # And the way back: as it was without them.
        self.host.sh("sed -i '/_CERT_FILE=/d; /_KEY_FILE=/d' /etc/frost/environment /etc/postgres-gateway/environment"
                     " && systemctl restart frost")
        self.install()
        self.assert_serves()

    def test_50_uninstall_shuts_servers_down_and_keeps_branches(self):
        result = self.host.sh(f"{LIB}/uninstall.sh")
        for place in ("/etc/frost", "/var/lib/frost", "/etc/postgres-gateway", "userdel frost-postgres"):
            self.assertIn(place, result.stdout)
        self.assertEqual(self.host.output("pgrep -u frost-postgres || true"), "")
        left = self.host.output("ls -d /usr/local/bin/* /usr/local/lib/frost /etc/systemd/system/frost* /etc/systemd/system/postgres-gateway* 2>/dev/null || true")
        self.assertEqual(left, "")
        log = self.host.output(f"tail -n 3 {BRANCHES}/*/server.log")
        self.assertEqual(log.count("database system is shut down"), 2, log)

    def test_51_an_installation_finds_its_branches_again_and_purge_removes_all(self):
        self.install()
        self.assert_serves()
        self.assertIn("nothing is left", self.host.sh(f"{LIB}/uninstall.sh --purge").stdout)
        self.assertEqual(self.host.output("pgrep -u frost-postgres || getent passwd frost-postgres postgres-gateway || true"), "")
        left = self.host.output("find / -xdev \\( -name '*postgres-gateway*' -o -name '*frost*' \\) -not -path '/proc/*' -not -path '/root/*'"
                                " -not -path '/etc/*frost-system*' 2>/dev/null")
        self.assertEqual(left, "")

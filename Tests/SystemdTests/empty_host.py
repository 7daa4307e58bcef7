"""docs/from-an-empty-host.md, as its reader works through it: each command of the page, in the order in which they stand.

The packages that the page installs are in the image of the host; the client is another container, which finds
the host by the domain's own server of names. systemd_test.py runs it.
"""

import re
import subprocess

from host import IMAGE, ROOT, Host, build_image, build_program, run
from story import Story

PAGE = ROOT / "docs" / "from-an-empty-host.md"
HOSTNAME = "dev.pg.shop.example.net"
# Commands that are not run, and why.
SKIPPED = {
    "sudo ufw allow 5432/tcp": "a container has no firewall of its own; that no other port answers is looked at instead",
}


def commands():
    """The page's blocks: the number of the step, and its line."""
    step = 0
    for line in PAGE.read_text().split("\n"):
        if match := re.match(r"\*\*(\d+)\. ", line):
            step = int(match.group(1))
        if line.startswith("    "):
            yield step, line.strip()


class EmptyHost(Host):
    image = "frost-systemd-test-empty"

    def address(self):
        return run(["docker", "inspect", "-f", "{{ range .NetworkSettings.Networks }}{{ .IPAddress }}{{ end }}", self.name]).strip()

    def type(self, line):
        """A line in the operator's shell, which stays where it is."""
        return subprocess.run(
            ["docker", "exec", "-u", "anna", self.name, "bash", "-c",
             f"cd \"$(cat ~/.where 2>/dev/null || echo ~)\" && {line}\nstatus=$?; pwd > ~/.where; exit $status"],
            text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=900,
        )


class EmptyHostTest(Story):
    @classmethod
    def setUpClass(cls):
        build_image()
        build_image(EmptyHost.image, file="EmptyHost.Dockerfile")
        cls.release = build_program("1.0.0")
        cls.host = host = EmptyHost()
        host.network = f"{host.name}-network"
        run(["docker", "network", "create", "--internal", host.network])
        cls.addClassCleanup(subprocess.run, ["docker", "network", "rm", host.network], capture_output=True)
        cls.addClassCleanup(host.remove)
        host.start()
        for path in (cls.release, f"{cls.release}.sha256"):
            host.copy(path, "/home/anna/")
        # Step 3's record, at the domain's server of names.
        host.sh("systemd-run --quiet --unit domain dnsmasq --keep-in-foreground --no-resolv"
                f" --address=/example.net/{host.address()} && echo nameserver 127.0.0.1 > /etc/resolv.conf")
        cls.client = f"{host.name}-client"
        run(["docker", "run", "-d", "--rm", "--init", "--name", cls.client, "--network", host.network, IMAGE, "sleep", "infinity"])
        cls.addClassCleanup(subprocess.run, ["docker", "rm", "-f", cls.client], capture_output=True)
        # Written here: not every engine lets its own server of names ask one on a network that leads nowhere.
        run(["docker", "exec", cls.client, "sh", "-c", f"echo nameserver {host.address()} > /etc/resolv.conf"])
        cls.printed = {}

    def at_client(self, line, **options):
        return subprocess.run(["docker", "exec", "-i", "-w", "/tmp", self.client, "bash", "-c", line], text=True, capture_output=True,
                              timeout=300, **options)

    def work(self, *steps):
        for step, line in commands():
            if step in steps and line not in SKIPPED:
                line = line.replace("VERSION", "1.0.0")
                result = self.host.type(line)
                self.assertEqual(result.returncode, 0, f"{line}\n{result.stdout}{result.stderr}")
                self.printed[line] = result.stdout

    def test_01_postgresql_without_a_cluster_of_debians(self):
        self.assertNotEqual(self.host.sh("command -v psql", check=False).returncode, 0, "the host has been empty")
        self.work(1)
        self.assertEqual(self.host.output("pg_lsclusters -h"), "")

    def test_02_the_release(self):
        self.work(2)
        self.assertEqual(self.host.output("systemctl is-active postgres-gateway frost"), "active\nactive")

    def test_03_the_domain_and_a_database(self):
        self.work(3, 4, 5)
        self.assertIn(HOSTNAME, self.host.output("frost list"))

    def test_04_only_the_gateway_can_be_reached_from_elsewhere(self):
        for port, is_open in ((5432, True), (3000, False), (9432, False), (10000, False), (10001, False)):
            tried = self.at_client(f"timeout 20 bash -c '</dev/tcp/{HOSTNAME}/{port}'")
            self.assertEqual(tried.returncode == 0, is_open, f"{port}: {tried.stderr}")

    def test_05_verify_full_from_the_client(self):
        self.work(6)
        certificate = self.host.type("cat ca.crt").stdout
        self.assertIn("BEGIN CERTIFICATE", certificate)
        self.at_client("cat > ca.crt", input=certificate)
        (on_host, on_client) = [line for step, line in commands() if step == 7]
        url = self.host.type(on_host).stdout.strip()
        password = re.search(r"://frost:([^@]+)@", url).group(1)
        self.assertIn("sslmode=verify-full", url)

        def answer(line):
            return self.at_client(f"PGPASSWORD='{password}' {line}", input="SELECT 'as the page says';\n")
        self.host.eventually("the client is connected", lambda: "as the page says" in answer(on_client).stdout, seconds=90)
        # Verified indeed: without the file, and under a name that no certificate covers, it is not.
        self.assertIn("certificate", answer(on_client.replace("ca.crt", "none.crt")).stderr)
        self.assertIn("certificate", answer(on_client.replace(HOSTNAME, "dev.pg.crm.example.net")).stderr)

    def test_06_every_command_of_the_page_was_run(self):
        lines = [line for step, line in commands() if step < 7]
        self.assertEqual([line for line in lines if "VERSION" not in line and line not in SKIPPED],
                         [line for line in self.printed if "1.0.0" not in line])
        self.assertEqual(len(self.printed), len(lines) - len(SKIPPED))
        self.assertTrue(set(SKIPPED) <= set(lines), "each that is skipped is on the page")

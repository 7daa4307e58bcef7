"""Suites of Go drivers, from Debian's packages, in GOPATH mode: `go test -json`."""

import json
import re
import shutil

import legs
from suite import Suite, run_checked


class GoSuite(Suite):
    #: Debian's packages that have the tests.
    packages = ()
    #: What these tests need besides.
    more_packages = ()
    #: What `go test` is given.
    paths = ()
    database = ""
    #: Go's drivers of these versions send the server name only where the certificate is verified.
    tls_mode = "verify-full"

    def fetch(self):
        if shutil.which("go") is None:
            raise legs.Failure("no go on PATH; run: scripts/setup.sh suites")
        wanted = (*self.packages, *self.more_packages)
        needed = {name for package in wanted for name in self.store.depends(package, r"golang-[a-z0-9.+-]+-dev")}
        self.root = self.store.debian_programs(*sorted(needed))

    def prepare(self, place):
        self.folder = self.root / "usr" / "share" / "gocode"
        self.go = {
            "GOPATH": str(self.folder), "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": str(self.store.folder / "go-cache"),
            "HOME": str(place.folder), "GOTOOLCHAIN": "local",
        }
        # Built once, so that no leg pays for it.
        run_checked(["go", "test", "-vet=off", "-run", "^$", *self.paths], f"the tests of {self.name} could not be built",
                    env=legs.clean_environment() | self.go, cwd=self.folder)

    def version(self):
        names = {package: re.sub(r"^golang-github-(jackc-)?|(-v4)?-dev$", "", package) for package in self.packages}
        return ", ".join(f"{name} {self.store.debian_version(package)}" for package, name in names.items())

    def variables(self, leg):
        return {}

    def run(self, leg, only=None):
        log = self.log_of(leg, only is not None)
        # Tests of one package at a time: they share tables.
        command = ["go", "test", "-json", "-count=1", "-p=1", "-vet=off", f"-timeout={self.timeout}s"]
        if only:
            tops = sorted({test.partition(" ")[2].partition("/")[0] for test in only} - {""})
            command += ["-run", f"^({'|'.join(map(re.escape, tops))})$"]
        self.execute(leg, [*command, *self.paths], self.go | self.variables(leg), self.folder, log)
        found = {}
        for line in log.read_text(errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            test = f"{event.get('Package')} {event.get('Test')}"
            if "Test" not in event:
                continue
            if event["Action"] == "run":
                # Stays so when the program ends in the middle of it.
                found[test] = "unfinished"
            elif event["Action"] in ("pass", "fail", "skip"):
                found[test] = {"pass": "passed", "fail": "failed", "skip": "skipped"}[event["Action"]]
        if only:
            return {test: outcome for test, outcome in found.items() if test in only}
        return found


class LibPq(GoSuite):
    name = "lib-pq"
    packages = ("golang-github-lib-pq-dev",)
    paths = ("github.com/lib/pq/...",)
    statements = (("postgres", "CREATE DATABASE pqgotest"),)
    timeout = 600

    def variables(self, leg):
        return {"PGDATABASE": "pqgotest"}


class Pgx(GoSuite):
    name = "pgx"
    packages = ("golang-github-jackc-pgx-v4-dev", "golang-github-jackc-pgconn-dev", "golang-github-jackc-pgtype-dev")
    more_packages = ("golang-github-jackc-pgmock-dev", "golang-github-masterminds-semver-dev")
    paths = ("github.com/jackc/pgconn/...", "github.com/jackc/pgtype/...", "github.com/jackc/pgx/v4/...")
    statements = (
        ("postgres", "CREATE DATABASE pgx_test"),
        ("pgx_test", "CREATE EXTENSION hstore"),
        ("pgx_test", "CREATE DOMAIN uint64 AS numeric(20,0)"),
    )
    timeout = 900

    def fetch(self):
        super().fetch()
        # What the tests of pgtype and of pgx share is in the source package alone.
        package = "golang-github-jackc-pgtype"
        sources = self.store.debian_sources(package, self.store.debian_version(f"{package}-dev"))
        shutil.copytree(
            sources / "testutil", self.root / "usr/share/gocode/src/github.com/jackc/pgtype/testutil", dirs_exist_ok=True
        )

    def environment(self, leg):
        # Its own variables, below, say all; libpq's would be taken where a test relies on the defaults.
        return legs.clean_environment()

    def variables(self, leg):
        mode = leg.environment()["PGSSLMODE"]
        words = f"host={legs.HOSTNAME} port={leg.port} user={legs.USER} password={legs.PASSWORD} dbname=pgx_test sslmode={mode}"
        if mode == "verify-full":
            words += f" sslrootcert={leg.place.certificate}"
        names = ("PGX_TEST_DATABASE", "PGX_TEST_CONN_STRING", "PGX_TEST_TCP_CONN_STRING", "PGX_TEST_MD5_PASSWORD_CONN_STRING")
        # Where there is no TLS, the test of TLS skips itself.
        return {name: words for name in (*names, *(["PGX_TEST_TLS_CONN_STRING"] if leg.name != "direct" else []))}

"""PostgreSQL's own tests: pg_regress and the isolation tests, with the runners that Debian's server package has."""

import hashlib
import re
import shutil

import legs
from store import installed_version
from suite import Suite, run_checked

RESULT = re.compile(r"^(?:test\s+|\s+)(\S+)\s+\.\.\. (ok|FAILED|failed \(ignored\))", re.MULTILINE)


class PostgresSuite(Suite):
    folder_name = ""
    schedule = ""
    # The tests make users without passwords and connect as them.
    authentication = "trust"

    def fetch(self):
        self.directory = legs.server_directory()
        self.major = self.directory.name
        package = f"postgresql-{self.major}"
        self.package_version = installed_version(package)
        self.sources = self.store.debian_sources(package, self.package_version)
        self.headers = self.store.debian_programs(f"postgresql-server-dev-{self.major}={self.package_version}")

    def prepare(self, place):
        self.folder = place.folder / self.name
        shutil.copytree(self.sources / "src" / "test" / self.folder_name, self.folder)
        (self.folder / "out").mkdir()
        legs.give_to_server_user(self.folder)

    def version(self):
        return f"PostgreSQL {self.package_version}"

    def extra(self):
        return []

    def run(self, leg, only=None):
        log = self.log_of(leg, only is not None)
        out = self.folder / "out"
        shutil.rmtree(out)
        out.mkdir()
        legs.give_to_server_user(out)
        command = [
            *legs.as_server_user(), self.runner(), f"--inputdir={self.folder}", f"--outputdir={out}",
            f"--bindir={self.directory / 'bin'}", f"--host={legs.HOSTNAME}", f"--port={leg.port}", f"--user={legs.USER}",
            *self.extra(), *self.chosen(only),
        ]
        self.execute(leg, command, {"HOME": str(out)}, out, log)
        diffs = out / "regression.diffs"
        if diffs.exists():
            shutil.copy(diffs, log.with_suffix(".diffs"))
        return {
            name: "passed" if word == "ok" else f"failed, output {digest(out / 'results' / f'{name}.out')}"
            for name, word in RESULT.findall(log.read_text(errors="replace"))
        }

    def chosen(self, only):
        """One test needs what those before it made, so all are run."""
        return [f"--schedule={self.folder / self.schedule}"]

    def runner(self):
        raise NotImplementedError


class Regress(PostgresSuite):
    name = "pg_regress"
    folder_name = "regress"
    schedule = "parallel_schedule"
    timeout = 900

    def runner(self):
        return self.directory / "lib" / "pgxs" / "src" / "test" / "regress" / "pg_regress"

    def prepare(self, place):
        super().prepare(place)
        self.libraries = self.folder / "lib"
        self.libraries.mkdir()
        include = self.headers / "usr" / "include" / "postgresql"
        run_checked(
            ["cc", "-shared", "-fPIC", "-O1", "-w", f"-I{include / self.major / 'server'}", f"-I{include}",
             "-o", self.libraries / "regress.so", self.folder / "regress.c"],
            "regress.c could not be built; run: scripts/setup.sh suites",
        )
        for name in ("autoinc.so", "refint.so"):
            shutil.copy(self.directory / "lib" / name, self.libraries)
        legs.give_to_server_user(self.libraries)

    def extra(self):
        return [f"--dlpath={self.libraries}", "--max-concurrent-tests=20"]


class Isolation(PostgresSuite):
    name = "isolation"
    folder_name = "isolation"
    schedule = "isolation_schedule"
    timeout = 1200

    def runner(self):
        return self.directory / "lib" / "pgxs" / "src" / "test" / "isolation" / "pg_isolation_regress"

    def chosen(self, only):
        return sorted(only) if only else super().chosen(only)



def digest(file):
    """So that two legs in which a test fails agree only when it fails in the same way."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8] if file.exists() else "missing"

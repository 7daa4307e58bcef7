"""Suites of Python drivers, run by pytest."""

import ast
import pathlib
import shutil

from suite import Suite, home, worse

#: A single test, in seconds.
TEST_TIMEOUT = 120
#: Of so many tests and more, all are run again.
MOST_BY_NAME = 300
PLUGINS = pathlib.Path(__file__).parent


class PythonSuite(Suite):
    #: The package's name in requirements.txt.
    package = ""
    database = "suites"
    #: What pytest is given.
    paths = ("tests",)

    @property
    def statements(self):
        return (("postgres", f"CREATE DATABASE {self.database}"), *self.more_statements)

    more_statements = ()

    def fetch(self):
        self.python = self.store.python()
        self.sources = self.store.python_sources(self.package)

    def prepare(self, place):
        """The tests alone: beside them lies the package as sources, which Python would take in place of the built one."""
        self.folder = place.folder / self.name
        shutil.copytree(self.sources, self.folder, ignore=lambda folder, names: self.left_out(folder))

    def left_out(self, folder):
        return [self.package, "src", "lib"] if pathlib.Path(folder) == self.sources else []

    def version(self):
        return f"{self.package} {self.store.pinned(self.package)}"

    def variables(self, leg):
        return {"PGDATABASE": self.database}

    def arguments(self, leg):
        return []

    def run(self, leg, only=None):
        outcomes = leg.place.folder / f"{self.name}-{leg.name}.outcomes"
        outcomes.unlink(missing_ok=True)
        outcomes.touch()
        chosen = sorted(only) if only and len(only) < MOST_BY_NAME else self.paths
        variables = self.variables(leg) | home(leg.place.folder / "home") | {
            "SUITES_OUTCOMES": str(outcomes), "PYTHONPATH": str(PLUGINS), "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [
            self.python, "-m", "pytest", "-p", "outcomes_plugin", "-p", "no:cacheprovider", "-q", "--tb=short",
            f"--timeout={TEST_TIMEOUT}", "--maxfail=1000000", "--continue-on-collection-errors", *self.arguments(leg), *chosen,
        ]
        self.execute(leg, command, variables, self.folder, self.log_of(leg, only is not None))
        found = {}
        for line in outcomes.read_text(encoding="utf-8").splitlines():
            outcome, _, name = line.partition("\t")
            test = ast.literal_eval(name)
            found[test] = worse(found.get(test, "passed"), outcome)
        return found


class Psycopg2(PythonSuite):
    name = package = "psycopg2"
    database = "psycopg2_test"
    more_statements = (("psycopg2_test", "CREATE EXTENSION hstore"),)

    def variables(self, leg):
        # The tests of replication take an empty string for: the same server.
        return super().variables(leg) | {"PSYCOPG2_TESTDB": self.database, "PSYCOPG2_TEST_REPL_DSN": ""}

    def arguments(self, leg):
        # Each module has a function test_suite(), which pytest would take for a test.
        return ["-o", "python_functions=none"]


class Asyncpg(PythonSuite):
    name = package = "asyncpg"
    database = "postgres"
    statements = ()
    timeout = 900


class Pg8000(PythonSuite):
    name = package = "pg8000"
    database = "postgres"
    statements = (("postgres", "CREATE EXTENSION hstore"),)
    # Of test/*/auth, each file wants another pg_hba.conf; test_readme.py connects to port 5432, with a password of its own.
    paths = ("test",)

    def variables(self, leg):
        # Its connections name no database, and get the one that is called as the user.
        return {}

    def arguments(self, leg):
        return ["--benchmark-disable", "--ignore=test/test_readme.py",
                *(f"--ignore=test/{part}/auth" for part in ("dbapi", "legacy", "native"))]


class SQLAlchemy(PythonSuite):
    package = "SQLAlchemy"
    database = "test"
    driver = ""
    timeout = 1800
    paths = ("test/dialect/postgresql", "test/dialect/test_suite.py", "test/engine", "test/sql")
    more_statements = (
        ("test", "CREATE SCHEMA test_schema"),
        ("test", "CREATE SCHEMA test_schema_2"),
        ("test", "CREATE EXTENSION hstore"),
        ("test", "CREATE EXTENSION citext"),
        # Two tests name it; what it sorts is no matter.
        ("test", "CREATE COLLATION \"en_US\" (LOCALE = 'C.UTF-8')"),
    )

    def left_out(self, folder):
        # Its tests run from its own sources.
        return []

    def arguments(self, leg):
        # Without what needs no database server.
        return ["--backend-only", "--dburi", leg.url(f"postgresql+{self.driver}", self.database), "-p", "no:benchmark"]


class SQLAlchemyPsycopg2(SQLAlchemy):
    name = "sqlalchemy-psycopg2"
    driver = "psycopg2"


class SQLAlchemyAsyncpg(SQLAlchemy):
    name = "sqlalchemy-asyncpg"
    driver = "asyncpg"
    # Without test/sql, which says little of the driver and runs over psycopg2: the whole run is to end within an hour.
    paths = SQLAlchemy.paths[:-1]

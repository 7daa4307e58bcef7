#!/usr/bin/env python3
"""Runs the connection snippets of the web page, exactly as they are shown, with their drivers.

    snippets_test.py --expected VALUE [--ca FILE] [SNIPPETS]      each prints VALUE
    snippets_test.py --expected VALUE --trusted FILE [SNIPPETS]   the same with FILE among the CAs of their systems
    snippets_test.py --refuses name|issuer --ca FILE [SNIPPETS]   each refuses the server's certificate, in its own words

SNIPPETS (else standard input) is the JSON that ConnectionSnippets.all gives: a list of objects with "kind", "text" and
perhaps "url". VALUE is what each must print: the answer to SELECT current_database(). The text of the tab URL is given to
every driver that its note names, and the "url" of a tab to that tab's driver; where their host is under .localhost they
have it looked up, as the notes ask for. With --ca, FILE lies as frost-ca.crt where the snippets run. One line a driver, one
line a snippet; exits 1 when one failed.

Needs psql, the virtual environments and the images that scripts/compat-setup.sh makes, and Docker: node-pg, pgjdbc, lib/pq,
pgx and ActiveRecord run in containers on the host's network.
"""

import argparse
import ctypes
import functools
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

PYTHON = os.environ.get("SNIPPETS_PYTHON", ".build-compat/venv/bin/python")
# What has the packages that the tabs for Python name.
TABS_PYTHON = ".build-compat/snippets/bin/python"
# Long: other suites run on the same two cores.
SECONDS = 600
# What the snippets call the CA's certificate.
CA_FILE = "frost-ca.crt"
# What stands for a CA of the system, in containers.
TRUSTED_FILE = "trusted.crt"
# Sets psql's answer into a variable, so that what is printed does not depend on how psql prints tables.
ASK_PSQL = "SELECT current_database() AS answer \\gset\n\\echo :answer\n"
# None of the caller's own libpq variables may help a snippet, nor its ~/.psqlrc, ~/.pgpass or ~/.postgresql.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
    "PSQLRC": os.devnull, "PGPASSFILE": os.devnull, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent",
}
# NAME:ADDRESS, for containers and for asyncpg.
ADDED_HOSTS = []
# Files beside each snippet, by name.
FILES = {}

# How each family of drivers says that a certificate is for another name, and that it does not know who issued it. All
# of it is looked for.
OPENSSL = {"name": ["Hostname mismatch, certificate is not valid for"], "issuer": ["CERTIFICATE_VERIFY_FAILED"]}
LIBPQ = {"name": ["server certificate for", "does not match host name"], "issuer": ["certificate verify failed"]}
NODE = {"name": ["ERR_TLS_CERT_ALTNAME_INVALID", "does not match certificate's altnames"],
        "issuer": ["unable to verify the first certificate"]}
JAVA = {"name": ["could not be verified by hostnameverifier PgjdbcHostnameVerifier"],
        "issuer": ["PKIX path", "unable to find valid certification path"]}
GO = {"name": ["x509: certificate is valid for", ", not "], "issuer": ["x509: certificate signed by unknown authority"]}

PSYCOPG2 = """
import sys, psycopg2
assert psycopg2.extensions.libpq_version() // 10000 == 17
cursor = psycopg2.connect(sys.argv[1]).cursor()
cursor.execute("SELECT current_database()")
print(cursor.fetchone()[0])
"""
PSYCOPG = """
import sys, psycopg
assert psycopg.pq.version() // 10000 == 18
print(psycopg.connect(sys.argv[1]).execute("SELECT current_database()").fetchone()[0])
"""
# Where a name leads is the one thing that is not asyncpg's own.
ASYNCPG = """
import asyncio, socket, sys, asyncpg
hosts = dict(pair.split(":", 1) for pair in sys.argv[2:])
lookup = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: lookup(hosts.get(host, host), *rest, **more)

async def main():
    connection = await asyncpg.connect(sys.argv[1])
    print(await connection.fetchval("SELECT current_database()"))
    await connection.close()

asyncio.run(main())
"""
NODE_URL = """
const { Client } = require("pg");
async function main() {
    const client = new Client(process.env.DATABASE_URL);
    await client.connect();
    console.log((await client.query("SELECT current_database() AS name")).rows[0].name);
    await client.end();
}
main();
"""
JDBC_URL = """
import java.sql.*;

public class Main {
    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(System.getenv("DATABASE_URL"));
                ResultSet rows = connection.createStatement().executeQuery("SELECT current_database()")) {
            rows.next();
            System.out.println(rows.getString(1));
        }
    }
}
"""
PGX = """package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v4"
)

func main() {
	conn, err := pgx.Connect(context.Background(), os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	var name string
	if err := conn.QueryRow(context.Background(), "SELECT current_database()").Scan(&name); err != nil {
		log.Fatal(err)
	}
	fmt.Println(name)
}
"""


class Failure(Exception):
    """What a snippet did instead of printing the answer."""


def run(command, directory, text=b"", variables=()):
    """Returns the standard output without the line break at its end."""
    try:
        result = subprocess.run(command, cwd=directory, env=ENVIRONMENT | dict(variables), input=text, capture_output=True,
                                timeout=SECONDS, check=False)
    except FileNotFoundError as error:
        raise Failure(str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"not finished after {SECONDS} s") from error
    output = result.stdout.decode(errors="replace")
    if result.returncode:
        raise Failure(f"exit status {result.returncode}: {output}{result.stderr.decode(errors='replace')}")
    return output.removesuffix("\n")


def in_container(image, name, text, commands, directory, url=""):
    """Gives a container the text as a file, with the others beside it, through standard input, and runs the commands there."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file, content in ({name: text.encode()} | FILES).items():
            member = tarfile.TarInfo(file)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    hosts = [f"--add-host={host}" for host in ADDED_HOSTS + of_this_host(url)]
    return run(["docker", "run", "--rm", "--interactive", "--network", "host", "--env", "LC_ALL=C.UTF-8",
                *(["--env", f"DATABASE_URL={url}"] if url else []), *hosts, "--entrypoint", "sh", image, "-c",
                f'set -e; cd "$(mktemp -d)"; tar -x; {TRUST if TRUSTED_FILE in FILES else ""}{commands}'], directory, archive.getvalue())


# Adds the file to the CAs of OpenSSL and Go, Node.js and Java. It stands for what an operator does with a system.
TRUST = (f"export SSL_CERT_FILE=$PWD/{TRUSTED_FILE} NODE_EXTRA_CA_CERTS=$PWD/{TRUSTED_FILE}; "
         "if command -v keytool > keytool.log; then "
         f"keytool -importcert -noprompt -alias ca -file {TRUSTED_FILE} -keystore trusted.p12 -storepass changeit 2> keytool.log; "
         "export JDK_JAVA_OPTIONS='-Djavax.net.ssl.trustStore=trusted.p12 -Djavax.net.ssl.trustStorePassword=changeit'; fi; ")


def libpq_knows(text):
    """Whether this machine's libpq, which is psql's, knows the word `system`, as of 16."""
    return "=system" not in text or ctypes.CDLL("libpq.so.5").PQlibVersion() >= 160000


def of_this_host(url):
    """The line for the hosts file that the notes ask for, NAME:ADDRESS, where the URL's host is under .localhost."""
    return [f"{name}:127.0.0.1" for name in re.findall(r"[@/]([^@:/]+\.localhost):", url)]


def write(directory, name, content):
    with open(os.path.join(directory, name), "wb") as file:
        file.write(content)


# The way of each kind: what is run, by the driver's name, with the words that it has for a certificate.

def in_shell(text, directory):
    return run(["sh", "-c", text], directory, ASK_PSQL.encode())


def in_python(program, text, directory):
    hosts = ADDED_HOSTS + of_this_host(text)
    return run([os.path.abspath(PYTHON), "-c", program, text, *hosts], directory, variables=addresses(text))


def addresses(url):
    """What stands for the hosts file to libpq."""
    return {"PGHOSTADDR": host.split(":", 1)[1] for host in of_this_host(url)}


def in_node(text, directory, url=""):
    return in_container("frost-compat-node-pg", "example.cjs", text, "node example.cjs", directory, url)


def in_go(text, directory, url=""):
    commands = 'test -z "$(gofmt -l main.go)"; go vet main.go; go run main.go'
    return in_container("frost-compat-pgx", "main.go", text, commands, directory, url)


def url(snippet, directory):
    text = snippet["text"]
    if libpq_knows(text):
        yield "psql", LIBPQ, lambda: run(["psql", text], directory, ASK_PSQL.encode(), addresses(text))
    yield "psycopg2", LIBPQ, lambda: in_python(PSYCOPG2, text, directory)
    yield "psycopg", LIBPQ, lambda: in_python(PSYCOPG, text, directory)
    # Not for other drivers, as the note says.
    if "=system" in text:
        return
    yield "asyncpg", OPENSSL, lambda: in_python(ASYNCPG, text, directory)
    if "sslmode=require" not in text:
        yield "pgx", GO, lambda: in_go(PGX, directory, text)
        yield "node-pg", NODE, lambda: in_node(NODE_URL, directory, text)


def psql(snippet, directory):
    text = snippet["text"]
    if libpq_knows(text):
        yield "sh", LIBPQ, lambda: in_shell(text, directory)


def env(snippet, directory):
    """The file in a shell, for programs of both kinds, and read by Node.js to the same values."""
    text = snippet["text"]
    write(directory, ".env", text.encode())
    load = "set -a; . ./.env; set +a; "
    if libpq_knows(text):
        yield "DATABASE_URL", LIBPQ, lambda: in_shell(load + 'exec psql "$DATABASE_URL"', directory)
    names = [line.split("=", 1)[0] for line in text.splitlines()]
    # The variables of libpq are left out where no notation is read alike by all.
    if "PGHOST" in names and libpq_knows(text):
        yield "PGHOST and the like", LIBPQ, lambda: in_shell(load + "exec psql", directory)
    has_loader = ["node", "-e", 'console.log(typeof process.loadEnvFile)']
    if shutil.which("node") and run(has_loader, directory) == "function":
        show = f"console.log(JSON.stringify({json.dumps(names)}.map((name) => process.env[name])))"
        by_shell = json.loads(run(["sh", "-c", load + 'exec node -e "$0"', show], directory))
        by_node = json.loads(run(["node", "-e", 'process.loadEnvFile("./.env"); ' + show], directory))
        if by_shell != by_node:
            raise Failure("a shell and Node.js read different values from the file")


def node(snippet, directory):
    yield "node-pg", NODE, lambda: in_node(snippet["text"], directory)
    yield "node-pg by DATABASE_URL", NODE, lambda: in_node(NODE_URL, directory, snippet["url"])


def jdbc(snippet, directory):
    driver = "/usr/share/java/postgresql.jar"
    commands = f"javac -cp {driver} Main.java; java -cp {driver}:. Main"
    image = functools.partial(in_container, "frost-compat-jdbc", "Main.java")
    yield "pgjdbc", JAVA, lambda: image(snippet["text"], commands, directory)
    yield "pgjdbc by URL", JAVA, lambda: image(JDBC_URL, commands, directory, snippet["url"])


def in_tabs_python(driver, snippet, directory):
    write(directory, "example.py", snippet["text"].encode())
    yield driver, LIBPQ, lambda: run([os.path.abspath(TABS_PYTHON), "example.py"], directory)


def go(snippet, directory):
    yield "lib/pq", GO, lambda: in_go(snippet["text"], directory)


def activerecord(snippet, directory):
    image = functools.partial(in_container, "frost-compat-activerecord", "example.rb")
    if libpq_knows(snippet["text"].replace('"system"', "=system")):
        yield "pg", LIBPQ, lambda: image(snippet["text"], "ruby example.rb", directory)


RUNNERS = {
    "url": url, "psql": psql, "env": env, "node": node, "jdbc": jdbc, "go": go, "activerecord": activerecord,
    "python": functools.partial(in_tabs_python, "psycopg"),
    "sqlalchemy": functools.partial(in_tabs_python, "SQLAlchemy over psycopg"),
    "django": functools.partial(in_tabs_python, "Django over psycopg"),
}


def answers(expected, _, action):
    """Has the driver connect."""
    answer = action()
    if answer != expected:
        raise Failure(f"{answer!r} instead of {expected!r}")
    return "ok"


def refuses(reason, words, action):
    """Has the driver refuse the certificate for that reason, and returns what it says."""
    try:
        answer = action()
    except Failure as failure:
        said = str(failure)
    else:
        raise Failure(f"connected, and answered {answer!r}")
    missing = [word for word in words[reason] if word not in said]
    if missing:
        raise Failure(f"does not say {missing}: {said}")
    lines = [line.strip() for line in said.splitlines() if words[reason][0] in line]
    return f"refused: {lines[0] if lines else said}"


def check(snippet, act):
    """Returns whether every driver of the snippet did what it should, and says so."""
    kind = snippet["kind"]
    driver = "driver"
    try:
        if kind not in RUNNERS:
            raise Failure("there is none here for this kind")
        with tempfile.TemporaryDirectory() as directory:
            for name, content in FILES.items():
                write(directory, name, content)
            for driver, words, action in RUNNERS[kind](snippet, directory):
                print(f"{kind}, {driver}: {act(words, action)}", flush=True)
    except Failure as failure:
        print(f"{kind}: FAILED: {driver}: {failure}")
        return False
    print(f"{kind}: ok", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--expected", help="what each snippet must print")
    wanted.add_argument("--refuses", choices=["name", "issuer"],
                        help="why each snippet must refuse the server's certificate: its name, or who issued it")
    parser.add_argument("file", nargs="?", help="the snippets as JSON; standard input when not given")
    parser.add_argument("--add-host", action="append", default=[], metavar="NAME:ADDRESS",
                        help="where the snippets' host is, when this machine cannot look it up")
    parser.add_argument("--ca", metavar="FILE", help=f"the CA's certificate, which the snippets call {CA_FILE}")
    parser.add_argument("--trusted", metavar="FILE", help="a CA's certificate that the drivers' systems trust")
    options = parser.parse_args()
    ADDED_HOSTS.extend(options.add_host)
    for host in options.add_host:
        ENVIRONMENT["PGHOSTADDR"] = host.split(":", 1)[1]
    for name, path in [(CA_FILE, options.ca), (TRUSTED_FILE, options.trusted)]:
        if path:
            with open(path, "rb") as file:
                FILES[name] = file.read()
    if options.trusted:
        ENVIRONMENT["SSL_CERT_FILE"] = os.path.abspath(options.trusted)
    if options.file:
        with open(options.file, encoding="utf-8") as file:
            snippets = json.load(file)
    else:
        snippets = json.load(sys.stdin)
    act = functools.partial(answers, options.expected) if options.refuses is None else functools.partial(refuses, options.refuses)
    results = [check(snippet, act) for snippet in snippets]
    if not any(snippet["kind"] in RUNNERS for snippet in snippets):
        sys.exit("snippets_test: there was nothing to run")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs the connection snippets of the web page, exactly as they are shown, with their drivers.

    snippets_test.py --expected VALUE [FILE]

FILE (else standard input) is the JSON that ConnectionSnippets.all gives: a list of objects with "kind" and "text".
VALUE is what each must print: the answer to SELECT current_database(). One line a snippet; exits 1 when one failed.

Needs psql, the virtual environment and the images that scripts/compat-setup.sh makes, and Docker: node, jdbc and go run
in containers on the host's network. Swift is not run: PostgresNIO cannot be had where this runs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

PYTHON = os.environ.get("SNIPPETS_PYTHON", ".build-compat/venv/bin/python")
SECONDS = 180
# Sets psql's answer into a variable, so that what is printed does not depend on how psql prints tables.
ASK_PSQL = "SELECT current_database() AS answer \\gset\n\\echo :answer\n"
# None of the caller's own libpq variables may help a snippet, nor its ~/.psqlrc or ~/.pgpass.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
    "PSQLRC": os.devnull, "PGPASSFILE": os.devnull, "LC_ALL": "C.UTF-8",
}


# NAME:ADDRESS, for containers.
ADDED_HOSTS = []


class Failure(Exception):
    """What a snippet did instead of printing the answer."""


def run(command, directory, text=""):
    """Returns the standard output without the line break at its end."""
    try:
        result = subprocess.run(command, cwd=directory, env=ENVIRONMENT, input=text.encode(), capture_output=True,
                                timeout=SECONDS, check=False)
    except FileNotFoundError as error:
        raise Failure(str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"not finished after {SECONDS} s") from error
    output = result.stdout.decode(errors="replace")
    if result.returncode:
        raise Failure(f"exit status {result.returncode}: {output}{result.stderr.decode(errors='replace')}")
    return output.removesuffix("\n")


def in_container(image, name, commands, directory, text):
    """Gives a container the text as a file, through standard input, and runs the commands beside it."""
    script = f'set -e; cd "$(mktemp -d)"; cat > {name}; {commands}'
    hosts = [f"--add-host={host}" for host in ADDED_HOSTS]
    return run(["docker", "run", "--rm", "--interactive", "--network", "host", "--env", "LC_ALL=C.UTF-8", *hosts,
                "--entrypoint", "sh", image, "-c", script], directory, text)


def write(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(text)


def url(text, directory):
    return [("psql", run(["psql", text], directory, ASK_PSQL))]


def psql(text, directory):
    return [("sh", run(["sh", "-c", text], directory, ASK_PSQL))]


def env(text, directory):
    """The file in a shell, for programs of both kinds, and read by Node.js to the same values."""
    write(directory, ".env", text)
    load = "set -a; . ./.env; set +a; "
    answers = [("DATABASE_URL", run(["sh", "-c", load + 'exec psql "$DATABASE_URL"'], directory, ASK_PSQL))]
    names = [line.split("=", 1)[0] for line in text.splitlines()]
    # The variables of libpq are left out where no notation is read alike by all.
    if "PGHOST" in names:
        answers.append(("PGHOST and the like", run(["sh", "-c", load + "exec psql"], directory, ASK_PSQL)))
    has_loader = ["node", "-e", 'console.log(typeof process.loadEnvFile)']
    if shutil.which("node") and run(has_loader, directory) == "function":
        show = f"console.log(JSON.stringify({json.dumps(names)}.map((name) => process.env[name])))"
        by_shell = json.loads(run(["sh", "-c", load + 'exec node -e "$0"', show], directory))
        by_node = json.loads(run(["node", "-e", 'process.loadEnvFile("./.env"); ' + show], directory))
        if by_shell != by_node:
            raise Failure("a shell and Node.js read different values from the file")
    return answers


def node(text, directory):
    return [("pg", in_container("frost-compat-node-pg", "example.cjs", "node example.cjs", directory, text))]


def jdbc(text, directory):
    driver = "/usr/share/java/postgresql.jar"
    commands = f"javac -cp {driver} Main.java; java -cp {driver}:. Main"
    return [("pgjdbc", in_container("frost-compat-jdbc", "Main.java", commands, directory, text))]


def python(text, directory):
    write(directory, "example.py", text)
    return [("psycopg", run([os.path.abspath(PYTHON), "example.py"], directory))]


def go(text, directory):
    # Debian's packages are a GOPATH; the image has no C compiler; Go wants a home for its cache.
    commands = ("export HOME=$PWD CGO_ENABLED=0 GO111MODULE=off GOPATH=/usr/share/gocode; "
                'test -z "$(gofmt -l main.go)"; go vet main.go; go run main.go')
    return [("lib/pq", in_container("frost-compat-pgx", "main.go", commands, directory, text))]


RUNNERS = {"url": url, "psql": psql, "env": env, "node": node, "jdbc": jdbc, "python": python, "go": go}


def check(kind, text, expected):
    """Returns whether the snippet did what it should, and says so."""
    if kind == "swift":
        print("swift: not run: PostgresNIO cannot be had here")
        return True
    try:
        if kind not in RUNNERS:
            raise Failure("there is no driver here for this kind")
        with tempfile.TemporaryDirectory() as directory:
            for driver, answer in RUNNERS[kind](text, directory):
                if answer != expected:
                    raise Failure(f"{driver}: {answer!r} instead of {expected!r}")
    except Failure as failure:
        print(f"{kind}: FAILED: {failure}")
        return False
    print(f"{kind}: ok")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--expected", required=True, help="what each snippet must print")
    parser.add_argument("file", nargs="?", help="the snippets as JSON; standard input when not given")
    parser.add_argument("--add-host", action="append", default=[], metavar="NAME:ADDRESS",
                        help="where the snippets' host is, when this machine cannot look it up")
    options = parser.parse_args()
    ADDED_HOSTS.extend(options.add_host)
    for host in options.add_host:
        ENVIRONMENT["PGHOSTADDR"] = host.split(":", 1)[1]
    if options.file:
        with open(options.file, encoding="utf-8") as file:
            snippets = json.load(file)
    else:
        snippets = json.load(sys.stdin)
    results = [check(snippet["kind"], snippet["text"], options.expected) for snippet in snippets]
    if not any(snippet["kind"] in RUNNERS for snippet in snippets):
        sys.exit("snippets_test: there was nothing to run")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

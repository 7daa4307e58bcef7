"""Breaks the gateway on purpose, one place at a time, and prints which test noticed.

    scripts/mutants.sh            all mutations, after the unchanged tree was found green
    scripts/mutants.sh NAME...    these alone, without that check first
    scripts/mutants.sh --list     their names, and the suites that should notice

Each is applied to a copy of the tree (.build-mutants), built incrementally and tried with its suites, or with the short
form of the soak. The copy has
the tree's build folder and is mounted over the tree in a mount namespace of its own, since compilers keep whole
paths in what they build; without the right to mount, the first build in it is a complete one. The checkout is
never changed. About a minute each on an idle machine.

Exit code 1: one lived, one does not apply or does not build any more, or the unchanged tree is not green.
The mutations are in scripts/mutants/table.py.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from table import MUTANTS, SOAK

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".build-mutants"
# Of one run of suites, in seconds. A test that waits for what never comes ends by itself after one or two minutes.
TEST_LIMIT = 300
BUILD_LIMIT = 3600
# Of the soak with a debug build, in seconds.
SOAK_LIMIT = 1200
FAILED = re.compile(r"✘ Test (?!run with )(.+?)(?: with \d+ test cases?)? failed after")


def report(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def make_copy():
    """Takes up what has changed in the tree; what has not keeps its time, so that it is not built again."""
    COPY.mkdir(exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    ).stdout.decode()
    files = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    # Ignored by git, and needed by the build.
    if (ROOT / "Package.resolved").is_file():
        files.add("Package.resolved")
    for name in files:
        source, target = ROOT / name, COPY / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    for folder in ("Sources", "Tests", "scripts", "Soak", "Benchmarks"):
        for path in (COPY / folder).rglob("*"):
            if path.is_file() and str(path.relative_to(COPY)) not in files and "__pycache__" not in path.parts:
                path.unlink()
    if not (COPY / ".build").exists() and (ROOT / ".build").exists():
        report("copying the build folder")
        subprocess.run(["cp", "-a", "--reflink=auto", str(ROOT / ".build"), str(COPY)], check=True)


def namespace():
    """What a command begins with that is to see the copy in the tree's place."""
    for unshare in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        command = unshare + ["bash", "-ec", 'mount --bind "$0" "$1"; cd "$1"; shift; exec "$@"', str(COPY), str(ROOT)]
        if subprocess.run(command + ["true"], capture_output=True).returncode == 0:
            return command
    report("no right to mount: the first build is a complete one")
    return []


def run(prefix, command, limit, targets="gateway"):
    """The exit code, None when the time was over, and the output."""
    environment = os.environ | {"FROST_TARGETS": targets}
    # In a session of its own, so that nothing it has started is left when its time is over.
    process = subprocess.Popen(
        prefix + [str(part) for part in command],
        cwd=COPY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return None, output


def build(prefix, suites):
    command = ["swift", "build", "--ignore-lock"]
    # The program is not among the gateway's targets for its suites.
    if suites == SOAK:
        return run(prefix, command + ["--product", "postgres-gateway"], BUILD_LIMIT, targets="")
    return run(prefix, command + ["--build-tests"], BUILD_LIMIT)


def soak():
    """Whether the soak's short form passes with the debug build, and what it names."""
    program = COPY / ".build" / "debug" / "postgres-gateway"
    # Not in the namespace: its real servers run as another account, which that may not know.
    code, output = run([], [COPY / "Soak" / "soak.py", "--part", "50", "--no-faults", "--gateway", program], SOAK_LIMIT)
    if code == 0:
        return True, [], output
    if code is None:
        return False, [f"the soak was not done within {SOAK_LIMIT} s"], output
    lines = [line[2:] for line in output.splitlines() if line.startswith("- ")]
    return False, [f"the soak: {lines[0]}" if lines else f"the soak ended with {code}"], output


def test(prefix, suites):
    """Whether the suites pass, and who says that they do not."""
    if suites == SOAK:
        return soak()
    command = ["swift", "test", "--ignore-lock", "--skip-build", "--filter", suites]
    code, output = run(prefix, command, TEST_LIMIT)
    names = sorted(set(FAILED.findall(output)))
    if code == 0:
        # A filter that finds nothing passes as well.
        match = re.search(r"Test run with (\d+) tests?", output)
        if not match or match[1] == "0":
            return False, [f"no test is called {suites}"], output
        return True, [], output
    if code is None:
        names.append(f"not done within {TEST_LIMIT} s")
    elif not names:
        names.append(f"the tests ended with {code}")
    return False, names, output


def attempt(prefix, mutant):
    """(lived or not, what to say of it); None when it could not be tried."""
    path = COPY / mutant.file
    before = path.read_text()
    if before.count(mutant.old) != 1:
        return None, f"does not apply: its text is {before.count(mutant.old)} times in {mutant.file}"
    try:
        path.write_text(before.replace(mutant.old, mutant.new))
        code, output = build(prefix, mutant.suites)
        if code != 0:
            errors = [line for line in output.splitlines() if "error:" in line]
            return None, "does not build: " + (errors[0] if errors else output[-300:])
        is_green, names, output = test(prefix, mutant.suites)
        if names and names[0].startswith("no test is called"):
            return None, names[0]
        return is_green, "LIVED" if is_green else "; ".join(names)
    finally:
        path.write_text(before)


def main(arguments):
    if "--help" in arguments or "-h" in arguments:
        print(__doc__)
        return 0
    known = {mutant.name: mutant for mutant in MUTANTS}
    if arguments == ["--list"]:
        for mutant in MUTANTS:
            print(f"{mutant.name:32} {mutant.suites}")
        return 0
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"no mutation is called {', '.join(unknown)}; scripts/mutants.sh --list", file=sys.stderr)
        return 64
    chosen = [known[name] for name in arguments] or MUTANTS
    make_copy()
    prefix = namespace()
    report("building the unchanged tree")
    only_soak = all(mutant.suites == SOAK for mutant in chosen)
    code, output = build(prefix, SOAK if only_soak else "")
    if code != 0:
        print(output[-3000:])
        return 1
    if not arguments:
        suites = "|".join(sorted({part for mutant in chosen for part in mutant.suites.split("|")} - {SOAK}))
        for tried in (suites, SOAK):
            report(f"the unchanged tree: {tried}")
            is_green, names, output = test(prefix, tried)
            if not is_green:
                print(output[-3000:])
                report("not green: " + "; ".join(names))
                return 1
    rows = []
    for number, mutant in enumerate(chosen, 1):
        lived, text = attempt(prefix, mutant)
        word = "NOT TRIED" if lived is None else "LIVED" if lived else "killed"
        rows.append((mutant.name, word, text))
        report(f"{number}/{len(chosen)} {mutant.name}: {word}{'' if lived else ': ' + text}")
    print("\n| mutation | | by |\n|---|---|---|")
    for name, word, text in rows:
        print(f"| {name} | {word} | {'' if word == 'LIVED' else text.replace('|', '/')} |")
    survivors = sum(word != "killed" for _, word, _ in rows)
    print(f"\n{len(rows) - survivors} of {len(rows)} killed")
    return 1 if survivors else 0


sys.exit(main(sys.argv[1:]))

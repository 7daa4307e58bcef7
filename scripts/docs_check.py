#!/usr/bin/env python3
"""Checks the documentation against the tree: every command, option, file, link, variable, metric, suite and test exists.

Looks at the programs' own --help (scripts/build-release.sh, or the folder FROST_PROGRAMS), at the scripts' texts, at
the Makefile and at the headings of the pages. Prints what is wrong, with its place, and exits with 1.
"""

import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get("FROST_PROGRAMS", ROOT / ".build-release/release"))
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "Compat/Clients/README.md",
        ROOT / "Compat/Suites/README.md",
        ROOT / "Soak/README.md",
    ]
)
problems = []


def wrong(page, number, text):
    problems.append(f"{page.relative_to(ROOT)}:{number}: {text}")


@functools.cache
def help_of(program, words=()):
    result = subprocess.run(
        [str(PROGRAMS / program), *words, "--help"], capture_output=True, text=True, timeout=60
    )
    return result.stdout if result.returncode == 0 else None


@functools.cache
def subcommands(program, words=()):
    text = help_of(program, words) or ""
    names = set()
    for part in text.split("SUBCOMMANDS:")[1:]:
        for line in part.split("\n"):
            match = re.match(r"  ([a-z][a-z-]*(?:, [a-z-]+)*)(  |$)", line)
            if match:
                names.update(match.group(1).split(", "))
    return names


def code(page):
    """Lines of code blocks and the code in sentences, with their line numbers."""
    fenced, fence = False, ""
    text = page.read_text()
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            fenced, fence = not fenced, line[3:]
        elif fenced:
            if fence in ("", "sh"):
                yield number, line, True
        elif line.startswith("    ") and not re.match(r"\s+[│┌└├*\"{}]", line):
            yield number, line.strip(), True
        else:
            for part in re.findall(r"`([^`]+)`", line):
                yield number, part, False


def check_program(page, number, program, rest):
    try:
        words = shlex.split(rest.split("#")[0] if " #" in rest else rest, comments=True)
    except ValueError:
        words = rest.split()
    path = ()
    while words and words[0] in subcommands(program, path):
        path += (words.pop(0),)
    if not path and words and re.fullmatch(r"[a-z][a-z-]+", words[0]):
        return wrong(page, number, f"{program} has no command '{words[0]}'")
    text = help_of(program, path)
    if text is None:
        return wrong(page, number, f"{program} {' '.join(path)} --help fails")
    if subcommands(program, path) and words and re.fullmatch(r"[a-z][a-z-]+", words[0]) and path:
        return wrong(page, number, f"{program} {' '.join(path)} has no command '{words[0]}'")
    # A command whose options are those of its default subcommand.
    default = re.search(r"^  ([a-z-]+) \(default\)", text, re.MULTILINE)
    if default:
        text += help_of(program, path + (default.group(1),)) or ""
    known = set(re.findall(r"--[a-z][a-z0-9-]*", text)) | {"--generate-completion-script", "--help"}
    for word in words:
        if word in ("--", "|", "&&", ";", ">"):
            break
        option = re.match(r"--[a-z][a-z0-9-]*", word)
        if option and option.group() not in known:
            wrong(page, number, f"{program} {' '.join(path)} has no option {option.group()}")


@functools.cache
def script_options(name):
    path = ROOT / "scripts" / name
    if not path.exists():
        return None
    text = path.read_text()
    for other in re.findall(r'"\$here/([a-z-]+\.sh)"', text):
        if (ROOT / "scripts" / other).exists() and other != name:
            text += (ROOT / "scripts" / other).read_text()
    return set(re.findall(r"--[a-z][a-z0-9-]*", text))


def check_code(page, number, text, is_block):
    if "scripts/" not in text:
        for match in re.finditer(r"(?:^|[\s/(\"])([a-z][a-z-]*\.sh)\b([^|;&)]*)", text):
            name, rest = match.groups()
            # What the installer puts into a directory of frost's is called without that word.
            options = script_options(name) or script_options(f"frost-{name}")
            if options is None:
                wrong(page, number, f"there is no script {name}")
            else:
                for option in re.findall(r"(?<=\s)--[a-z][a-z0-9-]*", rest):
                    if option not in options:
                        wrong(page, number, f"{name} has no option {option}")
    for match in re.finditer(r"(?:^|sudo |\$\(|&& |; |\"\$\(|[a-z]/)(frost|postgres-gateway) ([^)|&;`]*)", text):
        program, rest = match.groups()
        rest = rest.split("$(")[0]  # a command within is looked at on its own
        # A sentence about the program, a comment, or a unit's state.
        if text[: match.start()].rstrip().endswith(("#", "-u", "status", "restart", "start")):
            continue
        check_program(page, number, program, rest)
    for target in re.findall(r"(?:^|\s)make ([a-z][a-z0-9-]*)", text):
        if is_block or text.startswith("make "):
            if not re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(), re.MULTILINE):
                wrong(page, number, f"make has no target {target}")
    for path in re.findall(
        r"(?<![\w./-])((?:Sources|Tests|scripts|docs|monitoring|Compat|Fuzz|Spike|Benchmarks|Soak)/[\w./*-]*[\w*]/?)", text
    ):
        path = path.rstrip(".")
        if "*" in path and not list(ROOT.glob(path)) or "*" not in path and not (ROOT / path).exists():
            wrong(page, number, f"there is no {path}")


@functools.cache
def sources():
    places = [*(ROOT / "Sources").rglob("*.swift"), *(ROOT / "scripts").rglob("*"), ROOT / "Makefile"]
    return "\n".join(path.read_text(errors="replace") for path in places if path.is_file())


@functools.cache
def tests():
    places = (ROOT / "Tests").rglob("*.swift")
    return {word for path in places for word in re.findall(r"\b(?:struct|class|enum) (\w+Tests)\b", path.read_text())} | {
        path.name for path in (ROOT / "Tests").iterdir() if path.is_dir()
    }


@functools.cache
def single_tests():
    """What swift test calls SUITE/TEST, and the steps of the tests in Python."""
    found = set()
    for path in (ROOT / "Tests").rglob("*.swift"):
        suite, is_test = None, False
        for line in path.read_text().split("\n"):
            if match := re.match(r"\s*(?:@Suite.*\s)?(?:\w+ )*(?:struct|class|enum|extension) (\w+Tests)\b", line):
                suite = match.group(1)
            is_test = is_test or "@Test" in line
            if is_test and (match := re.search(r"\bfunc (\w+)", line)):
                found.add(f"{suite}/{match.group(1)}")
                is_test = False
    for path in (ROOT / "Tests").rglob("*.py"):
        found.update(re.findall(r"^    def (test_\w+)", path.read_text(), re.MULTILINE))
    return found


def check_threats(page):
    """Each threat of the review has a test, or says that it has none."""
    is_threat = False
    for number, line in enumerate(page.read_text().split("\n"), 1):
        if line.startswith("## "):
            is_threat = line.startswith("## Threats")
        cell = line.rstrip("|").rpartition("|")[2].strip()
        if is_threat and line.startswith("| ") and cell not in ("test", "no test") and not re.match(r"`(\w+Tests|test_\w+|Tests/)", cell):
            wrong(page, number, f"the threat has neither a test nor the words 'no test': {cell}")


def known_variables():
    text = sources()
    gateway = {f"FROST_POSTGRES_GATEWAY_{name}" for name in re.findall(r'case \w+ = "([A-Z_]+)"', text)}
    return gateway | set(re.findall(r"\bFROST_[A-Z_]+\b", text))


def anchors(page):
    seen = set()
    fenced = False
    for line in page.read_text().split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        match = None if fenced else re.match(r"#+ (.*)", line)
        if match:
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1)).replace("`", "")
            seen.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return seen


def check_links(page):
    for number, line in enumerate(page.read_text().split("\n"), 1):
        for link in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists():
                wrong(page, number, f"the link {link} leads nowhere")
            elif anchor and anchor not in anchors(target):
                wrong(page, number, f"{name or page.name} has no heading #{anchor}")


def main():
    variables = known_variables()
    metrics = set(re.findall(r"postgres_gateway_\w+", sources()))
    for page in PAGES:
        check_links(page)
        for number, text, is_block in code(page):
            check_code(page, number, text, is_block)
        for number, line in enumerate(page.read_text().split("\n"), 1):
            for name in re.findall(r"\bFROST_[A-Z_]*[A-Z]\b", line):
                if name not in variables and name != "FROST_DB_PATH":
                    wrong(page, number, f"there is no variable {name}")
            for name in re.findall(r"postgres_gateway_\w+", line):
                if name not in metrics:
                    wrong(page, number, f"there is no metric {name}")
            for name in re.findall(r"\b[A-Z]\w+Tests\b", line):
                if name not in tests() and page.name != "CONTRIBUTING.md":
                    wrong(page, number, f"there is no suite {name}")
            for name in re.findall(r"(?<![\w/])[A-Z]\w+Tests/[a-z]\w+|\btest_\d+\w*", line):
                if name not in single_tests():
                    wrong(page, number, f"there is no test {name}")
    check_threats(ROOT / "docs/security.md")
    print("\n".join(problems))
    print(f"docs_check: {len(PAGES)} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

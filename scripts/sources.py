#!/usr/bin/env python3
"""Names what programs are made of.

    scripts/sources.py hash NAME...   a hash each: of an executable's sources (frost), or of `gate`, which stands for
                                      the gateway, the spike and the gate's harness with its clients
    scripts/sources.py list           what a release is made of: both hashes, the toolchain, and every package with
                                      the version it is built with

The hash covers the targets that the executables are made of (their sources, and what Package.swift says of them) and
the versions of their packages: no commit ids, which differ between machines, and nothing of other programs. Committed
or not, what counts is what is there; documents (*.md) do not count. What Package.swift says decides, so that a new
target is never forgotten.

The gate writes its hash into its report, and a release is made only of a tree whose gate passed.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What the gate compares: the programs in the middle, and the program that drives the clients.
GATE = ["postgres-gateway", "spike", "compat"]
# Beside the harness, and no part of it: it runs other people's test suites.
APART = "Compat/Suites/"
# Where a target of Package.swift lies that names no path.
FOLDER = {"test": "Tests"}


def output(*command):
    # Settings that a build passes in are in Package.swift, and not part of the sources.
    passed = ("FROST_VERSION", "FROST_SOURCES", "FROST_GATEWAY_SOURCES", "FUZZ")
    environment = {name: value for name, value in os.environ.items() if name not in passed}
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, check=True).stdout


def targets_of(products, manifest):
    """The targets that executables are made of, and the packages that these name."""
    known = {target["name"]: target for target in manifest["targets"]}
    wanted, found, packages = list(products), {}, set()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        if name not in known:
            sys.exit(f"sources: Package.swift has no target '{name}'")
        found[name] = known[name]
        for dependency in known[name]["dependencies"]:
            if "product" in dependency:
                packages.add(dependency["product"][1].lower())
            else:
                wanted.append(next(iter(dependency.values()))[0])
    return found.values(), packages


def versions_of(direct, tree):
    """Packages and all that they need themselves, as they were resolved."""
    found = {}

    def visit(package, isWanted):
        identity = package["identity"].lower()
        isWanted = isWanted or identity in direct
        if isWanted:
            found[identity] = package["version"]
        for dependency in package["dependencies"]:
            visit(dependency, isWanted)

    for package in tree["dependencies"]:
        visit(package, False)
    missing = direct - set(found)
    if missing:
        sys.exit(f"sources: not resolved: {', '.join(sorted(missing))}; run: swift package resolve")
    return sorted(found.items())


def files_of(targets):
    folders = [target.get("path") or f"{FOLDER.get(target['type'], 'Sources')}/{target['name']}" for target in targets]
    names = output("git", "ls-files", "-z", "-co", "--exclude-standard", "--", *sorted(folders))
    return sorted(name for name in set(names.split("\0"))
                  if name and not name.endswith(".md") and not name.startswith(APART) and (ROOT / name).is_file())


def hash_of(products, manifest, tree):
    targets, packages = targets_of(products, manifest)
    whole = hashlib.sha256()
    said = [manifest["toolsVersion"], manifest["swiftLanguageVersions"], sorted(targets, key=lambda target: target["name"])]
    whole.update(json.dumps(said, sort_keys=True).encode())
    for name in files_of(targets):
        whole.update(f"{hashlib.sha256((ROOT / name).read_bytes()).hexdigest()} {name}\n".encode())
    for name, version in versions_of(packages, tree):
        whole.update(f"{name} {version}\n".encode())
    return whole.hexdigest()


def main():
    if sys.argv[1:2] not in (["hash"], ["list"]) or (sys.argv[1] == "hash") != (len(sys.argv) > 2):
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(64)
    # Both only read; without the lock they wait for no build, nor for the test that may have called this.
    manifest = json.loads(output("swift", "package", "--ignore-lock", "dump-package"))
    tree = json.loads(output("swift", "package", "--ignore-lock", "show-dependencies", "--format", "json"))
    for name in sys.argv[2:]:
        print(hash_of(GATE if name == "gate" else [name], manifest, tree))
    if sys.argv[1] == "list":
        print("postgres-gateway sources", hash_of(GATE, manifest, tree))
        print("frost sources", hash_of(["frost"], manifest, tree))
        print("toolchain", output("swift", "--version").splitlines()[0])
        for name, version in versions_of(targets_of(["postgres-gateway", "frost"], manifest)[1], tree):
            print("package", name, version)


if __name__ == "__main__":
    main()

"""Programs for everything in Python that runs them: the release build's, and C programs of the tools beside the project."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def release_program(name):
    """A program as it ships, built if it has to be; its path."""
    done = subprocess.run([ROOT / "scripts" / "build-release.sh", name], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(done.stdout.strip()) / name


def compile_c(target, sources, *options):
    """A C program by the system's compiler, warnings as errors; libraries come last in `options`."""
    flags = ["-O2", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, *sources, "-o", target, *options], check=True)

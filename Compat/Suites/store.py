"""Where sources come from: package indexes that this machine already uses, into a folder of .build-compat."""

import getpass
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import legs
from suite import run_checked

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


class Store:
    def __init__(self, folder):
        self.folder = folder
        self.sources = folder / "sources"
        self.sources.mkdir(parents=True, exist_ok=True)
        self._index = None

    # Python

    def python(self):
        """A virtual environment with all of requirements.txt, made when that file changes."""
        venv = self.folder / "venv"
        wanted = REQUIREMENTS.read_text()
        done = venv / "installed.txt"
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(venv, ignore_errors=True)
            run_checked([sys.executable, "-m", "venv", venv], "no virtual environment; run: scripts/setup.sh suites")
            run_checked(
                [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS],
                f"pip could not install {REQUIREMENTS.name}; look at the package index, then run this again",
            )
            done.write_text(wanted)
        return venv / "bin" / "python"

    def pinned(self, name):
        found = re.search(rf"^{re.escape(name)}==(\S+)$", REQUIREMENTS.read_text(), re.MULTILINE)
        return found[1]

    def python_sources(self, name):
        """The source package of the version in requirements.txt, unpacked."""
        version = self.pinned(name)
        folder = self.sources / f"{name.lower()}-{version}"
        if not folder.exists():
            downloads = self.folder / "downloads" / name
            run_checked(
                [self.python().parent / "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                 "--no-binary", name, "--dest", downloads, f"{name}=={version}"],
                f"pip could not fetch the source package of {name} {version}; look at the package index, then run this again",
            )
            archives = list(downloads.glob("*.tar.gz"))
            if len(archives) != 1:
                raise legs.Failure(f"no source package of {name} in {downloads}; remove that folder, then run this again")
            with tarfile.open(archives[0]) as tar:
                tar.extractall(self.sources, filter="data")
            if not folder.exists():
                raise legs.Failure(f"{archives[0].name} has no folder {folder.name}")
        return folder

    # Debian

    def apt(self):
        """apt-get's options for an index of our own: the machine's settings, with sources besides programs."""
        if self._index is None:
            folder = self.folder / "apt"
            for part in ("lists/partial", "cache/archives/partial", "settings"):
                (folder / part).mkdir(parents=True, exist_ok=True)
            self._copy_settings(folder / "settings")
            options = [
                f"Dir::Etc::sourcelist={os.devnull}", f"Dir::Etc::sourceparts={folder / 'settings'}",
                f"Dir::State::lists={folder / 'lists'}", f"Dir::Cache={folder / 'cache'}",
                f"APT::Sandbox::User={getpass.getuser()}",
            ]
            self._index = [word for option in options for word in ("-o", option)]
            run_checked(["apt-get", *self._index, "update"], "apt-get cannot read the package index")
        return self._index

    def _copy_settings(self, folder):
        found = [path for path in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]
                 if path.suffix in (".list", ".sources") and path.is_file()]
        if not found:
            raise legs.Failure("apt has no sources here (/etc/apt/sources.list, sources.list.d); the suites come from Debian's")
        for path in found:
            text = path.read_text()
            if path.suffix == ".list":
                lines = [line for line in text.splitlines() if re.match(r"deb\s", line)]
                text = "".join(f"{line}\n{re.sub(r'^deb', 'deb-src', line)}\n" for line in lines)
            else:
                text = re.sub(r"^Types:.*$", "Types: deb deb-src", text, flags=re.MULTILINE)
            (folder / path.name).write_text(text)

    def debian_programs(self, *packages):
        """Unpacks packages (`name` or `name=version`) into a folder, without installing them; returns the folder."""
        root = self.folder / "root"
        marks = root / ".unpacked"
        marks.mkdir(parents=True, exist_ok=True)
        missing = [name for name in packages if not (marks / name).exists()]
        if missing:
            downloads = self.folder / "downloads" / "debian"
            downloads.mkdir(parents=True, exist_ok=True)
            run_checked(["apt-get", *self.apt(), "download", *missing],
                        f"apt-get could not fetch {' '.join(missing)}; look at apt's settings, then run this again",
                        cwd=downloads)
            for name in missing:
                stem = name.partition("=")[0]
                archive = max(downloads.glob(f"{stem}_*.deb"), key=lambda path: path.stat().st_mtime)
                run_checked(["dpkg-deb", "-x", archive, root], f"dpkg-deb could not unpack {archive.name}")
                (marks / name).touch()
        return root

    def depends(self, package, pattern):
        """The package and all that it needs whose name matches."""
        text = run_checked(
            ["apt-cache", *self.apt(), "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
             "--no-breaks", "--no-replaces", "--no-enhances", package],
            f"there is no package {package}; look at apt's settings, then run this again",
        )
        return sorted({package, *(line for line in text.splitlines() if re.fullmatch(pattern, line))})

    def debian_version(self, package):
        """The version that is unpacked here."""
        downloads = self.folder / "downloads" / "debian"
        archive = max(downloads.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
        return run_checked(["dpkg-deb", "-f", archive, "Version"], "dpkg-deb").strip()

    def debian_sources(self, package, version):
        """The source package, unpacked with Debian's patches."""
        folder = self.sources / f"{package}-{version}"
        if not folder.exists():
            downloads = self.folder / "downloads" / f"{package}-{version}"
            shutil.rmtree(downloads, ignore_errors=True)
            downloads.mkdir(parents=True)
            run_checked(
                ["apt-get", *self.apt(), "source", "--download-only", f"{package}={version}"],
                f"apt-get could not fetch the sources of {package} {version}, which is installed; "
                f"run `apt-get install {package}` for the newest, then this again",
                cwd=downloads,
            )
            descriptions = list(downloads.glob("*.dsc"))
            run_checked(["dpkg-source", "--no-check", "-x", descriptions[0], folder], "dpkg-source could not unpack the sources")
        return folder


def installed_version(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise legs.Failure(f"{package} is not installed; run: scripts/setup.sh suites")
    return done.stdout

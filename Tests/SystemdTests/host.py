"""A container with systemd as its first process, and the releases that are installed on it."""

import functools
import os
import pathlib
import subprocess
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
IMAGE = "frost-systemd-test"
OUTPUT = ROOT / ".build" / "systemd-test"
# Where a release keeps its scripts on a host.
LIB = "/usr/local/lib/postgres-gateway"


def run(arguments, **options):
    """Runs a program that has to succeed; its output."""
    result = subprocess.run(arguments, text=True, capture_output=True, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


@functools.cache
def build_image(image=IMAGE, packages="", file="Dockerfile"):
    """The host's image, with more packages of Debian's than every host here has."""
    run([str(ROOT / "scripts" / "base-image.sh")])
    here = pathlib.Path(__file__).parent
    run(["docker", "build", "--network", "host", "--build-arg", f"PACKAGES={packages}", "-t", image, "-f", str(here / file), str(here)])


@functools.cache
def built_programs():
    """Both programs as they ship (scripts/build-release.sh, or the folder FROST_PROGRAMS), and what they are called."""
    programs = pathlib.Path(os.environ.get("FROST_PROGRAMS") or run([str(ROOT / "scripts" / "build-release.sh"), "postgres-gateway", "frost"], cwd=ROOT).strip())
    return programs, run([str(programs / "frost"), "--version"]).split()[1]


@functools.cache
def build_program(version):
    """A release, but for the gate: the path of its tarball. It is the one build, by another name; to link both programs
    anew for each name takes minutes."""
    programs, built = built_programs()
    if len(built) < len(version):
        raise RuntimeError(f"the programs are called {built}, which has no room for {version}")
    renamed = OUTPUT / f"programs-{version}"
    renamed.mkdir(parents=True, exist_ok=True)
    for name in ("postgres-gateway", "frost"):
        parts = (programs / name).read_bytes().split(b"\0" + built.encode() + b"\0")
        if len(parts) != 2:
            raise RuntimeError(f"{programs / name} names its version {built} in {len(parts) - 1} places")
        (renamed / name).write_bytes((b"\0" + version.encode().ljust(len(built), b"\0") + b"\0").join(parts))
        (renamed / name).chmod(0o755)
    return package(renamed, version)


def package(programs, version):
    OUTPUT.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(run([str(ROOT / "scripts" / "package.sh"), str(programs), version, str(OUTPUT)], cwd=ROOT).strip())


def build_broken(version, *, check="exit 0", serve='exec "$real" "$@"', frost="exit 1"):
    """A release of scripts: they answer as told, and the gateway's leaves the rest to the one before it.

    `frost` is what frost does with all but `--version`.
    """
    programs = OUTPUT / f"broken-{version}"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "postgres-gateway").write_text(
        "#!/bin/sh\n"
        "real=/usr/local/lib/postgres-gateway/previous/postgres-gateway\n"
        "case $1 in\n"
        f"version) echo 'postgres-gateway {version} (a script)' ;;\n"
        f"check) {check} ;;\n"
        f"run) {serve} ;;\n"
        '*) exec "$real" "$@" ;;\n'
        "esac\n"
    )
    (programs / "frost").write_text(f"#!/bin/sh\n[ $1 != --version ] || exec echo 'frost {version} (a script)'\n{frost}\n")
    for name in ("postgres-gateway", "frost"):
        (programs / name).chmod(0o755)
    return package(programs, version)


class Host:
    """A machine of its own, until `remove`."""

    image = IMAGE
    network = "none"
    # Beside those that an engine gives.
    capabilities = []

    def __init__(self):
        self.name = f"frost-systemd-test-{uuid.uuid4().hex[:8]}"

    def start(self):
        options = ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "-e", "container=docker"]
        if os.path.isdir("/sys/fs/cgroup/systemd"):
            options += ["--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "-v", "/sys/fs/cgroup/systemd:/sys/fs/cgroup/systemd:rw"]
        else:  # one hierarchy only (cgroup v2), which systemd wants to itself
            options += ["--privileged", "--cgroupns", "private"]
        for capability in self.capabilities:
            options += ["--cap-add", capability]
        # What systemd takes for a request to halt, as `systemctl halt` would make it.
        run(["docker", "run", "-d", "--name", self.name, "--network", self.network, "--stop-signal", "SIGRTMIN+3",
             "--sysctl", "net.ipv4.ip_unprivileged_port_start=1024", *options,
             "--tmpfs", "/run", "--tmpfs", "/run/lock", self.image])
        self.until_up()

    def restart(self):
        """Shuts the host down, as `systemctl halt` does, and starts it again."""
        run(["docker", "stop", "--time", "300", self.name])
        run(["docker", "start", self.name])
        self.until_up()

    def until_up(self):
        self.eventually("systemd is up", lambda: self.sh("systemctl is-system-running", check=False).stdout.strip()
                        in ("running", "degraded"))

    def remove(self):
        subprocess.run(["docker", "rm", "-f", self.name], capture_output=True)

    def sh(self, command, check=True, **options):
        """Runs a shell command as root on the host."""
        result = subprocess.run(["docker", "exec", self.name, "bash", "-c", command], text=True, capture_output=True,
                                timeout=300, **options)
        if check and result.returncode != 0:
            raise RuntimeError(f"{command}: exit {result.returncode}\n{result.stdout}{result.stderr}\n{self.journal()}")
        return result

    def output(self, command):
        return self.sh(command).stdout.strip()

    def copy(self, path, target):
        run(["docker", "cp", str(path), f"{self.name}:{target}"])

    def write(self, path, text):
        subprocess.run(["docker", "exec", "-i", self.name, "bash", "-c", f"cat > '{path}'"], input=text, text=True, check=True)

    def journal(self):
        # With the lines that the journal has received and not written yet.
        return self.sh("journalctl --sync; journalctl -u postgres-gateway -u frost --no-pager -o cat", check=False).stdout

    def property(self, name, unit="postgres-gateway"):
        return self.output(f"systemctl show -P {name} {unit}")

    def eventually(self, what, condition, seconds=180):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.journal()[-3000:]}")
            time.sleep(0.2)  # between two looks; what is waited for is the condition

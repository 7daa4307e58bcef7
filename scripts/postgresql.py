"""PostgreSQL's server as Debian installs it, for everything in Python that starts one."""

import os
import pathlib


def newest(file):
    """The directory of the newest major version that has this file; None when none has."""
    found = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*") if (path / file).exists()]
    return max(found, key=lambda path: int(path.name), default=None)


def as_server_user(*options):
    """What is put before a command, so that it runs as an account that may run a server: not as root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *options, "--"]

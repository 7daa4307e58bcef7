"""What the stories on a host have in common."""

import sys
import unittest

from host import LIB


class Story(unittest.TestCase):
    """Steps that run in the order of their names, on one host."""

    maxDiff = None

    @classmethod
    def start_host(cls, host, first, *others):
        """Starts it, until the steps are over. The releases lie in /root, the first one unpacked in /root/release."""
        cls.host = host
        cls.addClassCleanup(host.remove)
        host.start()
        for tarball in (first, *others):
            host.copy(tarball, "/root/")
            host.copy(f"{tarball}.sha256", "/root/")
        host.sh(f"mkdir /root/release && tar -xzf /root/{first.name} -C /root/release --strip-components=1")

    def run(self, result=None):
        """Prints the journal behind a step that fails."""
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(self.host.journal()[-6000:], file=sys.stderr)

    def install(self, options="", check=True):
        return self.host.sh(f"cd /root/release && ./install.sh {options}", check=check)

    def update(self, options, check=True):
        return self.host.sh(f"cd /root && {LIB}/update.sh {options}", check=check)

"""What update.sh refuses before it runs anything: releases that are not whole, or not signed by whom they should be."""

KEY = "/etc/postgres-gateway/release-key.pub"
NAMESPACE = "postgres-gateway-release"


class SignatureSteps:
    """Steps of a story on `self.host`, on which 1.0.0 is installed and 1.1.0 lies in /root."""

    def refuses(self, tarball, text):
        before = self.state()
        result = self.update(tarball, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(text, result.stderr)
        self.assertIn("Nothing was changed.", result.stderr)
        self.assertEqual(self.state(), before)
        self.assertEqual(self.host.output("ls /root/ran 2>/dev/null || true"), "", "something of the release was run")

    def sign(self, key, tarball, namespace=NAMESPACE):
        self.host.sh(f"rm -f {tarball}.sig; ssh-keygen -Y sign -q -f /root/{key} -n {namespace} {tarball} </dev/null")

    def test_30_a_tampered_tarball_is_refused_before_anything_runs(self):
        # With a checksum of its own, it would say so itself.
        self.host.sh(
            "cd /root && rm -rf evil && mkdir evil && tar -xzf postgres-gateway-1.1.0-linux-*.tar.gz -C evil && cd evil/*"
            " && for file in *.sh postgres-gateway frost; do printf '#!/bin/sh\\ntouch /root/ran\\n' > $file; chmod 0755 $file; done"
            " && tar -C .. -czf /root/evil.tar.gz ."
        )
        self.host.sh(f"cd /root && cp {self.second.name}.sha256 evil.tar.gz.sha256")
        self.refuses("evil.tar.gz", "the checksum of evil.tar.gz")
        # Cut off on its way.
        self.host.sh(f"cd /root && head -c 1000000 {self.second.name} > cut.tar.gz && cp {self.second.name}.sha256 cut.tar.gz.sha256")
        self.refuses("cut.tar.gz", "the checksum of cut.tar.gz")

    def test_31_a_signature_that_is_asked_for_and_missing_or_wrong_is_refused(self):
        self.host.sh("cd /root && for key in ours theirs; do ssh-keygen -q -t ed25519 -N '' -C $key -f $key; done")
        self.host.sh(f"(echo '# who signs releases'; cat /root/ours.pub) > {KEY}")
        # Whoever can exchange the tarball exchanges its checksum too.
        self.host.sh("cd /root && sha256sum evil.tar.gz > evil.tar.gz.sha256")
        self.refuses("evil.tar.gz", "evil.tar.gz.sig does not exist")
        self.sign("theirs", "/root/evil.tar.gz")
        self.refuses("evil.tar.gz", "the signature evil.tar.gz.sig is not one of evil.tar.gz by a key in")
        # A good signature of another file, of another purpose, and none at all.
        self.sign("ours", f"/root/{self.second.name}")
        self.host.sh(f"cp /root/{self.second.name}.sig /root/evil.tar.gz.sig")
        self.refuses("evil.tar.gz", "is not one of evil.tar.gz")
        self.sign("ours", "/root/evil.tar.gz", namespace="file")
        self.refuses("evil.tar.gz", "is not one of evil.tar.gz")
        self.host.sh("echo nonsense > /root/evil.tar.gz.sig")
        self.refuses("evil.tar.gz", "is not one of evil.tar.gz")
        # A file of keys with none in it trusts nobody.
        self.host.sh(f"echo '# none' > {KEY}")
        self.refuses(self.second.name, f"the signature {self.second.name}.sig is not one of")
        self.host.sh(f"cp /root/ours.pub {KEY}")

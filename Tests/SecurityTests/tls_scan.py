#!/usr/bin/env python3
"""Scans the gateway's TLS from outside with sslyze, against Mozilla's intermediate profile, and with testssl.sh.

`frost up` runs with a real branch and the CA of its own (ECDSA); a second gateway serves the same branch with an RSA
certificate. Both are scanned after an SSLRequest, and with direct TLS: by sslyze, and suite by suite with ALPN, which neither
tool can send. What the tools found goes to .build/tls-scan.

Needs what scripts/setup.sh test and scripts/compat-setup.sh install, and the programs of the release build
(scripts/build-release.sh, or the folder FROST_PROGRAMS).
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from ports import free_port, free_range  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("FROST_PROGRAMS", ROOT / ".build-release/release"))
SSLYZE = ROOT / ".build-compat/tls/bin/sslyze"
OUTPUT = ROOT / ".build/tls-scan"
NAME = "main.pg.shop.localhost"

# What testssl.sh may find, and why it is no fault here. Everything else from LOW upwards, and each warning, is one.
ALLOWED = {
    "engine_problem": "about the scanner's own OpenSSL, which has no GOST",
    "cipher_order": "clients choose, as Mozilla's profiles have it since 5.0: every suite that is offered is strong",
    "cert_revocation": "a private CA has neither CRL nor OCSP; drivers look at neither (docs/security.md)",
}
# Findings without which the scan has not looked.
LOOKED_AT = {
    "SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT",
    "cipherlist_LOW", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE", "PFS", "PFS_ECDHE_curves", "cert_keySize",
    "cert_signatureAlgorithm", "cert_chain_of_trust", "cert_trust", "cert_expirationStatus", "heartbleed", "CCS", "ROBOT",
    "secure_renego", "secure_client_renego", "CRIME_TLS", "POODLE_SSL", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST",
    "LUCKY13", "RC4", "scanTime",
}
# What there is to find, which is TLSBaseline. X25519MLKEM768 is younger than both tools; the gate's libpq 18 uses it.
SUITES_13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
SUITES_12 = {"{}-AES128-GCM-SHA256", "{}-AES256-GCM-SHA384", "{}-CHACHA20-POLY1305"}
CURVES = {"X25519", "secp256r1", "secp384r1"}

failures = []
# TLS 1.0 and 1.1 are asked for to see them refused.
warnings.filterwarnings("ignore", message="ssl.TLSVersion", category=DeprecationWarning)


def check(condition, what, detail=""):
    print(("ok      " if condition else "FAILED  ") + what + (f": {detail}" if detail and not condition else ""), flush=True)
    if not condition:
        failures.append(what)


def run(*arguments, **options):
    result = subprocess.run(list(map(str, arguments)), text=True, capture_output=True, **options)
    if result.returncode != 0:
        raise SystemExit(f"{arguments[0]} failed: {result.stdout}{result.stderr}")
    return result.stdout


class Target:
    """A gateway with one certificate."""

    def __init__(self, key, directory, command, environment):
        self.key = key
        self.ca = None
        self.port, self.admin = free_port(), free_port()
        self.log = directory / f"{key}.log"
        environment = {**environment, "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": f"127.0.0.1:{self.admin}"}
        command = [*command, "--port", str(self.port), "--listen-address", "127.0.0.1"]
        self.process = subprocess.Popen(command, env=environment, stdout=open(self.log, "w"), stderr=subprocess.STDOUT)

    def wait(self):
        deadline = time.monotonic() + 300
        while '"listening"' not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the gateway did not start:\n{self.log.read_text()}")
            time.sleep(0.1)  # between two looks

    def admin_text(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=60) as answer:
            return answer.read().decode()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(300)


def make_rsa(directory):
    """A CA and what it issues, RSA of 2048 bits: the largest that all drivers do quickly, and the least that Mozilla allows."""
    config = directory / "rsa.cnf"
    config.write_text(
        f"[leaf]\nsubjectAltName=DNS:{NAME}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    ca, leaf = directory / "rsa-ca", directory / "rsa"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "300", "-subj", "/CN=RSA test CA",
        "-addext", "keyUsage=critical,keyCertSign", "-keyout", f"{ca}.key", "-out", f"{ca}.crt")
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}", "-keyout", f"{leaf}.key", "-out", f"{leaf}.csr")
    run("openssl", "x509", "-req", "-in", f"{leaf}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-sha256",
        "-days", "90", "-extfile", config, "-extensions", "leaf", "-out", f"{leaf}.crt")
    return leaf, pathlib.Path(f"{ca}.crt")


def check_psql(target, when):
    """psql reaches the branch and verifies the gateway, as a client elsewhere does."""
    result = subprocess.run(
        ["psql", "-XqAtc", "SELECT 1",
         f"host={NAME} hostaddr=127.0.0.1 port={target.port} user=frost dbname=shop sslmode=verify-full sslrootcert={target.ca}"],
        text=True, capture_output=True, env={**os.environ, "PGPASSWORD": target.password}, timeout=120,
    )
    check(result.stdout == "1\n", f"psql with verify-full {when}, {target.key}", result.stderr)


def sslyze(target, way, *options):
    file = OUTPUT / f"sslyze-{target.key}-{way}.json"
    result = subprocess.run(
        [SSLYZE, *options, "--mozilla_config", "intermediate", "--early_data", "--sni", NAME,
         "--certinfo_ca_file", target.ca, "--json_out", file, f"{NAME}:{target.port}{{127.0.0.1}}"],
        text=True, capture_output=True, timeout=300,
    )
    file.with_suffix(".txt").write_text(result.stdout + result.stderr)
    scan = json.loads(file.read_text())["server_scan_results"][0]
    if scan["scan_status"] != "COMPLETED":
        raise SystemExit(f"sslyze could not scan the {target.key} gateway: {result.stdout}{result.stderr}")
    return result, scan["scan_result"]


def check_sslyze(target, way, *options):
    result, found = sslyze(target, way, *options)
    what = f"sslyze, {target.key}, {way}"
    verdict = result.stdout.partition("COMPLIANCE AGAINST")[2]
    # The file of the own CA is given, so that not even the untrusted root is left to find.
    check(result.returncode == 0 and "OK - Compliant" in verdict, f"{what}: complies with Mozilla intermediate", verdict)

    def suites(version):
        return {entry["cipher_suite"]["openssl_name"] for entry in found[f"{version}_cipher_suites"]["result"]["accepted_cipher_suites"]}

    check(suites("tls_1_3") == SUITES_13, f"{what}: exactly the suites of TLS 1.3", suites("tls_1_3"))
    expected = {name.format(f"ECDHE-{target.key}") for name in SUITES_12}
    check(suites("tls_1_2") == expected, f"{what}: exactly the ECDHE AEAD suites of TLS 1.2", suites("tls_1_2"))
    old = [version for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"]
           if found[f"{version}_cipher_suites"]["result"]["is_tls_version_supported"]]
    check(not old, f"{what}: no older version", old)
    curves = {curve["name"] for curve in found["elliptic_curves"]["result"]["supported_curves"]}
    check(curves == CURVES, f"{what}: exactly the curves of the baseline", curves)
    check(found["tls_1_3_early_data"]["result"]["supports_early_data"] is False, f"{what}: no early data")
    renegotiation = found["session_renegotiation"]["result"]
    check(not renegotiation["is_vulnerable_to_client_renegotiation_dos"] and renegotiation["supports_secure_renegotiation"],
          f"{what}: no renegotiation by the client", renegotiation)


def testssl(target):
    file = OUTPUT / f"testssl-{target.key}.json"
    file.unlink(missing_ok=True)
    result = subprocess.run(
        # All but the simulation of clients: those are the gate's.
        ["testssl", "--protocols", "--std", "--pfs", "--server-preference", "--server-defaults", "--vulnerable",
         "--starttls", "postgres", "--ip", "127.0.0.1", "--nodns", "none", "--warnings", "off", "--color", "0", "--quiet",
         "--add-ca", target.ca, "--jsonfile", file, f"{NAME}:{target.port}"],
        text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=540,
    )
    file.with_suffix(".txt").write_text(result.stdout + result.stderr)
    return json.loads(file.read_text())


def check_testssl(target, findings):
    what = f"testssl.sh, {target.key}"
    missing = sorted(LOOKED_AT - {finding["id"].split(" ")[0] for finding in findings})
    check(not missing, f"{what}: has looked at all of it", ", ".join(missing))
    faults = [f"{finding['id']} ({finding['severity']}): {finding['finding']}" for finding in findings
              if finding["severity"] not in ("OK", "INFO") and finding["id"].split(" ")[0] not in ALLOWED]
    check(not faults, f"{what}: no finding but those that are allowed", "; ".join(faults))
    for finding in findings:
        if finding["severity"] not in ("OK", "INFO") and finding["id"] in ALLOWED:
            print(f"        {finding['id']} ({finding['severity']}) is allowed: {ALLOWED[finding['id']]}")


def direct(target, version, ciphers=None, protocols=("postgresql",)):
    """The suite of a direct TLS connection that the gateway goes on with, or why there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(target.ca)
    # Older ones and weaker ones too: the gateway is what refuses them.
    context.set_ciphers(f"{ciphers or 'ALL:COMPLEMENTOFALL'}:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(list(protocols))
    try:
        with socket.create_connection(("127.0.0.1", target.port), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname=NAME) as tls:
                # A StartupMessage of a few bytes, which the branch answers with its demand for a password.
                message = b"\x00\x03\x00\x00user\x00frost\x00database\x00shop\x00\x00"
                tls.sendall(struct.pack("!I", len(message) + 4) + message)
                answer = tls.recv(4096)
                return tls.cipher()[0] if answer.startswith(b"R") else answer.decode(errors="replace")
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        return error.reason


def check_direct(target):
    what = f"direct TLS, {target.key}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    accepted = {name for name in names if direct(target, ssl.TLSVersion.TLSv1_2, name) == name}
    expected = {name.format(f"ECDHE-{target.key}") for name in SUITES_12}
    check(accepted == expected, f"{what}: of {len(names)} suites of TLS 1.2 exactly the three", accepted)
    check(direct(target, ssl.TLSVersion.TLSv1_3) in SUITES_13, f"{what}: TLS 1.3")
    # The gateway's own alerts, not what this client would not send.
    for version in [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]:
        reason = direct(target, version)
        check(reason == "TLSV1_ALERT_PROTOCOL_VERSION", f"{what}: not {version.name}", reason)
    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        for protocols in [(), ("http/1.1",)]:
            reason = direct(target, version, protocols=protocols)
            check("without ALPN" in reason, f"{what}: {version.name} not with the ALPN list {protocols}", reason)


def main():
    if not SSLYZE.exists() or not shutil.which("testssl"):
        raise SystemExit("tls_scan: sslyze or testssl.sh is missing; run: scripts/setup.sh test && scripts/compat-setup.sh")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="frost-tls-scan-"))
    scratch.chmod(0o755)
    frost, gateway = PROGRAMS / "frost", PROGRAMS / "postgres-gateway"
    environment = {
        **os.environ, "FROST_DATA_DIR": str(scratch / "data"), "FROST_API_ADDRESS": "127.0.0.1:0",
        "FROST_HOST_PORTS": free_range(20), "FROST_POSTGRES_GATEWAY_LOG_FORMAT": "json",
    }
    targets = []
    try:
        run(frost, "project", "create", "shop", env=environment)
        run(frost, "database", "create", "shop", "--project", "shop", env=environment)
        targets.append(Target("ECDSA", scratch, [frost, "up"], environment))
        targets[0].wait()
        targets[0].ca = scratch / "data/ca/ca.crt"
        pair, authority = make_rsa(scratch)
        targets.append(Target("RSA", scratch, [
            gateway, "run", "--enabled", "--route-file", scratch / "data/routes.json", "--cert-file", f"{pair}.crt",
            "--key-file", f"{pair}.key",
        ], environment))
        targets[1].wait()
        targets[1].ca = authority
        password = run(frost, "branch", "url", "main", env=environment).partition("@")[0].rpartition(":")[2]
        for target in targets:
            target.password = password
            check_psql(target, "before the scans")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            long = [pool.submit(testssl, target) for target in targets]
            for target in targets:
                check_sslyze(target, "after-SSLRequest", "--starttls", "postgres")
                check_sslyze(target, "direct")
                check_direct(target)
            for target, scan in zip(targets, long):
                check_testssl(target, scan.result())
        for target in targets:
            check_psql(target, "after them")
            errors = [line for line in target.log.read_text().split("\n") if '"level":"error"' in line or '"level":"critical"' in line]
            check(not errors, f"the gateway's log has no error, {target.key}", "; ".join(errors[:3]))
            check(target.process.poll() is None and target.admin_text("/healthz"), f"the gateway is alive, {target.key}")
    finally:
        for target in targets:
            target.stop()
        subprocess.run([frost, "stop", "--all"], env=environment, capture_output=True)
        shutil.rmtree(scratch)
    print(f"tls_scan: {len(failures)} failed; the tools' own reports are in {OUTPUT.relative_to(ROOT)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

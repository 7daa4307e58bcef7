"""The states of the gateway on every page, and a frost that is gone."""

import os
import signal
import subprocess

from checks import check
from host import ROOT, listens

GATEWAY = str(ROOT / ".build-release/release/postgres-gateway")


class Gateway:
    """A gateway that is a service of its own, beside `frost up --no-gateway`."""

    def __init__(self, host):
        self.host = host
        self.process = None

    def start(self, certificate):
        host = self.host
        self.process = subprocess.Popen(
            [GATEWAY, "run"],
            env={
                **host.environment,
                "FROST_POSTGRES_GATEWAY_ENABLED": "true",
                "FROST_POSTGRES_GATEWAY_PORT": str(host.port),
                "FROST_POSTGRES_GATEWAY_LISTEN_ADDRESS": "127.0.0.1",
                "FROST_POSTGRES_GATEWAY_ROUTE_FILE": str(host.directory / "data/routes.json"),
                "FROST_POSTGRES_GATEWAY_CERT_FILE": f"{certificate}.crt",
                "FROST_POSTGRES_GATEWAY_KEY_FILE": f"{certificate}.key",
                "FROST_POSTGRES_GATEWAY_DRAIN_TIMEOUT": "1s",
            },
            stdout=subprocess.DEVNULL, stderr=open(host.directory / "gateway.log", "a"),
        )

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(90)
            self.process = None


def expect(page, branch, state, word, sentence, warning, accessible):
    """The state on all pages, in the same words."""
    name = state.replace("_", "-")
    page.open("/")
    page.until(f"{name}: the overview says so", lambda: word in page.text("#gateway-summary"))
    check(lambda: sentence in page.text("#summary"), f"{name}: with what is wrong", lambda: page.text("#summary"))
    accessible(page, f"gateway {name} overview")
    page.open("/settings#certificates")
    page.until(f"{name}: Settings say so", lambda: word in page.text("#gateway-state"))
    check(lambda: sentence in page.text("main"), f"{name}: with what is wrong in Settings", lambda: page.text("main"))
    accessible(page, f"gateway {name} settings")
    page.width(360)
    page.js("document.getElementById('certificates').scrollIntoView()")
    page.settle()
    page.shot(f"gateway-{name}-certificates-360")
    page.width(1440)
    page.open(branch)
    page.until(f"{name}: the card warns", lambda: (page.attribute("#external-warning", "data-warning") or None) == warning)
    check(lambda: "dev.pg." in page.text("#snippet-text"), f"{name}: the string stays where it is")
    mark = page.text("#tree-gateway")
    check(lambda: bool(page.text("#tree-gateway")) == (warning is not None), f"{name}: the tree says so too", lambda: mark)
    accessible(page, f"gateway {name} branch")
    page.click("#via-direct")
    page.until("the direct way is shown", lambda: page.attribute("#via-direct", "aria-current") == "true")
    check(lambda: not page.all("#external-warning"), f"{name}: the way past the gateway has no warning")


def gateway_states(page, host, branch, accessible):
    """On, off, unreachable, hung, uncovered: with a gateway that is a service, and that the test stops and starts."""
    gateway = Gateway(host)
    subprocess.run(
        ["Tests/certificate.sh", host.directory / "other", "*.pg.other.localhost"], cwd=ROOT, check=True, capture_output=True,
    )
    try:
        admin = host.environment["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"]
        sentence = f"The gateway does not answer at {admin}."
        expect(page, branch, "unreachable", "Not running", sentence, "gateway_unreachable", accessible)
        check(lambda: "Unknown" == page.text("#sessions-now"), "and nobody knows who is connected")
        said = host.frost("branch", "url", "dev", "--database", "shop").stderr
        check(f"warning: the gateway does not answer at {admin}; start it: systemctl start postgres-gateway" in said,
              "the command says the same", said)
        gateway.start(host.directory / "server")
        expect(page, branch, "on", "On", "", None, accessible)
        page.open("/settings")
        check(lambda: "*.pg.shop.localhost (" in page.text("#certificates"), "the certificate and what it covers",
              lambda: page.text("#certificates"))
        page.open(branch)
        page.until("the stream is live", lambda: page.text("#stream") == "Live")
        page.js("window.marker = 'not reloaded'")
        gateway.signal(signal.SIGSTOP)
        page.until("a page that is open hears of it", lambda: page.attribute("#external-warning", "data-warning"))
        check(page.js("return window.marker") == "not reloaded", "without a reload")
        sentence = f"The gateway accepts connections at {admin} but does not answer."
        expect(page, branch, "hung", "Does not answer", sentence, "gateway_unreachable", accessible)
        page.open(branch)
        page.until("the card warns", lambda: page.attribute("#external-warning", "data-warning"))
        gateway.signal(signal.SIGCONT)
        page.until("and stops when it answers again", lambda: page.text("#snippet-text") and not page.all("#external-warning"))
        gateway.stop()
        page.until("nothing listens", lambda: not listens(host.port))
        gateway.start(host.directory / "other")
        expect(page, branch, "uncovered", "On", "No certificate covers", "hostname_not_covered", accessible)
        page.open("/settings")
        check(lambda: "dev.pg.shop.localhost" in page.text("#uncovered"), "Settings list the hostnames")
        check(lambda: "*.pg.shop.localhost" in page.text("#uncovered code.break"), "and the certificate to get")
        page.click("#gateway-enabled")
        page.click("#save-settings")
        page.until("it is saved", lambda: "Saved" in page.text("[data-saved-here]"))
        page.open("/")
        page.until("off is off", lambda: page.text("#gateway-summary") == "Off")
        check(lambda: not page.all("#tree-gateway"), "and is no trouble")
        accessible(page, "gateway off overview")
        page.open("/settings")
        page.click("#gateway-enabled")
        page.click("#save-settings")
        page.until("it is saved", lambda: "Saved" in page.text("[data-saved-here]"))
    finally:
        gateway.stop()


def frost_gone(page, host, branch, known_faults, accessible):
    """A banner while frost is away, or hangs; gone when it is back."""
    known_faults.append("net::ERR_CONNECTION_REFUSED")
    known_faults.append("net::ERR_INCOMPLETE_CHUNKED_ENCODING")
    known_faults.append("net::ERR_CONNECTION_RESET")
    page.open(branch)
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    check(lambda: not page.find("#lost").is_displayed(), "while frost answers there is no banner")
    page.js("window.marker = 'not reloaded'")
    green = page.js("return getComputedStyle(document.querySelector('#branch-status .dot')).backgroundColor")
    host.stop()
    page.until("a banner says that frost is gone", lambda: page.find("#lost").is_displayed())
    text = page.text("#lost")
    check(page.js("return /^Frost does not answer\\. This page shows the state of \\d\\d:\\d\\d\\.$/.test(arguments[0])", text),
          "with the time of what is shown", text)
    check(lambda: page.js("return getComputedStyle(document.querySelector('#branch-status .dot')).backgroundColor") != green,
          "nothing is green meanwhile")
    accessible(page, "frost gone")
    page.js("scrollTo(0, document.body.scrollHeight)")
    check(lambda: page.js("const box = document.getElementById('lost').getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight"),
          "it stays in view")
    host.start("--no-gateway")
    page.until("it goes when frost is back", lambda: not page.find("#lost").is_displayed())
    page.until("and the stream is live", lambda: page.text("#stream") == "Live")
    check(lambda: page.js("return getComputedStyle(document.querySelector('#branch-status .dot')).backgroundColor") == green,
          "and green is green")
    check(page.js("return window.marker") == "not reloaded", "without a reload")
    os.kill(host.process.pid, signal.SIGSTOP)
    try:
        page.until("one that hangs is told as well", lambda: page.find("#lost").is_displayed())
    finally:
        os.kill(host.process.pid, signal.SIGCONT)
    page.until("and comes back", lambda: not page.find("#lost").is_displayed())

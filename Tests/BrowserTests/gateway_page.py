"""The page of the gateway under load: charts, branches and refusals that follow, and a gateway that is killed."""

import contextlib
import signal
import subprocess
import threading

from checks import accessible, check, keyboard
from gateway_states import Gateway
from host import client_environment, listens, psql

# Sessions that stay open and ask again and again.
SESSIONS = 4
QUERY = "SELECT repeat('x', 2000) FROM generate_series(1, 50) \\watch 0.2\n"


@contextlib.contextmanager
def load(string):
    """Sessions that ask all the time, and connections that come and go."""
    over = threading.Event()
    sessions = [
        subprocess.Popen(["psql", string, "-XqAt"], env=client_environment(string), stdin=subprocess.PIPE,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        for _ in range(SESSIONS)
    ]
    for session in sessions:
        session.stdin.write(QUERY)
        session.stdin.flush()

    def connect():
        while not over.wait(0.5):
            psql(string, "SELECT 1")

    connections = threading.Thread(target=connect)
    connections.start()
    try:
        yield
    finally:
        over.set()
        connections.join()
        for session in sessions:
            session.kill()
            session.wait()


def url(host):
    return host.frost("branch", "url", "dev", "--database", "shop").stdout.strip()


def number(page, figure):
    text = page.text(f"#figure-{figure}")
    return int(text) if text.isdigit() else -1


def gateway_page(page, host):
    """With the gateway of `frost up`."""
    string = url(host)
    page.open("/")
    page.click("#gateway-hour")
    page.until("the overview leads to the page of the gateway", lambda: page.text("h1") == "Gateway")
    check(lambda: page.text("#gateway-status") == "On", "which says that it is on")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    page.js("window.marker = 'not reloaded'")
    before = max(0, number(page, "connections"))
    with load(string):
        check(lambda: number(page, "sessions") >= SESSIONS, "sessions are counted", lambda: page.text("#figure-sessions"))
        check(lambda: number(page, "connections") > before + SESSIONS, "connections move", lambda: page.text("#figure-connections"))
        check(lambda: "B/s" in page.text("#chart-bytes-caption") and "now 0 B/s" not in page.text("#chart-bytes-caption"),
              "so do bytes", lambda: page.text("#chart-bytes-caption"))
        for chart in ["handshakes", "dials"]:
            check(lambda: "half took at most" in page.text(f"#chart-{chart}-caption"), f"and {chart} have their times",
                  lambda: page.text(f"#chart-{chart}-caption"))
        check(lambda: page.js("return document.querySelectorAll('#gateway-charts .chart-line').length") >= 5,
              "in charts")
        times = page.js("return [...document.querySelectorAll('#gateway-charts .chart-text')].map(text => text.textContent)")
        check(len(times) == 6 and all(text.endswith("now") and " min" in text and "1 h" not in text for text in times),
              "which begin with the first sample", times)
        nobody = string.replace("dev.pg.shop", "nobody.pg.shop")
        stderr = psql(nobody, "SELECT 1").stderr
        check("no branch has the hostname" in stderr, "a wrong hostname is refused", stderr)
        check(lambda: "Check the spelling" in page.text('[data-reason="unknown_hostname"]'), "the refusal is there, with its hint",
              lambda: page.text("#gateway-refusals"))
        check(lambda: "nobody" not in page.text("#gateway-refusals"), "without what the client sent")
        check(lambda: "Unknown hostname: " in page.text("#chart-refusals-caption"), "and in its chart",
              lambda: page.text("#chart-refusals-caption"))
        check(lambda: "*.pg.shop.localhost" in page.text("#certificates"), "certificates are there as well")
        check(lambda: "127.0.0.1" not in page.text("main"), "and no address of a client")
        check(page.js("return window.marker") == "not reloaded", "all of it without a reload")
        accessible(page, "gateway page")
        keyboard(page, "gateway page")
        page.click("#gateway-branches tbody a")
        page.until("the charts of one branch", lambda: page.text("h1") == "shop / dev")
        check(lambda: page.all("#chart-errors-caption") and not page.all("#chart-dials-caption"), "have what a branch has")
        check(page.js("return window.marker") == "not reloaded", "without a reload too")
        accessible(page, "gateway page branch")
        page.click("#gateway-all")
        page.until("and back", lambda: page.text("h1") == "Gateway")
    check(lambda: number(page, "sessions") == 0, "no session is left", lambda: page.text("#figure-sessions"))


def without_scripts(page):
    """What a reader without JavaScript sees."""
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.open("/gateway")
    check(lambda: page.find("#gateway-charts .chart").is_displayed(), "charts need no JavaScript")
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def gateway_killed(page, host):
    """Last, with a gateway that is a service of its own."""
    gateway = Gateway(host)
    try:
        gateway.start(host.directory / "server")
        page.open("/gateway")
        page.until("the stream is live", lambda: page.text("#stream") == "Live")
        page.until("the gateway is on", lambda: page.text("#gateway-status") == "On")
        page.until("and measured", lambda: "Measured" in page.text("#gateway-kept"))
        string = url(host)
        psql(string, "SELECT 1")
        page.until("with a connection", lambda: number(page, "connections") > 0)
        gateway.signal(signal.SIGKILL)
        gateway.process.wait(90)
        check(lambda: page.text("#gateway-status") == "Not running", "killed: the state says so",
              lambda: page.text("#gateway-status"))
        check(lambda: "systemctl start postgres-gateway" in page.text("#gateway-notice"), "with the next step")
        check(lambda: page.text("#figure-sessions") == "Unknown", "nobody knows the sessions")
        check(lambda: number(page, "connections") > 0, "the hour so far stays")
        check(lambda: "There is no data for" in page.text("#gateway-kept"), "and has a gap", lambda: page.text("#gateway-kept"))
        accessible(page, "gateway page killed")
        gateway.process = None
        page.until("nothing listens", lambda: not listens(host.port))
        gateway.start(host.directory / "server")
        check(lambda: page.text("#gateway-status") == "On", "started again: on", lambda: page.text("#gateway-status"))
        check(lambda: "The gateway restarted" in page.text("#gateway-kept"), "the page says that it was restarted",
              lambda: page.text("#gateway-kept"))
        check(lambda: "No data" in page.text('[data-chart="chart-sessions"] .legend'), "and shows the gap")
        gateway.signal(signal.SIGSTOP)
        check(lambda: page.text("#gateway-status") == "Does not answer", "one that hangs is told apart",
              lambda: page.text("#gateway-status"))
        gateway.signal(signal.SIGCONT)
        check(lambda: page.text("#gateway-status") == "On", "and comes back")
    finally:
        gateway.stop()

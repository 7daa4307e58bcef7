"""What a branch's page tells beside its strings: drivers' own URLs, the way past the gateway, who is connected, and the server's
log, version and size."""

import os
import re
import subprocess

from checks import accessible, check, keyboard
from host import client_environment, psql

MARK = "frost_mark_of_the_log"


def branch_page(page, host, open_branch):
    open_branch("dev")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    own_urls(page)
    direct(page)
    server(page)
    restart(page)


def copied(page, button, prefix):
    page.click(button)
    return page.until(f"what {button} copies is there", lambda: (text := page.clipboard()).startswith(prefix) and text)


def show_tab(page, tab):
    page.click(f"#tab-{tab}")
    page.until(f"the tab {tab} is shown", lambda: page.attribute("#snippet-text", "data-snippet") == tab)


def own_urls(page):
    """The plain URL is the same for every driver; what some need instead is on their tabs, in one line."""
    show_tab(page, "url")
    check("hostaddr" not in page.text("#snippet-text"), "the plain URL has nothing that only libpq knows")
    note = page.text(".snippet-note")
    check("node-postgres reads sslmode=require as verify-full" in note, "its tab says for which driver it is not", note)
    check('"127.0.0.1 dev.pg.shop.localhost" to /etc/hosts' in note, "and what .localhost may need", note)
    show_tab(page, "psql")
    line = copied(page, "#copy-snippet", "psql ")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    said = subprocess.run(["sh", "-c", f"{line} -XqAtc 'SELECT branch FROM item WHERE id = 1'"], env=environment,
                          capture_output=True, text=True, timeout=120)
    check(said.stdout == "dev\n", "psql's line works as pasted, whatever the resolver", said.stderr)
    for tab, title, prefix, words in [
        ("node", "DATABASE_URL", "postgresql://", "sslmode=no-verify"), ("jdbc", "JDBC URL", "jdbc:postgresql://", "sslmode=require"),
    ]:
        show_tab(page, tab)
        check(title in page.text(".own-url") and words in page.text("#own-url-text"), f"{tab}: its own URL comes first")
        check("••••" in page.text("#own-url-text"), f"{tab}: masked")
        url = copied(page, "#copy-url", prefix)
        check("••••" not in url and "\n" not in url and words in url, f"{tab}: copied with the password")
        page.click("#reveal")
        page.until(f"{tab}: it is revealed", lambda: page.text("#own-url-text").strip() == url)
        page.click("#reveal")
        page.until(f"{tab}: it is masked again", lambda: "••••" in page.text("#own-url-text"))
        accessible(page, f"tab {tab}")
    for tab in ["sqlalchemy", "django", "activerecord"]:
        show_tab(page, tab)
        page.shot(f"tab-{tab}")


def direct(page):
    page.click("#via-direct")
    page.until("the direct way is shown", lambda: page.attribute("#via-direct", "aria-current") == "true")
    check("Only from this host" in page.text("#connect .lead"), "Direct says for whom it is")
    port = page.text('[data-field="port"] [data-value]')
    tunnel = f"ssh -L {port}:127.0.0.1:{port} HOST"
    check(copied(page, "#copy-tunnel", "ssh ") == tunnel, "and has the line of a tunnel to copy")
    accessible(page, "direct")
    page.click("#via-external")
    page.until("the external way is shown", lambda: page.attribute("#via-external", "aria-current") == "true")
    show_tab(page, "url")


def server(page):
    string = copied(page, "#copy-snippet", "postgresql://")
    command = f"SELECT pg_sleep(6000) AS {MARK}"
    session = subprocess.Popen(["psql", string, "-XqAtc", command], env=client_environment(string), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        ask = f"SELECT pid FROM pg_stat_activity WHERE query LIKE '%{MARK}%' AND pid <> pg_backend_pid()"
        process = page.until("its server process is known", lambda: psql(string, ask).stdout.strip())
        row = page.until("the session is listed with it",
                         lambda: next((row.text for row in page.all("#sessions tbody tr") if process in row.text), ""))
        check(re.match(r"127\.0\.0\.1:\d+ ", row), "with the client's address", row)

        psql(string, f"SELECT 1/0 AS {MARK}")
        check(not page.all("#log-text"), "the log is shown on request only")
        page.click("#show-log")
        page.until("the log is shown", lambda: "division by zero" in page.text("#log-text"))
        check(0 < len(page.text("#log-text").splitlines()) <= 50, "its last 50 lines")
        check("server.log on this host" in page.text(".log-home"), "with where it is kept", page.text(".log-home"))
        check(re.fullmatch(r"1\d\.\d+.*", page.text("#postgres-version")), "the version", page.text("#postgres-version"))
        check(re.fullmatch(r"[\d.]+ [kMG]B", page.text("#size")), "and the size", page.text("#size"))
        accessible(page, "server log")
        for scheme, width in [("light", 1440), ("dark", 360)]:
            page.scheme(scheme)
            page.width(width)
            page.settle()
            page.js("document.getElementById('sessions').scrollIntoView()")
            page.shot(f"sessions-and-log-{scheme}-{width}")
        page.scheme("light")
        page.width(1440)
        # Anew, since the Tab key goes on from where the mouse was.
        page.open(page.path.split("?")[0] + "?log=1")
        page.until("the stream is live", lambda: page.text("#stream") == "Live")
        keyboard(page, "server log")
        page.click("#show-log")
        page.until("it is hidden again", lambda: not page.all("#log-text"))
        # By the server, which the gateway passes on at once: a query that runs does not notice that its client is gone.
        psql(string, f"SELECT pg_terminate_backend({process})")
        page.until("the session goes", lambda: process not in page.text("#sessions"))
    finally:
        session.kill()
        session.wait()


def restart(page):
    """What the API calls deploy."""
    check("Deploy" not in page.text("#main"), "nothing is called Deploy")
    crumbs = [link.get_dom_attribute("href") for link in page.all(".crumbs a")]
    check(len(crumbs) == 2 and crumbs[0].startswith("/#project-") and crumbs[1].startswith("/branches/"), "the crumbs are links",
          str(crumbs))
    page.click("#action-deploy")
    page.until("the question is asked", lambda: "Restart dev?" in page.text("#deploy-dialog"))
    page.shot("restart-dialog")
    page.click("#deploy-dialog .primary")
    page.until("it is noted as what it is", lambda: "Restart dev" in page.text("#operations"))
    page.until("and it is active", lambda: page.text("#branch-status") == "Active" and not page.all("[data-elapsed]"))

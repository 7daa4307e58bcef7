#!/usr/bin/env python3
"""Uses the page as people do, in headless Chromium: finds the connection string, pastes it into psql, changes
branches and sees the page follow. Screenshots of the main states go to .build/browser-test.

    browser_test.py [--slow FACTOR]     the page's scripts run that much slower

What comes of a click comes when it comes: a check of the page is a condition that is waited for, never a look.

Needs what scripts/setup.sh test installs, and the programs of the release build.
"""

import argparse
import pathlib
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from selenium.webdriver.common.keys import Keys  # noqa: E402

from branch_page import branch_page  # noqa: E402
from checks import accessible, answers, check, counts, keyboard, refuses  # noqa: E402
from dialogs import dialogs  # noqa: E402
from gateway_page import gateway_killed, gateway_page, without_scripts  # noqa: E402
from gateway_states import frost_gone, gateway_states  # noqa: E402
from host import ROOT, Host, client_environment, listens, psql  # noqa: E402
from operations import cancel  # noqa: E402
from overview import overview  # noqa: E402
from page import Page  # noqa: E402
from ssl_switch import TABS, ssl_switch  # noqa: E402

SHOTS = ROOT / ".build/browser-test"
MASK = "••••••••"
# What the tests themselves have refused, which the browser tells as well.
KNOWN_FAULTS = [
    rf"/{path}(\?\S*)? - Failed to load resource: the server responded with a status of {status} "
    for path, status in [
        ("login", 401), ("api/databases/[a-z0-9_]+/targets", 409), ("api/settings/wildcard-preview", 422),
        ("api/databases/[a-z0-9_]+/targets/[a-z0-9_]+", 422),
        # A page may ask for itself before it hears that its branch is gone: deleted, or never made.
        ("branches/dbt_[a-z0-9]+", 404),
    ]
] + [
    # Chromium drops connections when a network of this machine comes or goes, as those of containers do; pages connect again.
    "net::ERR_NETWORK_CHANGED",
]


def open_branch(page, name):
    def link():
        return next(
            (link.get_dom_attribute("href") for link in page.all(".tree-branch")
             if link.text.split("\n")[0].split(" ")[0] == name), None,
        )

    page.open(page.until(f"the branch {name} is in the tree", link))


def log_in(page, token):
    page.open("/")
    check(lambda: page.path == "/login", "who is not logged in is asked for the token")
    accessible(page, "login")
    page.fill("#token", "frost_wrong")
    page.click("form button")
    check(lambda: "Wrong token" in page.text("#login-fault"), "a wrong token is told so")
    page.fill("#token", token)
    page.click("form button")
    page.until("the overview is there", lambda: page.path == "/")
    cookie = page.driver.get_cookie("frost_session")
    check(cookie["httpOnly"] and cookie["sameSite"] == "Strict", "the cookie is out of scripts' and other sites' reach")
    check(lambda: page.js("return document.cookie === ''"), "and no script sees it")
    page.driver.get(page.base.replace("127.0.0.1", "frost.localhost"))
    check(lambda: page.driver.current_url.endswith("frost.localhost:" + page.base.split(":")[-1] + "/login"),
          "under a name of its own the page is another one", lambda: page.driver.current_url)
    page.open("/")


def copy_and_paste(page, host):
    """The External string, exactly as copied, in the real psql; and the session is counted."""
    open_branch(page, "dev")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    check(lambda: page.attribute("#via-external", "aria-current") == "true", "External comes first")
    check(lambda: page.text('[data-field="host"] [data-value]') == "dev.pg.shop.localhost", "the exact hostname")
    check(lambda: page.text('[data-field="port"] [data-value]') == str(host.port), "the port")
    check(lambda: page.text('[data-field="sslmode"] [data-value]') == "require", "sslmode=require")
    check(lambda: MASK in page.text("#snippet-text"), "the password is masked")
    accessible(page, "branch")
    keyboard(page, "branch")
    page.click("#copy-snippet")
    string = page.until("something is copied", lambda: (text := page.clipboard()).startswith("postgresql://") and text)
    check(MASK not in string, "what is copied has the password")
    check(answers(string, "SELECT branch FROM item WHERE id = 1", "dev"), "psql with exactly that string reaches dev",
          lambda: psql(string, "SELECT 1").stderr)
    page.click("#reveal")
    page.until("it is revealed", lambda: (text := page.text("#snippet-text")) and MASK not in text)
    check(lambda: page.text("#snippet-text").strip() == string.strip(), "what is revealed is what was copied")
    page.shot("branch-revealed")
    page.click("#reveal")
    page.until("it is masked again", lambda: MASK in page.text("#snippet-text"))

    session = subprocess.Popen(["psql", string, "-XqAtc", "SELECT pg_sleep(6000)"], env=client_environment(string), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    page.until("the session is counted", lambda: page.text("#sessions-now") == "1 session")
    check(lambda: "1 session" in page.text('.tree-branch[aria-current="page"]'), "in the tree too")
    page.shot("branch-connected")
    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.until(f"the tab {tab} is shown", lambda: page.attribute("#snippet-text", "data-snippet") == tab)
    return string, session


def stop_and_start(page, string, session):
    page.js("window.marker = 'not reloaded'")
    page.click("#via-external")
    page.click("#action-stop")
    page.until("the question is asked", lambda: page.find("#stop-dialog").is_displayed())
    page.shot("stop-dialog")
    page.click("#stop-dialog .primary")
    page.until("the state changes", lambda: page.text("#branch-status") == "Stopped")
    page.until("the sentence is there", lambda: "This branch is stopped" in page.text(".missing-sentence"))
    check(page.js("return window.marker") == "not reloaded", "without a reload")
    check(lambda: page.attribute(".missing", "data-reason") == "target_stopped", "with its reason")
    check(lambda: session.poll(), "the session was closed")
    check(refuses(string, "is stopped"), "and psql is told so")
    accessible(page, "stopped")
    page.click("#missing-start")
    page.until("it is started", lambda: page.text("#branch-status") == "Active")
    check(answers(string, "SELECT 1", "1"), "and the same string works again")
    keyboard_start(page)


def create_rename_delete(page):
    page.click("#action-create")
    page.until("the form is there", lambda: page.find("#create-dialog").is_displayed())
    page.fill("#create-name", "dev")
    page.click("#create-dialog .primary")
    page.until("the name is refused", lambda: "already" in page.text("#create-name-error"))
    page.shot("create-refused")
    page.fill("#create-name", "feature")
    page.click("#create-dialog .primary")
    page.until("its panel is opened", lambda: page.text("h1") == "feature")
    page.until("it is active", lambda: page.text("#branch-status") == "Active")
    page.click("#copy-snippet")
    string = page.until("something is copied", lambda: "feature.pg" in (text := page.clipboard()) and text)
    check(answers(string, "SELECT branch FROM item WHERE id = 1", "dev"), "a copy of dev, by its string")

    page.click("#action-rename")
    page.until("the form is there", lambda: page.find("#rename-dialog").is_displayed())
    page.fill("#rename-name", "renamed")
    page.click("#rename-dialog .primary")
    page.until("the name changes", lambda: page.text("h1") == "renamed")
    page.until(
        "the hostname too", lambda: page.text('[data-field="host"] [data-value]') == "renamed.pg.shop.localhost"
    )
    check(refuses(string, "no branch has the hostname"), "the old string is told so")

    check(page.text("#expires") == "Never", "nothing expires by itself")
    page.click("#action-expiry")
    page.until("the form is there", lambda: page.find("#expiry-dialog").is_displayed())
    accessible(page, "expiry")
    page.fill("#expiry-ttl", "400")
    page.click("#expiry-dialog .primary")
    page.until("a time that is too long is refused", lambda: "1h to 365d" in page.text("#expiry-ttl-error"))
    page.fill("#expiry-ttl", "7")
    page.click("#expiry-dialog .primary")
    page.until("its page says when it expires", lambda: "if not used" in page.text("#expires"))
    page.click("#action-expiry")
    check(page.find("#expiry-ttl").get_property("value") == "7", "the form has what is set")
    page.fill("#expiry-ttl", "")
    page.click("#expiry-dialog .primary")
    page.until("an empty field is never", lambda: page.text("#expires") == "Never")

    page.click("#action-delete")
    page.until("the question is asked", lambda: page.find("#delete-dialog").is_displayed())
    page.fill("#delete-confirm", "rename")
    check(lambda: not page.find("#delete-dialog .solid").is_enabled(), "its name has to be typed")
    page.fill("#delete-confirm", "renamed")
    page.shot("delete-dialog")
    page.click("#delete-dialog .solid")
    page.until("the page is left", lambda: page.text("h1") not in ["", "renamed"])
    page.until("it is gone from the tree", lambda: (tree := page.text("#tree")) and "renamed" not in tree)


def failing_create(page):
    """One that cannot be made says why in its form, and leaves nothing behind."""
    KNOWN_FAULTS.append("/api/projects/[a-z0-9_]+/databases - Failed to load resource: the server responded with a status of ")
    page.open("/")
    page.click(".project-head .actions button")
    page.until("the form is there", lambda: page.find("#new-database-dialog").is_displayed())
    page.fill("#new-database-name", "failing")
    page.click('#new-database-runtime option[value="docker"]')
    page.click("#new-database-dialog .primary")
    page.until("the reason is told", lambda: "docker pull frost-there-is-none" in page.text("#new-database-dialog"))
    page.shot("create-failed")
    page.click("#new-database-dialog [data-close]")
    page.until("the form is gone", lambda: not page.find("#new-database-dialog").is_displayed())
    page.open("/")
    check(lambda: "main" in page.text("#tree") and "failing" not in page.text("#tree"), "what cannot be made is not there")


def keyboard_start(page):
    """Who uses the keyboard stays where they were when a button goes."""
    page.press("#action-stop", Keys.ENTER)
    page.until("the question is asked", lambda: page.find("#stop-dialog").is_displayed())
    page.press("#stop-dialog .primary", Keys.ENTER)
    page.until("it is stopped", lambda: page.text("#branch-status") == "Stopped")
    check(lambda: page.js("return document.activeElement !== document.body"), "after Stop by keyboard the focus is not lost")
    page.press("#action-start", Keys.ENTER)
    page.until("it is started", lambda: page.text("#branch-status") == "Active")
    check(lambda: page.js("return document.activeElement !== document.body"), "nor after Start")


def press_while_replaced(page, host):
    """A button that is replaced between press and release is clicked all the same."""
    open_branch(page, "dev")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    page.js(
        "const fetch = window.fetch;"
        "window.fetch = async (...request) => {"
        "  const answer = await fetch(...request);"
        "  window.fetched = await answer.clone().text();"
        "  return answer;"
        "}"
    )
    page.hold("#action-deploy")
    host.frost("branch", "rename", "dev", "held", "--database", "shop")
    page.until("the page was fetched with the new name", lambda: page.js("return (window.fetched ?? '').includes('<h1>held</h1>')"))
    page.settle()
    page.release()
    check(lambda: page.find("#deploy-dialog").is_displayed(), "a press that takes its time is a click")
    page.click("#deploy-dialog [data-close]")
    page.until("the new name is there", lambda: page.text("h1") == "held")
    host.frost("branch", "rename", "held", "dev", "--database", "shop")
    page.until("and the old one again", lambda: page.text("h1") == "dev")


def change_password(page, host):
    """A new password is shown at once where the old one was, whoever has changed it; clients need the new one."""
    open_branch(page, "dev")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    page.js("window.marker = 'not reloaded'")
    page.click("#reveal")
    page.until("it is revealed", lambda: (text := page.text("#snippet-text")) and MASK not in text)
    old = page.text("#snippet-text").strip()
    check(answers(old, "SELECT 1", "1"), "the password that is shown works")

    page.click("#action-password")
    page.until("the question is asked", lambda: page.find("#password-dialog").is_displayed())
    accessible(page, "password dialog")
    page.click("#password-dialog .solid")

    def shown_instead_of(before):
        text = page.text("#snippet-text").strip()
        return text not in ["", before] and MASK not in text and text

    new = page.until("another password is shown", lambda: shown_instead_of(old))
    field = lambda: page.text("[data-field=password] [data-value]")  # noqa: E731
    check(lambda: field() and f":{field()}@" in new, "in its field too")
    check(answers(new, "SELECT branch FROM item WHERE id = 1", "dev"), "psql with exactly the new string reaches dev",
          lambda: psql(new, "SELECT 1").stderr)
    check(refuses(old, "password authentication failed"), "the old password is refused")
    host.frost("database", "password", "shop", "--rotate")
    third = page.until("one that was made elsewhere is shown", lambda: shown_instead_of(new))
    check(answers(third, "SELECT 1", "1"), "and works")
    check(refuses(new, "password authentication failed"), "and the one before is refused")
    check(page.js("return window.marker") == "not reloaded", "all of it without a reload")
    page.click("#reveal")
    page.until("it is masked again", lambda: MASK in page.text("#snippet-text"))


def choose_version(page):
    """A new database has the version of PostgreSQL that was chosen, and else the one that this host has for it."""
    for name, choice in [("default", "Default"), ("chosen", "15")]:
        page.open("/")
        page.click(".project-head .actions button")
        page.until("the form is there", lambda: page.find("#new-database-dialog").is_displayed())
        choices = [option.text for option in page.all("#new-database-version option")]
        check({"Default", "15", "16"} <= set(choices), f"the versions of this host can be chosen for {name}", str(choices))
        page.fill("#new-database-name", name)
        page.click('#new-database-runtime option[value="local"]')
        page.click(f'#new-database-version option[value="{choice if choice.isdigit() else ""}"]')
        page.click("#new-database-dialog .primary")
        page.until("its panel is opened", lambda: f"/ {name}" in page.text(".crumbs"))
        page.until("it is active", lambda: page.text("#branch-status") == "Active")
        version = {"Default": "16", "15": "15"}[choice]
        check(lambda: page.text("#postgres-version").split(".")[0] == version, f"{name}: the page shows PostgreSQL {version}",
              lambda: page.text("#postgres-version"))
        page.click("#via-direct")
        page.until("the direct way is shown", lambda: page.attribute("#via-direct", "aria-current") == "true")
        page.click("#copy-snippet")
        string = page.until("something is copied", lambda: f"/{name}" in (text := page.clipboard()) and text)
        check(lambda: psql(string, "SHOW server_version").stdout.startswith(f"{version}."), "and its server is of it",
              lambda: str(psql(string, "SHOW server_version")))


def null_states(page, host):
    def save():
        page.click("#save-settings")
        page.until("it is saved", lambda: "Saved" in page.text("[data-saved-here]"))

    def confirm(word, keeps):
        page.click("#save-settings")
        answer_wildcard(page, word, keeps)

    open_branch(page, "dev")
    branch = page.path
    page.open("/settings")
    accessible(page, "settings")
    page.fill("#wildcard-base", "not a domain")
    page.click("#save-settings")
    page.until("a bad domain is refused", lambda: page.text("#wildcard-error") != "")
    page.fill("#wildcard-base", "")
    confirm("localhost", keeps=False)
    page.open(branch)
    check(lambda: page.attribute(".missing", "data-reason") == "wildcard_missing", "no wildcard domain: told so")
    check(lambda: "no wildcard domain" in page.text(".missing-sentence"), "in a sentence")
    page.shot("wildcard-missing")
    page.open("/settings")
    page.click("#gateway-enabled")
    save()
    page.open(branch)
    check(lambda: page.attribute(".missing", "data-reason") == "gateway_disabled", "the gateway is disabled: told so")
    page.shot("gateway-disabled")
    page.open("/")
    check(lambda: "the gateway is off" in page.text("#sessions-summary"), "on the overview too")
    page.until("nothing listens any more", lambda: not listens(host.port))
    page.open("/settings")
    page.click("#gateway-enabled")
    page.fill("#wildcard-base", "localhost")
    save()
    page.open(branch)
    check(lambda: page.text('[data-field="host"] [data-value]') == "dev.pg.shop.localhost", "and all is back")
    string = host.frost("branch", "url", "dev", "--database", "shop").stdout.strip()
    page.until("and works", answers(string, "SELECT 1", "1"))

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        page.open("/settings")
        page.fill("#gateway-port", str(port))
        # "Saved" is there until the fault is, which may come at any moment.
        page.click("#save-settings")
        fault = page.until("a port that is taken is told", lambda: page.text("#gateway-fault"))
        check(f"port {port}" in fault and f"returned to port {host.port}" in fault, "with what became of it", fault)
        page.until("and the port is what it is", lambda: page.find("#gateway-port").get_property("value") == str(host.port))
        check(lambda: page.find("[data-saved-here]").text == "", "and not that it is in force")
        accessible(page, "gateway fault")
    page.fill("#wildcard-base", "other.example")
    confirm("other.example", keeps=False)
    page.fill("#wildcard-base", "localhost")
    confirm("localhost", keeps=False)
    check("localhost" in host.frost("settings").stdout, "what is changed and changed back is saved twice")
    page.until("and all works as before", answers(string, "SELECT 1", "1"))


def answer_wildcard(page, word, keeps=True):
    """Answers the question that comes before another wildcard domain."""
    page.until("the question is asked", lambda: page.find("#wildcard-dialog").is_displayed())
    if not keeps:
        page.click("#wildcard-keep")
    page.fill("#wildcard-confirm", word)
    page.click("#wildcard-dialog .danger")
    page.until("it is saved", lambda: "Saved" in page.text("[data-saved-here]"))


def change_wildcard(page, host):
    """Another wildcard domain: shown, asked for, and with the old hostnames for a week; then back."""
    open_branch(page, "dev")
    branch = page.path
    string = host.frost("branch", "url", "dev", "--database", "shop").stdout.strip()
    session = subprocess.Popen(
        ["psql", string, "-XqAt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    page.until("a session is counted", lambda: page.text("#sessions-now") == "1 session")
    page.open("/settings")
    page.fill("#wildcard-base", "*.Frost-Test.INVALID.")
    page.click("#save-settings")
    page.until("the question is asked", lambda: page.find("#wildcard-dialog").is_displayed())
    check(lambda: "hostnames?" in page.text("#wildcard-title"), "how many hostnames change")
    check(lambda: "dev.pg.shop.localhost" in page.text(".changes") and "dev.pg.shop.frost-test.invalid" in page.text(".changes"),
          "which, and to what", lambda: page.text(".changes"))
    findings = lambda: page.text(".findings")  # noqa: E731
    check(lambda: "1 session is open and stays open" in findings(), "the session is told", findings)
    check(lambda: "does not resolve" in findings() or "did not answer" in findings(), "the name server was asked", findings)
    check(lambda: "No certificate covers" in findings() or "issues certificates" in findings(), "certificates too", findings)
    check(lambda: not page.find("#wildcard-dialog .danger").is_enabled(), "nothing is sent before the domain is typed")
    accessible(page, "wildcard question")
    page.fill("#wildcard-confirm", "frost-test.invali")
    check(lambda: not page.find("#wildcard-dialog .danger").is_enabled(), "nor with another text")
    page.click("#wildcard-dialog [data-close]")
    check("localhost" in host.frost("settings", "--json").stdout, "cancelled: nothing has changed")
    page.click("#save-settings")
    answer_wildcard(page, "frost-test.invalid")
    page.until("the field has the domain", lambda: page.find("#wildcard-base").get_property("value") == "frost-test.invalid")
    page.open(branch)
    check(lambda: page.text('[data-field="host"] [data-value]') == "dev.pg.shop.frost-test.invalid", "the new hostname")
    check(lambda: "dev.pg.shop.localhost" in page.text("#details"), "the old one is shown", lambda: page.text("#details"))
    accessible(page, "old hostname")
    check(answers(string, "SELECT 1", "1"), "and the old string goes on working", lambda: psql(string, "SELECT 1").stderr)
    output, _ = session.communicate("SELECT 'goes on';\n", timeout=60)
    check(output == "goes on\n", "so does the session", output)
    page.open("/settings")
    page.fill("#wildcard-base", "localhost")
    page.click("#save-settings")
    answer_wildcard(page, "localhost")
    page.open(branch)
    check(lambda: page.text('[data-field="host"] [data-value]') == "dev.pg.shop.localhost", "and back")
    page.until("by the other name too", lambda: "frost-test.invalid" in page.text("#details"))
    page.click("#details .alias-row button")
    page.until("until that is removed", lambda: "frost-test.invalid" not in page.text("#details"))

    page.click("#action-rename")
    page.until("the form is there", lambda: page.find("#rename-dialog").is_displayed())
    accessible(page, "rename")
    page.fill("#rename-name", "other-dev")
    page.click("#rename-keep")
    page.click("#rename-dialog .primary")
    page.until("it is renamed", lambda: page.text("h1") == "other-dev")
    page.until("and reached by both names", lambda: "dev.pg.shop.localhost" in page.text("#details .alias-row"))
    check(answers(string, "SELECT 1", "1"), "the old string works", lambda: psql(string, "SELECT 1").stderr)
    page.click("#action-rename")
    page.fill("#rename-name", "dev")
    page.click("#rename-dialog .primary")
    page.until("it is renamed back", lambda: page.text("h1") == "dev")
    page.until("with one name", lambda: not page.all("#details .alias-row"))


def followed(page, host):
    """What somebody does elsewhere is seen here."""
    page.open("/")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    accessible(page, "overview")
    keyboard(page, "overview")
    page.js("window.marker = 'not reloaded'")
    host.frost("branch", "create", "other", "--database", "shop")
    page.until("a branch made elsewhere is in the tree", lambda: "other" in page.text("#tree"))
    check(page.js("return window.marker") == "not reloaded", "without a reload")
    page.open("/branches/dbt_none")
    check(lambda: "Not found" in page.text("h1"), "a page that is not there says so")
    accessible(page, "not found")


def without_javascript(page):
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    open_branch(page, "dev")
    check(lambda: "dev.pg.shop.localhost" in page.text("#snippet-text"), "without JavaScript the string can be read")
    page.click("#tab-jdbc")
    check(lambda: "jdbc:postgresql" in page.text("#snippet-text"), "and the tabs work")
    page.click("#reveal")
    check(lambda: (text := page.text("#snippet-text")) and MASK not in text, "and the password can be revealed")
    page.click("#ssl-verify-full")
    check(lambda: "frost-ca.crt" in page.text("#snippet-text"), "and the other SSL mode can be read")
    check(not page.find("#action-create").is_displayed(), "what would not work is not offered")
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def frost_gone_and_gateway(page, host):
    """Last, since frost comes back without its gateway."""
    open_branch(page, "dev")
    branch = page.path
    frost_gone(page, host, branch, KNOWN_FAULTS, accessible)
    gateway_states(page, host, branch, accessible)
    gateway_killed(page, host)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", type=float, default=1, metavar="FACTOR")
    slow = parser.parse_args().slow
    shutil.rmtree(SHOTS, ignore_errors=True)
    host = Host()
    page = None
    try:
        base, token = host.wait()
        page = Page(base, SHOTS)
        page.slow_down(slow)
        log_in(page, token)
        string, session = copy_and_paste(page, host)
        ssl_switch(page, host, lambda name: open_branch(page, name))
        branch_page(page, host, lambda name: open_branch(page, name))
        stop_and_start(page, string, session)
        create_rename_delete(page)
        cancel(page, host, lambda name: open_branch(page, name))
        dialogs(page, lambda name: open_branch(page, name))
        failing_create(page)
        press_while_replaced(page, host)
        change_password(page, host)
        choose_version(page)
        null_states(page, host)
        change_wildcard(page, host)
        followed(page, host)
        overview(page, host, lambda name: open_branch(page, name), KNOWN_FAULTS)
        without_javascript(page)
        gateway_page(page, host)
        without_scripts(page)
        frost_gone_and_gateway(page, host)
        faults = [fault for fault in page.faults() if not any(re.search(known, fault) for known in KNOWN_FAULTS)]
        check(not faults, "the browser complains of nothing", "; ".join(faults[:5]))
    except AssertionError as error:
        check(False, str(error))
    finally:
        if page:
            page.close()
        host.remove()
    print(f"{counts['passed']} passed, {counts['failed']} failed; screenshots in {SHOTS.relative_to(ROOT)}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""The switch on the Connect card between strings that only encrypt and strings that check the certificate."""

from selenium.webdriver.common.keys import Keys

from checks import accessible, check, keyboard
from host import psql

# Of strings, but for URL, which comes first.
TABS = ["psql", "env", "node", "jdbc", "python", "sqlalchemy", "django", "go", "activerecord"]


def ssl_switch(page, host, open_branch):
    """The strings that check the certificate: chosen once for all branches, and psql with exactly them connects."""
    mode = lambda: page.text('[data-field="sslmode"] [data-value]')  # noqa: E731
    text = lambda: page.text("#snippet-text")  # noqa: E731
    open_branch("dev")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    check(lambda: page.attribute("#ssl-require", "aria-current") == "true" and mode() == "require", "require comes first")
    check(lambda: "not against an impostor" in page.text("#ssl-sentence"), "with what it does not protect against")
    page.js("window.marker = 'not reloaded'")
    page.click("#ssl-verify-full")
    page.until("the string checks the certificate", lambda: "sslmode=verify-full&sslrootcert=frost-ca.crt" in text())
    check(page.js("return window.marker") == "not reloaded", "without a reload")
    check(lambda: mode() == "verify-full", "the field too")
    check(lambda: page.text('[data-field="sslrootcert"] [data-value]') == "frost-ca.crt", "with the file of the CA")
    check(lambda: "impostor: the client checks" in page.text("#ssl-sentence"), "and what it protects against")
    accessible(page, "verify-full")
    # Anew, since the Tab key goes on from where the mouse was.
    page.open(page.path)
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    keyboard(page, "verify-full")

    page.click("#copy-snippet")
    string = page.until("something is copied", lambda: "verify-full" in (copied := page.clipboard()) and copied)
    missing = psql(string, "SELECT 1", cwd=host.directory).stderr
    check("frost-ca.crt" in missing and "does not exist" in missing, "without the file psql asks for it", missing)
    check(page.attribute("#ca-download", "download") == "frost-ca.crt", "which is saved under that name")
    authority = page.driver.execute_async_script(
        "const done = arguments[0]; fetch(document.getElementById('ca-download').href).then((a) => a.text()).then(done)"
    )
    check(authority == host.frost("ca").stdout, "and is the CA that the CLI prints")
    (host.directory / "frost-ca.crt").write_text(authority)
    page.until("psql with exactly that string reaches dev",
               lambda: psql(string, "SELECT branch FROM item WHERE id = 1", cwd=host.directory).stdout == "dev\n")

    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.until(f"the tab {tab} is shown", lambda: page.attribute("#snippet-text", "data-snippet") == tab)
        check(lambda: "frost-ca.crt" in text(), f"{tab} names the file", text)
        check("rejectUnauthorized" not in text() and ".none" not in text(), f"{tab} turns no check off")
    page.click("#via-direct")
    page.until("the direct way is shown", lambda: page.attribute("#via-direct", "aria-current") == "true")
    check(not page.all("[data-ssl]"), "what is not encrypted has no switch")
    page.click("#via-external")
    page.until("the choice is still there", lambda: mode() == "verify-full")
    host.frost("branch", "rename", "dev", "moved", "--database", "shop")
    page.until("the page follows", lambda: page.text("h1") == "moved")
    check(lambda: mode() == "verify-full" and "moved.pg.shop.localhost" in text(), "and the choice stays")
    host.frost("branch", "rename", "moved", "dev", "--database", "shop")
    page.until("and back", lambda: page.text("h1") == "dev")

    open_branch("main")
    check(lambda: mode() == "verify-full", "another branch has it too")
    page.press("#ssl-require", Keys.ENTER)
    page.until("by keyboard it is taken back", lambda: mode() == "require")
    check(lambda: page.js("return document.activeElement.id") == "ssl-require", "and the focus stays there")
    open_branch("dev")
    check(lambda: page.text("#stream") == "Live" and mode() == "require", "which is kept as well")

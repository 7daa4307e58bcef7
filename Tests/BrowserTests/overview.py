"""The overview and what stands on every page: tables of branches, the filter, names while they are typed, the tree by
keyboard, branches that are gone, and the login after the token was changed."""

import contextlib
import re
import sqlite3

from selenium.webdriver.common.keys import Keys

from checks import accessible, check, counts

SENTENCE = re.compile(r"^[A-Z‘“'].*[.!?]$", re.S)
# Servers that nobody starts: only their rows are looked at.
MANY = 200
FAILED = 7


def row(name, selector=""):
    return f'#projects tr[data-name="{name}"] {selector}'


def command(host, *arguments):
    """What frost prints; one that fails would be seen as a page that does not follow."""
    result = host.frost(*arguments)
    if result.returncode != 0:
        raise AssertionError(f"frost {' '.join(arguments)}: {result.stdout[-400:]} {result.stderr[-800:]}")
    return result.stdout.strip()


def shown_rows(page):
    return page.js(
        "return [...document.querySelectorAll('#projects [data-branch]')]"
        ".filter((row) => row.checkVisibility()).map((row) => row.dataset.name)"
    )


def table(page):
    page.open("/")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    check(lambda: page.text(row("dev", "[data-value]")) == "dev.pg.shop.localhost", "the overview has the hostname")
    check(lambda: "main" in page.text(row("dev", "td:nth-child(2)")), "and where the branch was copied from")
    check(lambda: page.text(row("dev", "td:nth-child(4)")) == "0", "and its sessions",
          lambda: page.text(row("dev", "td:nth-child(4)")))
    check(lambda: page.text(row("dev", ".branch-size")).endswith(" MB"), "and its size, once its server has said it",
          lambda: page.text(row("dev", ".branch-size")))
    check(lambda: "Active" in page.text(row("dev", "td:nth-child(7)")), "and its state")
    accessible(page, "overview table")
    page.click(row("dev", "[data-copy-host]"))
    check(lambda: page.clipboard() == "dev.pg.shop.localhost", "the hostname is copied", page.clipboard)

    page.fill("#filter", "DEV.pg")
    check(lambda: shown_rows(page) == ["dev"], "the filter looks at hostnames", lambda: str(shown_rows(page)))
    check(lambda: re.fullmatch(r"1 of \d+ branches", page.text("#filter-count")), "and counts",
          lambda: page.text("#filter-count"))
    page.fill("#filter", "nothing-is-called-so")
    check(lambda: page.text("#filter-count") == "No branch matches." and not shown_rows(page), "and says when none is")
    page.find("#filter").send_keys(Keys.CONTROL, "a", Keys.DELETE)
    check(lambda: {"main", "dev"} <= set(shown_rows(page)), "cleared: all are there again")

    page.js("window.marker = 'not reloaded'")
    page.click(row("dev", "button[id^=stop]"))
    page.until("the question is asked", lambda: page.find("#stop-branch-dialog").is_displayed())
    check(lambda: page.text("#stop-branch-title") == "Stop dev?", "Stop asks, with the name")
    check(lambda: "No sessions are open" in page.text("#stop-branch-dialog"), "and says who is connected")
    page.click("#stop-branch-dialog .primary")
    page.until("it is stopped", lambda: page.attribute(row("dev"), "data-status") == "stopped")
    page.click(row("dev", "button[id^=start]"))
    page.until("and started", lambda: page.attribute(row("dev"), "data-status") == "active")
    check(page.js("return window.marker") == "not reloaded", "without a reload")


def names(page, host, faults):
    """What is typed becomes a name, with the hostname below; what is refused is a sentence that goes when one types on."""
    value = lambda selector: page.find(selector).get_property("value")  # noqa: E731
    page.open("/")
    page.click('.database[data-database="shop"] button[id^=new-branch]')
    page.until("the form is there", lambda: page.find("#new-branch-dialog").is_displayed())
    check(lambda: [option.text for option in page.all("#new-branch-source option")][:2] == ["main", "dev"],
          "a branch can be copied from any other")
    check(lambda: "at most 62" in page.text("#new-branch-hint"), "the rules are there before they are broken")
    page.fill("#new-branch-name", "dev")
    check(lambda: page.text("#new-branch-preview") == "shop already has a branch dev.", "a name that is taken is told",
          lambda: page.text("#new-branch-preview"))
    page.click("#new-branch-dialog .primary")
    page.until("the name is refused", lambda: "already" in page.text("#new-branch-error"))
    check(lambda: SENTENCE.match(page.text("#new-branch-error")), "in a sentence", lambda: page.text("#new-branch-error"))
    accessible(page, "name refused")
    page.find("#new-branch-name").send_keys("x")
    check(lambda: page.text("#new-branch-error") == "", "which goes when one types on")
    check(lambda: page.attribute("#new-branch-name", "aria-invalid") is None, "and the mark at the field too")
    page.find("#new-branch-name").send_keys(Keys.CONTROL, "a", Keys.DELETE)
    page.find("#new-branch-name").send_keys("Größe/ABC ")
    check(lambda: value("#new-branch-name") == "grosse-abc-", "letters become what is allowed", lambda: value("#new-branch-name"))
    check(lambda: page.text("#new-branch-preview") == "Hostname: grosse-abc.pg.shop.localhost", "the hostname is shown",
          lambda: page.text("#new-branch-preview"))
    page.find("#new-branch-name").send_keys(Keys.HOME, "É")
    check(lambda: value("#new-branch-name") == "egrosse-abc-", "in the middle too", lambda: value("#new-branch-name"))
    check(page.js("return document.activeElement.selectionStart") == 1, "and the caret stays where it was")
    accessible(page, "new branch")
    page.click("#new-branch-dialog .primary")
    page.until("its panel is opened", lambda: page.text("h1") == "egrosse-abc")
    check(lambda: page.text('[data-field="host"] [data-value]') == "egrosse-abc.pg.shop.localhost",
          "and has exactly that hostname")
    page.until("it is active", lambda: page.text("#branch-status") == "Active")

    page.open("/")
    page.click('[data-project="shop"] button[id^=new-database]')
    page.until("the form is there", lambda: page.find("#new-database-dialog").is_displayed())
    page.fill("#new-database-name", "other")
    check(lambda: page.text("#new-database-preview")
          == "Hostname: main-other.pg.shop.localhost, because another branch has main.pg.shop.localhost",
          "a hostname that is taken is told", lambda: page.text("#new-database-preview"))
    page.click("#new-database-dialog [data-close]")

    project = "Zürich Ærø Щука – staging"
    page.open("/")
    page.click("#action-new-project")
    page.until("the form is there", lambda: page.find("#new-project-dialog").is_displayed())
    page.fill("#new-project-name", project)
    preview = page.text("#new-project-preview")
    check(preview == "Hostnames: dev.pg.zurich-aero-shchuka-staging.localhost", "a project shows its hostnames", preview)
    accessible(page, "new project")
    page.click("#new-project-dialog .primary")
    section = f'[data-project="{project}"]'
    delete = f"{section} button[id^=delete-project]"
    page.until("the project is there", lambda: page.all(section))
    check(lambda: page.find(delete).is_enabled(), "one without databases can be deleted")
    page.click(f"{section} button[id^=new-database]")
    page.until("the form is there", lambda: page.find("#new-database-dialog").is_displayed())
    page.find("#new-database-name").send_keys("My Übung")
    check(lambda: value("#new-database-name") == "my-ubung", "a database's name too")
    preview = page.text("#new-database-preview")
    check(preview == "Hostname: main.pg.zurich-aero-shchuka-staging.localhost", "with its first hostname", preview)
    accessible(page, "new database")
    page.click('#new-database-runtime option[value="local"]')
    page.click("#new-database-dialog .primary")
    page.until("its panel is opened", lambda: "/ my-ubung" in page.text(".crumbs"))
    page.until("it is active", lambda: page.text("#branch-status") == "Active")
    check(lambda: f"Hostname: {page.text('[data-field=host] [data-value]')}" == preview, "and it is that")

    page.open("/")
    check(lambda: not page.find(delete).is_enabled(), "a project with databases cannot be deleted")
    check(lambda: "delete its databases first" in page.text(f"{section} .project-kept"), "which is said beforehand")
    command(host, "database", "delete", "my-ubung", "--project", project)
    page.until("without them it can", lambda: page.find(delete).is_enabled())
    page.click(delete)
    page.fill("#delete-project-confirm", project)
    page.click("#delete-project-dialog .solid")
    page.until("and is", lambda: not page.all(section))


def disabled_buttons(page, open_branch):
    """A button that cannot be pressed looks so, in both schemes."""
    look = lambda: page.js(  # noqa: E731
        "const style = getComputedStyle(document.querySelector('#delete-dialog .solid'));"
        "return [style.backgroundColor, style.color, style.cursor]"
    )
    open_branch("dev")
    for scheme in ["light", "dark"]:
        page.scheme(scheme)
        page.click("#action-delete")
        page.until("the question is asked", lambda: page.find("#delete-dialog").is_displayed())
        page.settle()
        before = look()
        check(before[2] == "not-allowed", f"{scheme}: Delete says that it cannot be pressed", str(before))
        page.shot(f"delete-disabled-{scheme}")
        page.fill("#delete-confirm", "dev")
        page.settle()
        check(lambda: look()[0] != before[0] and look()[1] != before[1], f"{scheme}: and looks otherwise than one that can",
              lambda: f"{before} {look()}")
        page.click("#delete-dialog [data-close]")
    page.scheme("light")


def restart(page, open_branch):
    open_branch("dev")
    check(lambda: page.text("#action-deploy") == "Restart", "a branch is restarted")
    page.click("#action-deploy")
    check(lambda: "applies the current image and limits" in page.text("#deploy-dialog"), "which says what it does")
    accessible(page, "restart")
    page.click("#deploy-dialog .primary")
    page.until("it is done", lambda: page.text("#branch-status") == "Active" and "Restart" in page.text("#operations li"))


def tree(page, open_branch):
    """One stop of the Tab key, and arrow keys in it."""
    open_branch("dev")
    focused = lambda: page.js("return document.activeElement.textContent.trim()")  # noqa: E731
    stops = lambda: page.js(  # noqa: E731
        "return [...document.querySelectorAll('#tree a')].filter((link) => link.tabIndex === 0).map((link) => link.id)"
    )
    current = page.attribute('.tree-branch[aria-current="page"]', "id")
    check(lambda: stops() == [current], "the tree is one tab stop: the branch that is shown", lambda: str(stops()))

    def press(key):
        page.driver.switch_to.active_element.send_keys(key)

    def walk():
        page.js("document.querySelector('#tree [tabindex=\"0\"]').focus()")
        seen = []
        for key in [Keys.HOME, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_UP, Keys.END, Keys.ARROW_DOWN]:
            press(key)
            seen.append(focused())
        return seen

    seen = page.undisturbed(walk)
    names = page.js("return [...document.querySelectorAll('#tree a')].map((link) => link.textContent.trim())")
    check(seen == [names[0], names[1], names[0], names[0], names[-1], names[-1]], "arrow keys, Home and End move in it", str(seen))
    page.driver.switch_to.active_element.send_keys(Keys.TAB)
    check(lambda: page.js("return document.activeElement.closest('#tree') === null"), "and Tab leaves it")


def gone(page, host, open_branch):
    """The page of a branch that is deleted says so: in its place, or on the overview when it was deleted there."""
    open_branch("egrosse-abc")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    path = page.path
    command(host, "branch", "delete", "egrosse-abc", "--database", "shop")
    page.until("it says so", lambda: re.fullmatch(r"egrosse-abc was deleted at \d\d:\d\d\.", page.text(".problem .lead")))
    check(page.path == path, "in its place")
    check(lambda: "egrosse-abc" not in page.text("#tree"), "and the tree goes on")
    accessible(page, "deleted elsewhere")
    command(host, "branch", "create", "short", "--database", "shop")
    check(lambda: "short" in page.text("#tree"), "with what comes afterwards")
    page.click(".problem .button")
    page.until("the overview is there", lambda: page.path == "/")

    open_branch("short")
    page.click("#action-delete")
    page.fill("#delete-confirm", "short")
    page.click("#delete-dialog .solid")
    page.until("one that is deleted here leads to the overview", lambda: page.path == "/")
    # Below what was said before and nobody has dismissed.
    check(lambda: re.search(r"^short was deleted at \d\d:\d\d\.", page.text("#notices"), re.MULTILINE), "which says so",
          lambda: page.text("#notices"))
    accessible(page, "deleted here")
    for _ in page.all("#notices [data-dismiss]"):
        page.click("#notices [data-dismiss]")
    check(lambda: page.text("#notices") == "", "until it is dismissed")
    page.open("/branches/dbt_none")
    check(lambda: page.text(".problem .lead") == "There is no branch with this id. It may have been deleted.",
          "a branch that never was is told in a sentence", lambda: page.text(".problem .lead"))


def logged_out(page, host, open_branch, faults):
    faults.append(r"/api/\S* - Failed to load resource: the server responded with a status of 401 ")
    open_branch("dev")
    page.click("#via-direct")
    page.until("the direct way is shown", lambda: page.attribute("#via-direct", "aria-current") == "true")
    path = page.path
    token = command(host, "token", "rotate")
    page.until("the login comes", lambda: page.path.startswith("/login?next="))
    check(lambda: page.text("#login-notice") == "You were logged out because the token was changed.", "and says why")
    accessible(page, "logged out")
    page.fill("#token", token)
    page.click("form button")
    page.until("after it one is back", lambda: page.path == path)
    check(lambda: page.text("h1") == "dev", "on the page one came from")


@contextlib.contextmanager
def many_branches(host):
    """Two hundred branches of shop that are stopped, some of them failed, as rows of the store only."""
    store = host.directory / "data/frost.db"
    connection = sqlite3.connect(store, timeout=60, isolation_level=None)
    columns = [column[1] for column in connection.execute("PRAGMA table_info(target)")]
    like = dict(zip(columns, connection.execute("SELECT * FROM target WHERE name = 'dev'").fetchone()))
    try:
        connection.execute("BEGIN IMMEDIATE")
        for number in range(MANY):
            values = {
                **like, "id": f"dbt_many{number}", "name": f"many-{number}", "hostname": f"many-{number}.pg.shop.localhost",
                "hostPort": 20_000 + number, "lifecycleStatus": "stopped",
                "reason": "PostgreSQL did not start: no space left" if number < FAILED else None,
            }
            connection.execute(f"INSERT INTO target ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})",
                               [values[column] for column in columns])
        connection.execute("COMMIT")
        yield
    finally:
        connection.execute("DELETE FROM target WHERE id LIKE 'dbt_many%'")
        connection.close()


def many(page, host):
    page.open("/")
    with many_branches(host):
        page.until("all branches are there", lambda: len(page.all("#projects [data-branch]")) >= MANY + 2)
        check(lambda: page.text("#attention-title") == f"{FAILED} things need attention", "what failed comes first",
              lambda: page.text("#attention-title"))
        check(lambda: "shop / many-0" in page.text("#attention") and "and 2 more failed branches" in page.text("#attention"),
              "by name, and counted", lambda: page.text("#attention"))
        # It takes axe-core minutes, and has seen the same table with fewer rows.
        accessible(page, "two hundred branches", axe=False)
        page.fill("#filter", "many-19")
        check(lambda: len(shown_rows(page)) == 11, "the filter finds among them", lambda: str(shown_rows(page)))
        check(lambda: page.text("#filter-count") == f"11 of {len(page.all('#projects [data-branch]'))} branches", "and counts",
              lambda: page.text("#filter-count"))
        accessible(page, "filtered")
        refreshed = page.js("return document.querySelectorAll('#projects [data-branch]').length")
        command(host, "branch", "create", "many-190x", "--database", "shop", "--from", "main")
        page.until("what comes later is filtered too", lambda: len(shown_rows(page)) == 12)
        check(refreshed < page.js("return document.querySelectorAll('#projects [data-branch]').length"), "as it comes")
        command(host, "branch", "delete", "many-190x", "--database", "shop")
    page.until("they are gone", lambda: len(page.all("#projects [data-branch]")) < MANY)
    check(lambda: not page.all("#attention-title"), "nothing needs attention any more")


def overview(page, host, open_branch, faults):
    """All of it; `faults` gets what the browser complains of on purpose."""
    page.width(1440)
    before = counts["failed"]
    table(page)
    names(page, host, faults)
    disabled_buttons(page, open_branch)
    restart(page, open_branch)
    tree(page, open_branch)
    gone(page, host, open_branch)
    many(page, host)
    logged_out(page, host, open_branch, faults)
    return counts["failed"] == before

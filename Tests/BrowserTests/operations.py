"""Operations under way: for how long, and cancelled from the page."""

import os
import signal

from checks import accessible, check


def postmaster(host, name):
    """The first process of a branch's server."""
    port = host.frost("branch", "show", name, "--json").stdout.split('"hostPort" : ')[1].split(",")[0]
    for file in host.directory.glob("data/branches/*/data/postmaster.pid"):
        lines = file.read_text().splitlines()
        if lines[3] == port:
            return int(lines[0])
    raise AssertionError(f"no server of {name}")


def cancel(page, host, open_branch):
    """A copy that cannot go on, cancelled where it is shown: on the new branch's page and on the overview."""
    server = postmaster(host, "shop/main")
    for place in ["page", "overview"]:
        name = f"cancelled-{place}"
        open_branch("dev")
        page.until("the stream is live", lambda: page.text("#stream") == "Live")
        os.kill(server, signal.SIGSTOP)
        try:
            page.click("#action-create")
            page.until("the form is there", lambda: page.find("#create-dialog").is_displayed())
            page.fill("#create-name", name)
            page.click('#create-dialog option[value="%s"]' % main_id(page))
            page.click("#create-dialog .primary")
            page.until("its page is opened", lambda: page.text("h1") == name)
            check(lambda: "Copying data" in page.text("#progress"), "the page says what is done", lambda: page.text("#progress"))
            check(lambda: page.text("#progress time").endswith(" s"), "and for how long", lambda: page.text("#progress"))
            if place == "page":
                accessible(page, "operation under way")
                page.click("#action-cancel")
                page.until("the branch is gone", lambda: "was cancelled" in page.text("#main"))
            else:
                page.open("/")
                page.until("the stream is live", lambda: page.text("#stream") == "Live")
                accessible(page, "overview with an operation")
                page.click("#operations [id^=cancel-]")
            page.until("it is gone from the tree", lambda: (tree := page.text("#tree")) and name not in tree)
        finally:
            os.kill(server, signal.SIGCONT)
        page.open("/")
        check(lambda: "Cancelled" in page.text("#operations li") and name in page.text("#operations li"),
              "the operation is said to be cancelled", lambda: page.text("#operations li"))


def main_id(page):
    return page.js("return [...document.querySelectorAll('#create-dialog option')].find((o) => o.textContent.trim() === 'main').value")

"""Every dialog as it opens, held to what every page has to hold."""

from checks import accessible


def dialogs(page, open_branch):
    page.open("/")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    for button, dialog in [
        ("[data-open=new-project-dialog]", "new-project-dialog"),
        ("[data-open=new-database-dialog]", "new-database-dialog"),
        ("[data-open=rename-project-dialog]", "rename-project-dialog"),
        ("[data-open=delete-database-dialog]", "delete-database-dialog"),
        ("[data-open=new-branch-dialog]", "new-branch-dialog"),
        ("[data-open=stop-branch-dialog]", "stop-branch-dialog"),
    ]:
        opened(page, button, dialog)
    open_branch("dev")
    page.until("the stream is live", lambda: page.text("#stream") == "Live")
    for action in ["stop", "deploy", "create", "rename", "reset", "delete"]:
        opened(page, f"#action-{action}", f"{action}-dialog")


def opened(page, button, dialog):
    page.click(button)
    page.until(f"{dialog} is there", lambda: page.find(f"#{dialog}").is_displayed())
    accessible(page, dialog)
    page.click(f"#{dialog} [data-close]")
    page.until(f"{dialog} is gone", lambda: not page.find(f"#{dialog}").is_displayed())

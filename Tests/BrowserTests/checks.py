"""What is checked, and counted: of the page, of what psql says, and for everybody."""

from selenium.webdriver.common.keys import Keys

from accessibility import CHECK, FOCUS, STOPS
from axe import violations
from host import psql
from page import wait

counts = {"passed": 0, "failed": 0}


def check(condition, what, detail=""):
    """Counts what holds: `condition` is a value that cannot change any more, or a function that is asked until it holds."""
    holds = wait(condition) if callable(condition) else condition
    if not holds:
        detail = detail() if callable(detail) else detail
    print(("ok      " if holds else "FAILED  ") + what + (f": {detail}" if detail and not holds else ""), flush=True)
    counts["passed" if holds else "failed"] += 1


def answers(string, command, answer):
    """Whether psql with exactly that string says so: a route takes up to a second to come or to change."""
    return lambda: psql(string, command).stdout == answer + "\n"


def refuses(string, reason):
    return lambda: reason in psql(string, "SELECT 1").stderr


def accessible(page, what, axe=True):
    for scheme in ["light", "dark"]:
        page.scheme(scheme)
        for width in [360, 1440]:
            page.width(width)
            page.settle()
            # A part that comes anew moves and fades again.
            faults = lambda: page.js(CHECK)  # noqa: E731
            check(lambda: not faults(), f"{what} holds for everybody, {scheme}, {width} px", lambda: "; ".join(faults()[:6]))
            if axe:
                check(lambda: not violations(page), f"{what}: axe-core finds nothing, {scheme}, {width} px",
                      lambda: "; ".join(violations(page)[:4]))
            page.shot(f"{what}-{scheme}-{width}".replace(" ", "-"))
    page.scheme("light")
    page.width(1440)


def keyboard(page, what):
    """Through the page with the Tab key: everything is reached once, seen, and in the order in which it is read."""

    def walk():
        page.js("document.activeElement.blur(); scrollTo(0, 0)")
        wanted, stops = page.js(STOPS), []
        for _ in range(wanted + 10):
            page.driver.switch_to.active_element.send_keys(Keys.TAB)
            stop = page.js(FOCUS)
            if stop is None or stop["again"]:
                break
            stops.append(stop)
        return wanted, stops

    wanted, stops = page.undisturbed(walk)
    hidden = [stop["what"] for stop in stops if not stop["visible"]]
    check(5 < len(stops) == wanted, f"{what}: the Tab key reaches all {wanted} of it", str(len(stops)))
    check(not hidden, f"{what}: focus is seen at every stop", "; ".join(hidden[:4]))
    check("skip" in stops[0]["what"], f"{what}: the first stop skips to the content", stops[0]["what"])
    regions = [stop["region"] for stop in stops[1:]]
    parts = [region for index, region in enumerate(regions) if index == 0 or region != regions[index - 1]]
    check(len(parts) == len(set(parts)), f"{what}: one part of the page after the other", " > ".join(parts))
    # Upwards only into a column further right.
    back = [
        f"{after['what']} after {before['what']}"
        for before, after in zip(stops[1:], stops[2:])
        if before["region"] == after["region"] and after["bottom"] <= before["top"] and after["left"] < before["right"]
    ]
    check(not back, f"{what}: focus goes on, not back", "; ".join(back[:3]))

"""A browser and the page in it: what the tests of the page do again and again."""

import pathlib
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException, ElementNotInteractableException, NoSuchElementException,
    StaleElementReferenceException, WebDriverException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

# Seconds until something that has to come has not come: only a failure waits so long.
PATIENCE = 90


def is_passing(error):
    """Whether an element is not there yet, was replaced, or its page was left, between two looks at it."""
    if isinstance(error, (NoSuchElementException, StaleElementReferenceException, ElementNotInteractableException)):
        return True
    # The driver has no class for these.
    return any(
        text in str(error)
        for text in ["does not belong to the document", "aborted by navigation", "execution context", "frame detached"]
    )


def wait(condition):
    """The first value of `condition` that holds, or the last one that did not, once PATIENCE is over."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = None
        try:
            value = condition()
        except WebDriverException as error:
            if not is_passing(error):
                raise
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.05)  # between two looks; what is waited for is the condition


class Page:
    def __init__(self, base, shots):
        self.base = base
        self.shots = pathlib.Path(shots)
        self.shots.mkdir(parents=True, exist_ok=True)
        self.profile = tempfile.TemporaryDirectory(prefix="frost-browser-")
        options = webdriver.ChromeOptions()
        for argument in [
            "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
            "disable-component-update", "disable-sync", "disable-dev-shm-usage", f"user-data-dir={self.profile.name}",
            "window-size=1440,1100",
        ]:
            options.add_argument(f"--{argument}")
        options.binary_location = "/usr/bin/chromium"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        # axe-core takes its time on a busy machine.
        self.driver.set_script_timeout(PATIENCE)
        self.driver.execute_cdp_cmd(
            "Browser.grantPermissions",
            {"origin": base, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
        )

    def close(self):
        self.driver.quit()
        self.profile.cleanup()

    def open(self, path):
        self.driver.get(self.base + path)

    @property
    def path(self):
        return self.driver.current_url.removeprefix(self.base)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """What is shown there now; empty while nothing is."""
        try:
            return self.find(selector).text
        except WebDriverException as error:
            if not is_passing(error):
                raise
        return ""

    def attribute(self, selector, name):
        """An attribute as it is now; None while the element or the attribute is not there."""
        try:
            return self.find(selector).get_dom_attribute(name)
        except WebDriverException as error:
            if not is_passing(error):
                raise
        return None

    def until(self, what, condition):
        value = wait(condition)
        if not value:
            self.shot("failed")
            raise AssertionError(f"not within {PATIENCE} s: {what}; the page is {self.path}")
        return value

    def click(self, selector):
        """Clicks what is there, when it is there: live parts are replaced at any moment."""

        def try_click():
            element = self.find(selector)
            if not (element.is_displayed() and element.is_enabled()):
                return False
            try:
                element.click()
            except ElementClickInterceptedException:
                # In view for the driver is also what lies below the header, which stays at the top.
                self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
                return False
            return True

        self.until(f"{selector} can be clicked", try_click)

    def hold(self, selector):
        """Presses the mouse there, and keeps it pressed until `release`."""

        def try_hold():
            ActionChains(self.driver).click_and_hold(self.find(selector)).perform()
            return True

        self.until(f"{selector} can be pressed", try_hold)

    def release(self):
        ActionChains(self.driver).release().perform()

    def press(self, selector, key):
        """Presses a key there, when it is there."""
        self.until(f"{selector} takes keys", lambda: self.find(selector).send_keys(key) or True)

    def fill(self, selector, text):
        """Writes into a field, when it is there; done when that stands in it."""

        def try_fill():
            field = self.find(selector)
            field.clear()
            field.send_keys(text)
            return field.get_property("value") == text

        self.until(f"{selector} can be filled in", try_fill)

    def pause(self):
        """Nothing of the page is fetched again until `resume`, as when nobody looks at it."""
        self.js(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )

    def resume(self):
        self.js("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")

    def undisturbed(self, walk):
        """What `walk` returns of a time in which no part of the page was replaced."""
        self.pause()
        deadline = time.monotonic() + PATIENCE
        while True:
            self.js(
                "window.replaced = 0;"
                "window.watcher ??= new MutationObserver(() => { window.replaced += 1; });"
                "window.watcher.observe(document.body, {childList: true, subtree: true})"
            )
            value = walk()
            # A fetch that was under way may still come.
            if self.js("return window.replaced") == 0:
                break
            if time.monotonic() > deadline:
                raise AssertionError(f"parts of {self.path} are replaced though nobody looks at it")
        self.resume()
        return value

    def slow_down(self, factor):
        """Runs the page as on a machine that much slower."""
        self.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": factor})

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def clipboard(self):
        return self.driver.execute_async_script(
            "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done('error: ' + e))"
        )

    def shot(self, name):
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))

    def scheme(self, scheme):
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )

    def settle(self):
        """Until nothing moves or fades any more."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => "
            "Promise.allSettled(document.getAnimations().filter((a) => a.effect.getTiming().iterations < 10)"
            ".map((a) => a.finished)).then(() => done())))"
        )

    def width(self, pixels):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": pixels, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
        )

    def faults(self):
        """What the browser complains of: script errors, refused resources."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

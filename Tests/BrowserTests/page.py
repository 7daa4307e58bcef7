"""A browser and the page in it: what the tests of the page do again and again."""

import pathlib
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, WebDriverException
from selenium.webdriver.common.by import By

PATIENCE = 30


def is_gone(error):
    """Whether an element was replaced, or its page left, between two looks at it."""
    return any(text in str(error) for text in ["stale element", "does not belong to the document"])


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
        """What is shown there; empty while nothing is."""
        for _ in range(5):
            try:
                found = self.all(selector)
                return found[0].text if found else ""
            except WebDriverException as error:
                if not is_gone(error):
                    raise
        return ""

    def until(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                value = condition()
                if value:
                    return value
            except WebDriverException as error:
                if not is_gone(error):
                    raise
            if time.monotonic() > deadline:
                self.shot("failed")
                raise AssertionError(f"not within {PATIENCE} s: {what}; the page is {self.path}")
            time.sleep(0.05)

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

        self.until(f"{selector} can be clicked", lambda: self.all(selector) and try_click())

    def fill(self, selector, text):
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

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

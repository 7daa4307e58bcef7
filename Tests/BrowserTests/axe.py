"""axe-core, which looks at pages beside the suite's own checks: WCAG 2.0 A and AA, 2.1 AA."""

import importlib.util
import pathlib

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]

RUN = """
const [tags, done] = arguments;
axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] }).then(
  ({ violations }) => done(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`)),
  // A part of the page was replaced under it.
  (error) => done([`axe: ${error}`]),
);
"""


def script():
    """The file that the package axe-core-python carries; its own module is not needed."""
    package = importlib.util.find_spec("axe_core_python")
    if not package:
        raise SystemExit("no axe_core_python in .build-compat/browser; run: scripts/compat-setup.sh")
    return (pathlib.Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")


SCRIPT = script()


def violations(page):
    """What axe-core has against the page as it is now."""
    if not page.js("return 'axe' in window"):
        page.js(SCRIPT)
    return page.driver.execute_async_script(RUN, TAGS)

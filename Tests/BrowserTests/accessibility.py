"""What every page has to hold for those who do not see it, or use no mouse: after WCAG 2.2, AA."""

CHECK = r"""
const faults = [];
const name = (element) => element.outerHTML.slice(0, 120);
const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
if (!document.documentElement.lang) faults.push("3.1.1: the page has no language");
if (!document.title) faults.push("2.4.2: the page has no title");
if (document.querySelectorAll("main").length !== 1) faults.push("the page has not one main part");
if ([...document.querySelectorAll("h1")].filter(shown).length !== 1) faults.push("the page has not one h1");
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of ids.filter((id, index) => ids.indexOf(id) !== index)) faults.push(`the id ${id} is there twice`);
let level = 1;
for (const heading of [...document.querySelectorAll("h1,h2,h3,h4")].filter(shown)) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) faults.push(`1.3.1: a heading is skipped before ${name(heading)}`);
  level = next;
}
for (const control of [...document.querySelectorAll("a[href],button,input,select,textarea,summary")].filter(shown)) {
  const label = control.getAttribute("aria-label") || control.textContent.trim()
    || [...(control.labels ?? [])].map((label) => label.textContent.trim()).join(" ");
  if (!label) faults.push(`4.1.2: nothing says what this is: ${name(control)}`);
  if (control.tabIndex > 0) faults.push(`2.4.3: an order of its own: ${name(control)}`);
}
for (const reference of document.querySelectorAll("[aria-labelledby],[aria-describedby]")) {
  for (const attribute of ["aria-labelledby", "aria-describedby"]) {
    for (const id of (reference.getAttribute(attribute) ?? "").split(" ").filter(Boolean)) {
      if (!document.getElementById(id)) faults.push(`4.1.2: ${attribute} leads nowhere: ${name(reference)}`);
    }
  }
}
for (const image of document.querySelectorAll("img:not([alt]),svg:not([aria-hidden]):not([role])")) {
  faults.push(`1.1.1: nothing says what this shows: ${name(image)}`);
}

// Contrast (1.4.3), of each text with what is behind it, drawn on a canvas so that any colour notation is understood.
const canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
const paint = canvas.getContext("2d", { willReadFrequently: true });
const rgba = (color) => {
  paint.clearRect(0, 0, 1, 1);
  paint.fillStyle = color;
  paint.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = paint.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
};
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const light = ([red, green, blue]) => {
  const part = (value) => {
    value /= 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
};
const behind = (element) => {
  if (!element) return rgba(getComputedStyle(document.documentElement).colorScheme.includes("dark")
    && matchMedia("(prefers-color-scheme: dark)").matches ? "#000" : "#fff");
  const own = rgba(getComputedStyle(element).backgroundColor);
  return own[3] === 1 ? own : over(own, behind(element.parentElement));
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.textContent.trim() || seen.has(element) || !shown(element) || element.closest(":disabled,[inert]")) continue;
  seen.add(element);
  const style = getComputedStyle(element);
  const back = behind(element);
  const [a, b] = [light(over(rgba(style.color), back)), light(back)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) faults.push(`1.4.3: contrast ${ratio.toFixed(2)} of ${name(element)}`);
}
if (document.documentElement.scrollWidth > innerWidth) {
  faults.push(`1.4.10: the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
}
return faults;
"""

# How often an element has had the focus is kept on the element itself: two of them may look the same.
FOCUS = r"""
const element = document.activeElement;
if (!element || element === document.body) return null;
const style = getComputedStyle(element);
const box = element.getBoundingClientRect();
element.tabStops = (element.tabStops ?? 0) + 1;
const region = element.closest("header.top, #sidebar, main, body");
return {
  what: element.outerHTML.slice(0, 100),
  visible: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none",
  again: element.tabStops > 1,
  region: `${region.tagName} ${region.className}`,
  top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left, right: box.right,
};
"""

# What the Tab key has to lead to.
STOPS = r"""
const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
for (const element of document.querySelectorAll("*")) delete element.tabStops;
return [...document.querySelectorAll("a[href],button,input,select,textarea,summary,[tabindex]")]
  .filter((element) => element.tabIndex >= 0 && !element.disabled && shown(element)).length;
"""

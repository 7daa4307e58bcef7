// The tree is one stop of the Tab key; arrow keys, Home and End move in it.

/** The id of the link for the Tab key, after the tree was used. */
let treeStop = null;

function treeLinks() {
  return [...document.querySelectorAll("#tree a")];
}

/** Makes one link of the tree reachable by the Tab key: the last used one, else the current page, else the first. */
function rove() {
  const links = treeLinks();
  const stop = links.find(({ id }) => id === treeStop)
    ?? links.find((link) => link.getAttribute("aria-current") === "page") ?? links[0];
  for (const link of links) {
    link.tabIndex = link === stop ? 0 : -1;
  }
}

document.addEventListener("focusin", (event) => {
  const link = event.target.closest("#tree a");
  if (link) {
    treeStop = link.id;
    rove();
  }
});

document.addEventListener("keydown", (event) => {
  const link = event.target.closest("#tree a");
  if (!link || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
    return;
  }
  const links = treeLinks();
  const index = links.indexOf(link);
  const next = {
    ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: links.length - 1,
  }[event.key];
  if (next === undefined) {
    return;
  }
  event.preventDefault();
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
});

// Keeps the page up to date. Only the server renders markup: after an event, the page is fetched again, and changed
// elements marked `data-live` are replaced.

/** The HTML of each live element as the server last sent it, before the script touched it. */
const rendered = new Map();

let running = null;
let isAgain = false;

function forgetRendered(id) {
  rendered.delete(id);
}

/** Fetches the page and applies changes. Calls during a refresh cause one more. */
function refresh() {
  if (running) {
    isAgain = true;
    return running;
  }
  running = (async () => {
    do {
      isAgain = false;
      await refreshOnce();
    } while (isAgain);
  })().finally(() => { running = null; });
  return running;
}

async function refreshOnce() {
  // On the page of a deleted branch, only the tree is updated.
  const isTreeOnly = isBranchGone;
  const address = location.href;
  let response;
  let html;
  try {
    response = await fetch(isTreeOnly ? "/" : address, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(timeout) });
    html = await response.text();
  } catch {
    // A refresh follows when the server is back.
    showLost();
    return;
  }
  if (isGone(response)) {
    showLost();
    return;
  }
  if (response.status === 401 || (response.redirected && new URL(response.url).pathname === "/login")) {
    logInAgain();
    return;
  }
  if (response.status === 404 && currentTarget()) {
    leave();
    return;
  }
  if (!response.ok) {
    return;
  }
  heard();
  await released();
  if (location.href !== address || isTreeOnly !== isBranchGone) {
    isAgain = true;
    return;
  }
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of page.querySelectorAll("[data-live]")) {
    takeOver(fresh);
  }
  for (const fresh of page.querySelectorAll("form[data-only-changed] input")) {
    takeOverControl(fresh);
  }
  if (!isTreeOnly) {
    document.title = page.title;
  }
  afterRender();
}

/** The last focused element, unless the pointer was used elsewhere. */
let lastFocused = null;
document.addEventListener("focusin", (event) => { lastFocused = event.target; });
document.addEventListener("pointerdown", () => { lastFocused = null; });

/** Whether a pointer is down: an element replaced between press and release receives no click. */
let press = null;
let endPress = null;
const longestPress = 5000;
document.addEventListener("pointerdown", () => { press ??= new Promise((resolve) => { endPress = resolve; }); });
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, () => {
    // The click follows immediately.
    setTimeout(() => {
      endPress?.();
      press = null;
    }, 0);
  });
}

/** Waits until no pointer is down, or for so long that its release may have been missed. */
async function released() {
  if (press) {
    await Promise.race([press, new Promise((resolve) => { setTimeout(resolve, longestPress); })]);
  }
}

function takeOver(fresh) {
  const current = document.getElementById(fresh.id);
  const html = fresh.outerHTML;
  // The user is filling in an open dialog.
  if (!current || current.open || rendered.get(fresh.id) === html) {
    return;
  }
  rendered.set(fresh.id, html);
  // A disabled button, or one of a closed dialog, has already lost the focus.
  const focused = document.activeElement === document.body ? lastFocused : document.activeElement;
  const hadFocus = focused !== null && current.contains(focused);
  const scrolled = [...current.querySelectorAll("[id]")]
    .filter((element) => element.scrollLeft || element.scrollTop)
    .map(({ id, scrollLeft, scrollTop }) => ({ id, scrollLeft, scrollTop }));
  document.adoptNode(fresh);
  current.replaceWith(fresh);
  for (const { id, scrollLeft, scrollTop } of scrolled) {
    document.getElementById(id)?.scrollTo(scrollLeft, scrollTop);
  }
  if (hadFocus) {
    const successor = focused === current ? null : document.getElementById(focused.id);
    if (successor && !successor.disabled) {
      successor.focus({ preventScroll: true });
    } else {
      // Its button is gone (Stop, once the branch is stopped): keep the focus nearby instead of at the top.
      fresh.tabIndex = -1;
      fresh.focus({ preventScroll: true });
    }
  }
}

/** Applies a new value to an unchanged control; a control changed by the user keeps its value. */
function takeOverControl(fresh) {
  const current = document.getElementById(fresh.id);
  if (!current) {
    return;
  }
  const isUntouched = !hasChanged(current);
  current.defaultValue = fresh.defaultValue;
  current.defaultChecked = fresh.defaultChecked;
  if (isUntouched && current.type === "checkbox") {
    current.checked = fresh.defaultChecked;
  } else if (isUntouched) {
    current.value = fresh.defaultValue;
  }
}

/** The last shown fault of the gateway. */
let shownFault = null;

/** A fault after a save removes the message that it was saved. */
function showFault() {
  const fault = document.getElementById("gateway-fault")?.textContent ?? null;
  if (fault !== null && fault !== shownFault) {
    for (const place of document.querySelectorAll("[data-saved-here]")) {
      place.textContent = "";
    }
  }
  shownFault = fault;
}

/** Additions of the script to a rendered page. */
function afterRender() {
  rove();
  filterBranches();
  hideDismissed();
  showFault();
  showElapsed();
  for (const row of document.querySelectorAll("#operations [data-operation]")) {
    settle(row.dataset.operation, row.dataset.status, row.querySelector(".operation-message")?.textContent);
  }
  applyReveal().catch(() => {
    // The password stays hidden, and the link to reveal it remains.
  });
}

function currentTarget() {
  return document.getElementById("main").dataset.target;
}

// Links of the connection card: the same page with a different query.

function opensElsewhere(event) {
  return event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || opensElsewhere(event)) {
    return;
  }
  event.preventDefault();
  if (link.href !== location.href) {
    history.pushState(null, "", link.href);
    refresh();
  }
});

window.addEventListener("popstate", () => { refresh(); });

// Events.

let timer = null;

function refreshSoon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, 100);
}

function showStream(state, text) {
  const stream = document.getElementById("stream");
  stream.dataset.state = state;
  stream.querySelector("[data-stream-text]").textContent = text;
}

/** The open stream. Browsers open at most six connections to a host, so hidden pages close theirs. */
let source = null;

function listen() {
  if (document.hidden || source) {
    return;
  }
  source = new EventSource("/api/events");
  source.addEventListener("open", () => {
    showStream("live", "Live");
    // Changes since the stream was closed.
    refreshSoon();
  });
  source.addEventListener("error", () => {
    showStream("lost", "Reconnecting");
    // Check whether frost is down, or only the stream.
    refreshSoon();
    if (source && source.readyState === EventSource.CLOSED) {
      source = null;
      // The browser has given up, as after a response that is not a stream: the session may have ended.
      setTimeout(listen, 3000);
    }
  });
  for (const name of ["target", "settings", "sessions", "gateway"]) {
    source.addEventListener(name, refreshSoon);
  }
  source.addEventListener("operation", (event) => {
    const { id, status, message } = JSON.parse(event.data);
    // After the refresh, so that a reason on the page is not shown twice.
    refresh().then(() => settle(id, status, message));
  });
  source.addEventListener("target-deleted", (event) => {
    const deleted = JSON.parse(event.data);
    if (currentTarget() && currentTarget() === (deleted.targetId ?? deleted.id)) {
      leave();
    } else {
      refreshSoon();
    }
  });
}

for (const element of document.querySelectorAll("[data-live]")) {
  rendered.set(element.id, element.outerHTML);
}
restoreNotices();
afterRender();
applyChosenSSL();
settleEarlier();
document.querySelector('.tree-branch[aria-current="page"]')?.scrollIntoView({ block: "nearest" });
listen();
// Sessions start and end without an event.
setInterval(() => {
  if (!document.hidden) {
    refresh();
  }
}, 5000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else {
    listen();
    refresh();
  }
});

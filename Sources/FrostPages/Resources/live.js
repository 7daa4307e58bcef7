// Keeps the page as the server would render it now. Markup is made by the server alone: on news the page is
// fetched again, and elements marked `data-live` that changed are replaced by their new selves.

/** The HTML of each live element as the server last sent it, before the script touched it. */
const rendered = new Map();

let running = null;
let isAgain = false;

function forgetRendered(id) {
  rendered.delete(id);
}

/** Fetches the page and takes over what changed. Calls during a refresh lead to one more. */
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
  // Of a page whose branch is gone, the tree goes on.
  const isTreeOnly = isBranchGone;
  const address = location.href;
  let response;
  let html;
  try {
    response = await fetch(isTreeOnly ? "/" : address, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(timeout) });
    html = await response.text();
  } catch {
    // There will be a refresh when it is back.
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

/** What had the focus last, unless somebody has gone elsewhere with the pointer. */
let lastFocused = null;
document.addEventListener("focusin", (event) => { lastFocused = event.target; });
document.addEventListener("pointerdown", () => { lastFocused = null; });

/** While a pointer is down: what is replaced between press and release hears of no click. */
let press = null;
let endPress = null;
const longestPress = 5000;
document.addEventListener("pointerdown", () => { press ??= new Promise((resolve) => { endPress = resolve; }); });
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, () => {
    // The click comes right after it.
    setTimeout(() => {
      endPress?.();
      press = null;
    }, 0);
  });
}

/** Until no pointer is down, or it has been for so long that its end may have been missed. */
async function released() {
  if (press) {
    await Promise.race([press, new Promise((resolve) => { setTimeout(resolve, longestPress); })]);
  }
}

function takeOver(fresh) {
  const current = document.getElementById(fresh.id);
  const html = fresh.outerHTML;
  // A dialog that is open is being filled in.
  if (!current || current.open || rendered.get(fresh.id) === html) {
    return;
  }
  rendered.set(fresh.id, html);
  // A button that was disabled, or whose dialog was closed, has lost the focus already.
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
      // Its button is gone (Stop, once the branch is stopped): stay near instead of going to the top.
      fresh.tabIndex = -1;
      fresh.focus({ preventScroll: true });
    }
  }
}

/** What is set now, in a control that nobody has changed since; one that somebody has changed keeps that. */
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

/** The gateway's fault as it was last shown. */
let shownFault = null;

/** A fault that comes after something was saved takes that word back. */
function showFault() {
  const fault = document.getElementById("gateway-fault")?.textContent ?? null;
  if (fault !== null && fault !== shownFault) {
    for (const place of document.querySelectorAll("[data-saved-here]")) {
      place.textContent = "";
    }
  }
  shownFault = fault;
}

/** What the script adds to a page that the server rendered. */
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
    // The password stays hidden, and the link to reveal it is still there.
  });
}

function currentTarget() {
  return document.getElementById("main").dataset.target;
}

// Links of the connection card: the same page with another query.

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

// News.

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

/** The stream that is open. A browser opens six connections to a host at most: what nobody looks at gives its own back. */
let source = null;

function listen() {
  if (document.hidden || source) {
    return;
  }
  source = new EventSource("/api/events");
  source.addEventListener("open", () => {
    showStream("live", "Live");
    // What happened while nobody listened.
    refreshSoon();
  });
  source.addEventListener("error", () => {
    showStream("lost", "Reconnecting");
    // Whether frost is gone, or the stream alone.
    refreshSoon();
    if (source && source.readyState === EventSource.CLOSED) {
      source = null;
      // The browser has given up, as it does on an answer that is no stream: the session may have ended.
      setTimeout(listen, 3000);
    }
  });
  for (const name of ["target", "settings", "sessions", "gateway"]) {
    source.addEventListener(name, refreshSoon);
  }
  source.addEventListener("operation", (event) => {
    const { id, status, message } = JSON.parse(event.data);
    // After the refresh, so that a reason that the server shows is not shown twice.
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
// Sessions come and go without an event.
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

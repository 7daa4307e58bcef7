// Shared by all parts of the script: the API, announcements for screen readers, and persistent notices.
// The parts are served as one function, in the order of PageRenderer.js.

/** Asks the JSON API. Throws an Error whose `field` names the field at fault, if one is. */
async function api(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      // The type distinguishes this page's requests from those of foreign forms, so it is sent without a body too.
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("Frost does not answer. Check that it is running, then try again.");
  }
  if (response.status === 401) {
    logInAgain();
  }
  const data = await response.json().catch(() => null);
  if (!response.ok) {
    const error = new Error(sentence(data?.error?.message ?? `Frost answered with ${response.status}.`));
    error.field = data?.error?.field ?? null;
    throw error;
  }
  return data;
}

/** Goes to the login, which returns to this page. */
function logInAgain() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/**
 * An API message as a sentence. The API's messages have no capital letter and no full stop, as in programs' output.
 * Does not change messages that do not start with a word: a path, a program with a colon, several lines.
 */
function sentence(text) {
  const trimmed = text.trim();
  if (trimmed.includes("\n")) {
    return trimmed;
  }
  const start = /^\p{Ll}[\p{L}’-]*(?=[\s,;])/u.test(trimmed) ? trimmed[0].toUpperCase() + trimmed.slice(1) : trimmed;
  // A command at the end must stay unchanged for pasting.
  const isComplete = /[.!?…]$/.test(start) || /: (apt-get|docker|frost|sudo|systemctl) [^:]*$/.test(start);
  return isComplete ? start : `${start}.`;
}

/** Announces a text to screen readers; the same text twice is announced twice. */
function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 50);
}

/** A value that outlives the page but not the tab. Without storage, nothing is stored. */
const memory = {
  read(name, otherwise) {
    try {
      return JSON.parse(sessionStorage.getItem(`frost.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  write(name, value) {
    try {
      sessionStorage.setItem(`frost.${name}`, JSON.stringify(value));
    } catch {
      // Private windows may block storage; then notices last as long as the page.
    }
  },
};

/** Shows an error, or a result with `done`, on this page and the next ones, until it is dismissed. */
function notify(text, kind = "failed") {
  const notices = memory.read("notices", []);
  const key = `${Date.now()}-${notices.length}`;
  memory.write("notices", [...notices, { key, text, kind }].slice(-5));
  showNotice(key, text, kind);
}

function showNotice(key, text, kind) {
  const template = document.getElementById("notice-template");
  const notice = template.content.firstElementChild.cloneNode(true);
  notice.dataset.stored = key;
  notice.dataset.kind = kind;
  notice.querySelector("[data-slot=text]").textContent = text;
  document.getElementById("notices").append(notice);
}

/** Shows the notices of earlier pages. */
function restoreNotices() {
  for (const { key, text, kind } of memory.read("notices", [])) {
    showNotice(key, text, kind);
  }
}

/** Removes rendered notices that the user has dismissed. */
function hideDismissed() {
  const dismissed = memory.read("dismissed", []);
  for (const notice of document.querySelectorAll("[data-notice]")) {
    notice.hidden = dismissed.includes(notice.dataset.notice);
  }
}

function dismiss(notice) {
  if (notice.dataset.stored) {
    memory.write("notices", memory.read("notices", []).filter(({ key }) => key !== notice.dataset.stored));
    notice.remove();
  } else {
    memory.write("dismissed", [...memory.read("dismissed", []), notice.dataset.notice].slice(-50));
    hideDismissed();
  }
  document.getElementById("main").focus({ preventScroll: true });
}

// Operations started here: their results are announced, those of others only shown.

function follow(operation, label) {
  memory.write("followed", { ...memory.read("followed", {}), [operation.id]: label });
  announce(`${label}: started.`);
}

/** Announces the result of an operation started here, once. */
function settle(id, status, message) {
  const { [id]: label, ...others } = memory.read("followed", {});
  if (label === undefined || status === "running") {
    return;
  }
  memory.write("followed", others);
  if (status === "cancelled") {
    announce(`${label}: cancelled.`);
    return;
  }
  if (status === "succeeded") {
    announce(`${label}: done.`);
    return;
  }
  const reason = message || "No reason was given.";
  const shown = [...document.querySelectorAll("[data-notice]:not([hidden]) [data-text]")];
  if (shown.some((text) => text.textContent.includes(reason))) {
    announce(`${label} failed. ${reason}`);
  } else {
    notify(`${label} failed. ${reason}`);
  }
}

/** Queries the results of operations started on an earlier page, which may have ended before this page listened. */
async function settleEarlier() {
  for (const id of Object.keys(memory.read("followed", {}))) {
    try {
      const { status, message } = await api("GET", `/api/operations/${encodeURIComponent(id)}`);
      settle(id, status, message);
    } catch {
      // The next page queries it again.
    }
  }
}

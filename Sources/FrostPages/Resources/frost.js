// What all parts of the script use: the API, what is said to screen readers, and notices that stay.
// The parts are served as one function, in the order of PageRenderer.js.

/** Asks the JSON API. Throws an Error whose `field` names the field at fault, if one is. */
async function api(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      // The type is what tells this page's requests from a foreign form's, so it is there without a body too.
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

/** Goes to the login, which leads back to this page. */
function logInAgain() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/**
 * What the API says, as a sentence. It says one without a capital letter and a full stop, as programs print it.
 * What does not begin with a word stays: a path, a program with a colon behind it, several lines.
 */
function sentence(text) {
  const trimmed = text.trim();
  if (trimmed.includes("\n")) {
    return trimmed;
  }
  const start = /^\p{Ll}[\p{L}’-]*(?=[\s,;])/u.test(trimmed) ? trimmed[0].toUpperCase() + trimmed.slice(1) : trimmed;
  // A command at the end is pasted as it stands.
  const isComplete = /[.!?…]$/.test(start) || /: (apt-get|docker|frost|sudo|systemctl) [^:]*$/.test(start);
  return isComplete ? start : `${start}.`;
}

/** Says something to screen readers; the same words twice are said twice. */
function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 50);
}

/** A value that outlives the page but not the tab. Without storage it is as if nothing had been stored. */
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
      // Private windows may refuse; notices then last as long as the page.
    }
  },
};

/** Shows what failed, or what is `done`, on this page and the next ones, until it is dismissed. */
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

/** Takes away what the server rendered and the reader has dismissed. */
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

// Operations that were begun here: their outcome is said, those of others are only shown.

function follow(operation, label) {
  memory.write("followed", { ...memory.read("followed", {}), [operation.id]: label });
  announce(`${label}: under way.`);
}

/** Says how an operation that was begun here came out, once. */
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

/** Asks for the outcome of what was begun on an earlier page: it may have come before this page listened. */
async function settleEarlier() {
  for (const id of Object.keys(memory.read("followed", {}))) {
    try {
      const { status, message } = await api("GET", `/api/operations/${encodeURIComponent(id)}`);
      settle(id, status, message);
    } catch {
      // Asked again by the next page.
    }
  }
}

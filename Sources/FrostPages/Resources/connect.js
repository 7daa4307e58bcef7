// Connection strings: the SSL mode, revealing the password, and copying.
// Strings with the password come from the API on request; the page itself shows dots instead.

/** The last chosen SSL mode, for all branches and across visits; null if there is none, or storage is blocked. */
const chosenSSL = {
  read() {
    try {
      return localStorage.getItem("frost.ssl");
    } catch {
      return null;
    }
  },
  write(mode) {
    try {
      localStorage.setItem("frost.ssl", mode);
    } catch {
      // Private windows may block storage; then only the address keeps the choice.
    }
  },
};

/** Shows the last chosen SSL mode, unless the address has one. */
function applyChosenSSL() {
  const address = new URL(location.href);
  const mode = chosenSSL.read();
  const link = mode && document.getElementById(`ssl-${mode}`);
  if (!link || link.hasAttribute("aria-current") || address.searchParams.has("ssl")) {
    return;
  }
  history.replaceState(null, "", link.href);
  refresh();
}

let isRevealed = false;

async function fetchSnippets() {
  const { connections, connection } = document.getElementById("connect").dataset;
  const answer = await api("GET", connections);
  return answer[connection]?.snippets ?? [];
}

async function fetchSnippet() {
  const { snippet } = document.getElementById("snippet-text").dataset;
  const found = (await fetchSnippets()).find(({ kind }) => kind === snippet);
  if (!found) {
    throw new Error("There is no connection string at the moment.");
  }
  return found;
}

async function fetchPassword() {
  const found = (await fetchSnippets()).find(({ kind }) => kind === "url");
  if (!found) {
    throw new Error("There is no password to copy at the moment.");
  }
  return decodeURIComponent(new URL(found.text).password);
}

/** Shows or hides the password, as chosen by the user, in newly rendered markup. */
async function applyReveal() {
  const link = document.getElementById("reveal");
  if (!isRevealed || !link || "shown" in link.dataset) {
    return;
  }
  const code = document.getElementById("snippet-text");
  const password = document.querySelector("[data-field=password] [data-value]");
  const ownURL = document.getElementById("own-url-text");
  const [snippet, secret] = await Promise.all([fetchSnippet(), fetchPassword()]);
  // The user may have hidden it, or switched the tab, before the response arrived.
  if (isRevealed && code.isConnected) {
    code.textContent = snippet.text;
    if (ownURL) {
      ownURL.textContent = snippet.url;
    }
    if (password) {
      password.textContent = secret;
    }
    link.textContent = "Hide password";
    link.dataset.shown = "script";
  }
}

async function toggleReveal(link) {
  isRevealed = !("shown" in link.dataset);
  if (isRevealed) {
    await applyReveal();
    announce("The password is shown.");
    return;
  }
  if (link.dataset.shown === "server") {
    history.replaceState(null, "", link.href);
  }
  forgetRendered("connect");
  await refresh();
  announce("The password is hidden.");
}

/**
 * Copies text that is not available yet.
 *
 * The clipboard API needs https or localhost. Elsewhere, copies a selection with execCommand; if that fails too, the
 * text stays selected for the user to copy.
 */
async function copy(promise, shownIn) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      if (window.ClipboardItem) {
        // Create the item synchronously in the click handler: Safari rejects it after a wait.
        const blob = promise.then((text) => new Blob([text], { type: "text/plain" }));
        await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
      } else {
        await navigator.clipboard.writeText(await promise);
      }
      return true;
    } catch {
      // Permission denied; an error of the API is thrown again below.
    }
  }
  const text = await promise;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  area.setAttribute("aria-hidden", "true");
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused?.focus({ preventScroll: true });
  if (!isCopied) {
    shownIn.textContent = text;
    getSelection().selectAllChildren(shownIn);
  }
  return isCopied;
}

async function copyFrom(button, promise, shownIn) {
  try {
    const isCopied = await copy(promise, shownIn);
    flash(button, isCopied ? "Copied" : "Selected");
    announce(isCopied ? "Copied" : "The text is selected. Press Control C to copy it.");
  } catch (error) {
    flash(button, "Failed");
    notify(`Copying failed. ${error.message}`);
  }
}

/** Shows the result on the button for a moment. */
function flash(button, word) {
  button.textContent = word;
  clearTimeout(button.flashTimer);
  button.flashTimer = setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

document.addEventListener("click", (event) => {
  const control = event.target.closest("[data-ssl], [data-reveal], [data-copy-snippet], [data-copy-url], [data-copy-field]");
  if (!control) {
    return;
  }
  if ("ssl" in control.dataset) {
    // The link itself shows the password.
    chosenSSL.write(control.dataset.ssl);
  } else if ("reveal" in control.dataset) {
    if (opensElsewhere(event)) {
      return;
    }
    event.preventDefault();
    toggleReveal(control).catch((error) => notify(error.message));
  } else if ("copySnippet" in control.dataset) {
    copyFrom(control, fetchSnippet().then(({ text }) => text), document.getElementById("snippet-text"));
  } else if ("copyUrl" in control.dataset) {
    copyFrom(control, fetchSnippet().then(({ url }) => url), document.getElementById("own-url-text"));
  } else {
    const value = control.closest(".field-row").querySelector("[data-value]");
    const text = "secret" in control.dataset ? fetchPassword() : Promise.resolve(value.textContent);
    copyFrom(control, text, value);
  }
});

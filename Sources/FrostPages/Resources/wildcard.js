// A new wildcard domain changes the hostnames of all branches: the confirmation.

/** The number of hostnames listed; more are counted. */
const listedHostnames = 5;

/** Sends the settings, after a confirmation if branches would lose their hostnames. */
async function askWildcard(form) {
  const input = form.elements.namedItem("wildcardBase");
  const button = submitButton(form);
  if (!hasChanged(input)) {
    await send(form);
    return;
  }
  showErrors(form, null);
  button.disabled = true;
  let preview;
  try {
    preview = await api("GET", `/api/settings/wildcard-preview?base=${encodeURIComponent(input.value.trim())}`);
  } catch (error) {
    showErrors(form, error);
    return;
  } finally {
    button.disabled = false;
  }
  if (preview.confirmation === null) {
    await send(form);
    return;
  }
  const dialog = document.getElementById("wildcard-dialog");
  const question = dialog.querySelector("form");
  question.reset();
  showWildcard(dialog, preview);
  question.dataset.confirm = preview.confirmation;
  checkConfirmation(question);
  dialog.showModal();
  question.querySelector("[data-confirm-input]").focus();
}

function showWildcard(dialog, preview) {
  const count = preview.hostnames === 1 ? "1 hostname" : `${preview.hostnames} hostnames`;
  const slots = {
    title: preview.wildcardBase === null ? `Take ${count} away?` : `Change ${count}?`,
    lead: preview.wildcardBase === null
      ? "Branches then accept connections from this host only. Programs that use these hostnames can no longer connect."
      : "Update connection strings that use the old hostnames.",
    sessions: sessionsSentence(preview.sessions),
    resolution: preview.resolutionText ?? "",
    certificate: preview.certificateText ?? "",
    confirmation: preview.confirmation,
  };
  for (const [name, text] of Object.entries(slots)) {
    const slot = dialog.querySelector(`[data-slot=${name}]`);
    slot.textContent = text;
    const row = slot.closest("[data-finding]");
    if (row) {
      row.hidden = text === "";
      row.dataset.finding = preview[name] ?? "";
    }
  }
  const list = dialog.querySelector("[data-slot=changes]");
  list.replaceChildren(...preview.changes.slice(0, listedHostnames).map((change) => {
    const row = dialog.querySelector("template").content.firstElementChild.cloneNode(true);
    row.querySelector("[data-slot=from]").textContent = change.from;
    row.querySelector("[data-slot=to]").textContent = change.to ?? "none";
    return row;
  }));
  const rest = preview.hostnames - Math.min(preview.changes.length, listedHostnames);
  const more = dialog.querySelector("[data-slot=more]");
  more.textContent = `and ${rest} more`;
  more.hidden = rest === 0;
}

function sessionsSentence(count) {
  if (count === null) {
    return "The gateway does not answer, so the number of open sessions is unknown. Open sessions stay open.";
  }
  if (count === 0) {
    return "No sessions are open through the gateway.";
  }
  return count === 1 ? "1 session is open and stays open." : `${count} sessions are open and stay open.`;
}

document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-wildcard]")) {
    event.preventDefault();
    if (submitButton(event.target).disabled) {
      return;
    }
    const kept = event.target.elements.namedItem("keepHostnamesSeconds");
    event.target.closest("dialog").close();
    send(document.querySelector("form[data-asks-wildcard]"), kept.checked ? { keepHostnamesSeconds: Number(kept.value) } : {});
  }
});

// The branch of this page is deleted: here, in another window, or by a command.

/** Whether the branch of this page was deleted; then the page is no longer updated. */
let isBranchGone = false;

/** Remembers that this branch is being deleted from its page, which then goes to the overview. */
function rememberDelete(method, path) {
  const target = currentTarget();
  if (method === "DELETE" && target && path.endsWith(`/targets/${target}`)) {
    memory.write("deleting", target);
  }
}

/** Reports the deletion: on the overview if it was deleted here, else in place of its page. */
async function leave() {
  const target = currentTarget();
  if (!target || isBranchGone) {
    return;
  }
  isBranchGone = true;
  const name = document.querySelector("#main h1").textContent;
  const text = await goneSentence(target, name);
  if (memory.read("deleting", null) === target) {
    memory.write("deleting", null);
    notify(text, "done");
    location.assign("/");
  } else {
    showGone(name, text);
  }
}

/** `dev was deleted at 18:50.`, without an unknown time. */
async function goneSentence(target, name) {
  try {
    const operations = await api("GET", "/api/operations");
    if (operations.some(({ targetId, action, status }) => targetId === target && action === "create" && status === "cancelled")) {
      return `Creating ${name} was cancelled. Nothing was left behind.`;
    }
    const deletion = operations.find(({ targetId, action }) => targetId === target && action === "delete");
    if (deletion) {
      const time = deletion.finishedAt === null ? new Date() : new Date(deletion.finishedAt);
      return `${name} was deleted at ${timeText(time)}.`;
    }
  } catch {
    // The time is not worth an error.
  }
  return `${name} was deleted.`;
}

function showGone(name, text) {
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    dialog.close();
  }
  const main = document.getElementById("main");
  delete main.dataset.target;
  for (const part of main.querySelectorAll(":scope > :not(#lost, #notices)")) {
    part.remove();
  }
  const page = document.getElementById("gone-template").content.cloneNode(true);
  page.querySelector("[data-slot=name]").textContent = name;
  page.querySelector("[data-slot=text]").textContent = text;
  main.append(page);
  document.title = `${name} · Frost`;
  main.focus({ preventScroll: true });
  announce(text);
  refresh();
}

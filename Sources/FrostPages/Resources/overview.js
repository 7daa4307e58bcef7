// The tables of the overview: the filter, hostnames to copy, and what a new branch can be a copy of.

/** Hides what has no branch whose name, hostname, database or project has what the filter says. */
function filterBranches() {
  const bar = document.getElementById("filter-bar");
  if (!bar) {
    return;
  }
  const rows = [...document.querySelectorAll("#projects [data-branch]")];
  bar.hidden = rows.length === 0;
  const text = document.getElementById("filter").value.trim().toLowerCase();
  let shown = 0;
  for (const project of document.querySelectorAll("#projects [data-project]")) {
    let isProjectShown = text === "";
    for (const database of project.querySelectorAll("[data-database].database")) {
      let isDatabaseShown = text === "";
      const around = `${project.dataset.project} ${database.dataset.database}`.toLowerCase();
      for (const row of database.querySelectorAll("[data-branch]")) {
        const own = `${row.dataset.name} ${row.dataset.host}`.toLowerCase();
        row.hidden = !own.includes(text) && !around.includes(text);
        if (!row.hidden) {
          shown += 1;
          isDatabaseShown = true;
        }
      }
      database.hidden = !isDatabaseShown;
      isProjectShown ||= isDatabaseShown;
    }
    project.hidden = !isProjectShown;
  }
  const count = document.getElementById("filter-count");
  const words = shown === 0 ? "No branch matches." : `${shown} of ${rows.length} branches`;
  const said = text === "" ? "" : words;
  // A text that stays the same is not said again.
  if (count.textContent !== said) {
    count.textContent = said;
  }
}

/** The branches of a database that a new one can be a copy of, from its table; the first is main. */
function fillSources(form, database) {
  const select = form.elements.namedItem("sourceTargetId");
  if (database === undefined || !select) {
    return;
  }
  const rows = document.querySelectorAll(`#branches-${CSS.escape(database)} [data-branch]`);
  select.replaceChildren(...[...rows].map((row) => new Option(row.dataset.name, row.dataset.branch)));
}

document.addEventListener("input", (event) => {
  if (event.target.id === "filter") {
    filterBranches();
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy-host]");
  if (button) {
    const value = button.closest("td").querySelector("[data-value]");
    copyFrom(button, Promise.resolve(value.textContent), value);
  }
});

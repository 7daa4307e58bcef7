// The tables of the overview: the filter, copying of hostnames, and the sources of a new branch.

/** Hides branches whose name, hostname, database and project do not match the filter, and empty parents. */
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
  // Do not announce an unchanged text again.
  if (count.textContent !== said) {
    count.textContent = said;
  }
}

/** The possible sources of a new branch, from the database's table; the first is main. */
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

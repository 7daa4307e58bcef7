// Names while they are typed: letters become those that are allowed, and the hostname is shown that comes of them.

/** Longest label of a hostname, and what the server adds to one that it has to set apart: a hyphen and eight letters. */
const longestLabel = 63;
const suffixLength = 9;

/** A text as a label, as the server makes it; a hyphen at the end stays, since more may be typed. */
function slugTyped(text) {
  let made = "";
  for (const letter of text.normalize("NFKD").toLowerCase()) {
    if (/[a-z0-9]/.test(letter)) {
      made += letter;
    } else if (/\p{Mn}/u.test(letter)) {
      continue;
    } else if (Object.hasOwn(slugLetters, letter)) {
      made += slugLetters[letter];
    } else if (made !== "" && !made.endsWith("-")) {
      made += "-";
    }
  }
  return made;
}

function slug(text) {
  return slugTyped(text).replace(/-+$/, "");
}

/** Turns what is typed into a name; what is one already stays, two hyphens in a row included. */
function makeName(input) {
  if (/^([a-z0-9][a-z0-9-]*)?$/.test(input.value)) {
    return;
  }
  const caret = slugTyped(input.value.slice(0, input.selectionStart)).length;
  input.value = slugTyped(input.value).slice(0, input.maxLength);
  input.setSelectionRange(caret, caret);
}

// Before the listeners that look at what is typed.
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-slug]") && !event.isComposing) {
    makeName(event.target);
  }
}, { capture: true });
for (const name of ["compositionend", "change"]) {
  document.addEventListener(name, (event) => {
    const input = event.target;
    if (!input.matches("[data-slug]")) {
      return;
    }
    makeName(input);
    if (name === "change") {
      input.value = input.value.replace(/-+$/, "");
    }
    showPreview(input.form);
  }, { capture: true });
}

function showPreview(form) {
  const place = form.querySelector("[data-preview]");
  if (place) {
    const name = form.elements.namedItem("name").value;
    place.textContent = place.dataset.preview === "project" ? projectPreview(form, name) : branchPreview(form, place, name);
  }
}

/** What hostnames of a project look like; one that is too long, or of which nothing is left, gets a part of its own. */
function projectPreview(form, name) {
  const { wildcardBase } = form.dataset;
  if (!wildcardBase || name.trim() === "") {
    return "";
  }
  const label = slug(name);
  const isCut = label === "" || label.length > longestLabel;
  return `Hostnames: dev.pg.${isCut ? suffixed(label) : label}.${wildcardBase}`;
}

function suffixed(label) {
  const head = label.slice(0, longestLabel - suffixLength).replace(/-+$/, "");
  return head === "" ? "…" : `${head}-…`;
}

/** The hostname of a branch that is called so, or of the first branch of a database. */
function branchPreview(form, place, name) {
  const current = document.querySelector('.tree-branch[aria-current="page"]');
  const zone = form.dataset.zone ?? current?.dataset.host.replace(/^[^.]*\.?/, "");
  const isDatabase = place.dataset.preview === "database";
  const label = isDatabase ? "main" : slug(name);
  const database = slug(isDatabase ? name : form.dataset.database);
  if (!zone || label === "" || database === "") {
    return "";
  }
  // A branch is made beside those that it can be a copy of.
  const siblings = [...(form.elements.namedItem("sourceTargetId")?.options ?? [])];
  if (siblings.some((option) => option.text === name)) {
    return `${form.dataset.database} already has a branch ${name}.`;
  }
  const own = "renames" in form.dataset ? current : null;
  const taken = new Set(
    [...document.querySelectorAll(".tree-branch")].filter((link) => link !== own).map((link) => link.dataset.host),
  );
  const clean = `${label}.${zone}`;
  const labels = [label, `${label}-${database}`].filter((text) => text.length <= longestLabel);
  const free = labels.map((text) => `${text}.${zone}`).find((host) => !taken.has(host));
  const host = free ?? `${suffixed(label)}.${zone}`;
  return host === clean ? `Hostname: ${host}` : `Hostname: ${host}, because another branch has ${clean}`;
}

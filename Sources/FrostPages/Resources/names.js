// Names while they are typed: converts letters to allowed ones, and previews the hostname.

/** Maximum length of a hostname's label, and of the server's suffix for a unique one: a hyphen and eight letters. */
const longestLabel = 63;
const suffixLength = 9;

/** Converts a text to a label like the server, but keeps a final hyphen, since more may be typed. */
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

/** Converts typed text to a name; a valid name is unchanged, including double hyphens. */
function makeName(input) {
  if (/^([a-z0-9][a-z0-9-]*)?$/.test(input.value)) {
    return;
  }
  const caret = slugTyped(input.value.slice(0, input.selectionStart)).length;
  input.value = slugTyped(input.value).slice(0, input.maxLength);
  input.setSelectionRange(caret, caret);
}

// Before the listeners that read the typed text.
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

/** The form of a project's hostnames; a name that is too long, or has no usable letters, gets a generated part. */
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

/** The hostname of a branch with this name, or of the first branch of a database. */
function branchPreview(form, place, name) {
  const current = document.querySelector('.tree-branch[aria-current="page"]');
  const zone = form.dataset.zone ?? current?.dataset.host.replace(/^[^.]*\.?/, "");
  const isDatabase = place.dataset.preview === "database";
  const label = isDatabase ? "main" : slug(name);
  const database = slug(isDatabase ? name : form.dataset.database);
  if (!zone || label === "" || database === "") {
    return "";
  }
  // The possible sources are the other branches of the database.
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

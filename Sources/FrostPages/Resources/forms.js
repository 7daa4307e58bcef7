// Forms for the API, and their dialogs.

/** Opens the dialog named by a button, filled with the button's data. */
function openDialog(button) {
  const dialog = document.getElementById(button.dataset.open);
  const form = dialog.querySelector("form");
  form.reset();
  showErrors(form, null);
  for (const key of ["path", "label", "zone", "database"]) {
    if (key in button.dataset) {
      form.dataset[key] = button.dataset[key];
    }
  }
  for (const slot of dialog.querySelectorAll("[data-slot=sessions]")) {
    slot.textContent = button.dataset.sessions;
  }
  fillSources(form, button.dataset.sources);
  const name = button.dataset.name;
  if (name !== undefined) {
    for (const slot of dialog.querySelectorAll("[data-slot=name]")) {
      slot.textContent = name;
    }
    for (const input of dialog.querySelectorAll("[data-from=name]")) {
      input.value = name;
    }
    if (form.dataset.confirm !== undefined) {
      form.dataset.confirm = name;
    }
  }
  checkConfirmation(form);
  showPreview(form);
  dialog.showModal();
  // Do not focus the first button, which a stray Enter would press.
  dialog.querySelector("input, select, [data-close]")?.focus();
}

/** Enables a form with a confirmation once the typed name matches. */
function checkConfirmation(form) {
  const input = form.querySelector("[data-confirm-input]");
  if (input) {
    submitButton(form).disabled = input.value.trim() !== form.dataset.confirm.trim();
  }
}

function submitButton(form) {
  return form.querySelector("button:not([type=button])");
}

/** Whether the user changed a control from its initial value. */
function hasChanged(control) {
  return control.type === "checkbox"
    ? control.checked !== control.defaultChecked
    : control.value.trim() !== control.defaultValue.trim();
}

/** The request body: strings, numbers, booleans, and null for an empty field that means none. */
function fieldValues(form) {
  const values = {};
  for (const control of form.elements) {
    if (!control.name) {
      continue;
    }
    if (control.type === "checkbox" && "number" in control.dataset) {
      // A checkbox for a number sends nothing while unchecked.
      if (control.checked) {
        values[control.name] = Number(control.value);
      }
      continue;
    }
    if ("onlyChanged" in form.dataset && !hasChanged(control)) {
      continue;
    }
    if (control.type === "checkbox") {
      values[control.name] = control.checked;
    } else if (control.type === "number") {
      values[control.name] = control.valueAsNumber;
    } else {
      const text = control.value.trim();
      if (text === "" && "nullIfEmpty" in control.dataset) {
        values[control.name] = null;
      } else {
        values[control.name] = "number" in control.dataset ? Number(text) : text;
      }
    }
  }
  return values;
}

/** Shows an error at its field, or below the form; without one, clears them. */
function showErrors(form, error) {
  for (const place of form.querySelectorAll("[data-error], [data-error-for]")) {
    place.textContent = "";
  }
  for (const control of form.elements) {
    control.removeAttribute("aria-invalid");
  }
  if (!error) {
    return;
  }
  const place = error.field && form.querySelector(`[data-error-for="${CSS.escape(error.field)}"]`);
  if (place) {
    const control = form.elements.namedItem(error.field);
    place.textContent = forPeople(error, control);
    control?.setAttribute("aria-invalid", "true");
    control?.focus();
  } else {
    form.querySelector("[data-error]").textContent = error.message;
  }
}

/** The message of an error, with the form's label of a field instead of the API's name. */
function forPeople(error, control) {
  const label = control?.labels?.[0]?.textContent.trim();
  const [first, ...rest] = error.message.split(" ");
  return label && first.toLowerCase() === error.field.toLowerCase() ? [label, ...rest].join(" ") : error.message;
}

/** Removes the error of a control after its value has changed. */
function clearError(control) {
  const place = control.form.querySelector(`[data-error-for="${CSS.escape(control.name)}"]`);
  if (place) {
    place.textContent = "";
  }
  control.removeAttribute("aria-invalid");
  for (const general of control.form.querySelectorAll("[data-error]")) {
    general.textContent = "";
  }
}

/** @param more values for the API besides the form's own */
async function send(form, more = {}) {
  const button = submitButton(form);
  if (button.disabled) {
    return;
  }
  const { method, path } = form.dataset;
  showErrors(form, null);
  showSaved(form, "");
  button.disabled = true;
  rememberDelete(method, path);
  try {
    const answer = await api(method, path, method === "DELETE" ? undefined : { ...fieldValues(form), ...more });
    if (answer?.operation) {
      const label = form.dataset.then ? `${form.dataset.label} ${form.elements.name.value}` : form.dataset.label;
      follow(answer.operation, label);
    }
    form.closest("dialog")?.close();
    if (form.dataset.then === "target" && answer?.target?.id) {
      location.assign(`/branches/${encodeURIComponent(answer.target.id)}`);
      return;
    }
    showSaved(form, form.dataset.saved ?? "");
    if ("onlyChanged" in form.dataset) {
      for (const control of form.querySelectorAll("input")) {
        control.defaultValue = control.value;
        control.defaultChecked = control.checked;
      }
    }
    await refresh();
  } catch (error) {
    showErrors(form, error);
  } finally {
    button.disabled = false;
    checkConfirmation(form);
  }
}

function showSaved(form, text) {
  const place = form.querySelector("[data-saved-here]");
  if (place) {
    place.textContent = text;
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-api]")) {
    event.preventDefault();
    if ("asksWildcard" in event.target.dataset) {
      askWildcard(event.target);
    } else {
      send(event.target);
    }
  }
});

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-api], [data-wildcard]")) {
    clearError(event.target);
    showPreview(form);
    checkConfirmation(form);
    showSaved(form, "");
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.open) {
    openDialog(button);
  } else if (button && "close" in button.dataset) {
    button.closest("dialog").close();
  } else if (button && "dismiss" in button.dataset) {
    dismiss(button.closest(".notice"));
  } else if (event.target.matches("dialog")) {
    // The dialog itself is the target only for clicks outside of its content: on the backdrop or its padding.
    const box = event.target.getBoundingClientRect();
    const isInside = event.clientX >= box.left && event.clientX <= box.right
      && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!isInside && !event.target.querySelector("input")?.value) {
      event.target.close();
    }
  }
});

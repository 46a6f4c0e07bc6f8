// The means: which models there are, and what may still be used.
import { find, fragment, load, pause } from "./dom.js";

// The models: look while something loads or arrives, load one, choose one.

const menu = find("details.fits");
const list = find("[data-models]", menu);
const select = find("select[name=model]");

async function show() {
  list.replaceChildren(fragment(await (await load("/ui/models")).text()));
  for (const button of list.querySelectorAll("[data-choose]")) {
    button.setAttribute("aria-pressed", String(button.dataset.choose === select?.value));
  }
}

async function watch() {
  try {
    await show();
    while (menu.open && find("[data-busy]", list)) {
      await pause(1500);
      if (!list.contains(document.activeElement)) await show();
    }
  } catch {
    // The daemon may be restarting; the next look tells.
  }
}

menu.addEventListener("toggle", () => menu.open && watch());

// The model chosen last begins the next conversation.
select?.addEventListener("change", () => {
  document.cookie = `galerne-model=${encodeURIComponent(select.value)}; path=/; max-age=31536000; samesite=strict`;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-choose]");
  if (!button || !select) return;
  const { choose: id, name } = button.dataset;
  if (![...select.options].some((option) => option.value === id)) {
    select.add(new Option(name ?? button.textContent, id));
  }
  select.value = id;
  select.dispatchEvent(new Event("change", { bubbles: true }));
  menu.open = false;
  button.closest(".smaller")?.remove();
  find("#question").focus();
});

list.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (event.target.matches("[data-hush]")) return;
  const body = new URLSearchParams(new FormData(event.target));
  const response = await fetch("/ui/models", {
    method: "POST", body, credentials: "same-origin", headers: { accept: "application/json" },
  });
  if (response.status === 409) {
    const told = document.createElement("p");
    told.className = "faint";
    told.setAttribute("role", "alert");
    told.textContent = (await response.json()).advice;
    event.target.replaceWith(told);
  } else {
    document.activeElement.blur();
    watch();
  }
});

// A smaller model that would do: under the one answer of a conversation, until it goes on or nobody wants it.

export async function showSmaller(article) {
  if (!select || find(".smaller", article)) return;
  try {
    const response = await load(`/ui/answers/${article.dataset.answer}/smaller`);
    if (response.status === 200) article.append(fragment(await response.text()));
  } catch {
    // A hint: nobody waits for it.
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-hush]")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  try {
    await load("/ui/smaller", { method: "POST", body, headers: { accept: "application/json" } });
  } catch {
    return;
  }
  (form.closest(".smaller") ?? form).remove();
  find("#question").focus();
});

// The budget under the question: drawn once the page is there, and after each answer.

const place = find("#budget");

export async function showBudget() {
  const query = new URLSearchParams({ model: find("[name=model]")?.value ?? place.dataset.model });
  const open = find("details", place)?.open;
  if (open && place.contains(document.activeElement)) return; // somebody is setting it
  try {
    place.replaceChildren(fragment(await (await load(`/ui/budget?${query}`)).text()));
  } catch {
    // It comes with the next answer.
  }
}

place.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  if (event.submitter?.dataset.none !== undefined) body.set("amount", "");
  await load("/ui/budget", { method: "POST", body, headers: { accept: "application/json" } });
  document.activeElement.blur();
  await showBudget();
  find("summary", place)?.focus();
});

showBudget();

// The budget under the question: drawn once the page is there, and after each answer.
import { find, fragment, load } from "./dom.js";

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

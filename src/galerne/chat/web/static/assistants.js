// Assistants: take one in from a file.
import { find } from "./dom.js";

const told = find("#told");
const chosen = find("[data-import]");

async function takeIn() {
  const [file] = chosen.files;
  if (!file) return;
  told.textContent = "";
  try {
    const response = await fetch("/ui/assistants/import", {
      method: "POST", body: file, credentials: "same-origin", headers: { accept: "application/json" },
    });
    const facts = await response.json();
    if (response.ok) location.assign(`/assistants/${facts.id}`);
    else told.textContent = `${told.dataset.failed} ${facts.detail}`;
  } catch {
    told.textContent = `${told.dataset.failed} ${file.name}`;
  }
  chosen.value = "";
}

chosen.addEventListener("change", takeIn);
if (chosen.files.length) takeIn(); // chosen before this script was there

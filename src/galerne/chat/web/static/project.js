// A project or an assistant: hand documents in.
import { find } from "./dom.js";

const told = find("#told");

const chosen = find("#attach");

async function handIn() {
  const problems = [];
  for (const file of chosen.files) {
    told.textContent = `${told.dataset.reading} ${file.name}`;
    const query = new URLSearchParams({ name: file.name, ...find("main").dataset }); // project or assistant
    try {
      const response = await fetch(`/ui/documents?${query}`, { method: "POST", body: file, credentials: "same-origin" });
      if (!response.ok) problems.push(`${file.name}: ${(await response.json()).message}`);
    } catch {
      problems.push(`${file.name}: ${told.dataset.failed}`);
    }
  }
  chosen.value = "";
  told.textContent = problems.join("\n");
  if (!problems.length) location.reload();
}

chosen.addEventListener("change", handIn);
if (chosen.files.length) handIn(); // chosen before this script was there

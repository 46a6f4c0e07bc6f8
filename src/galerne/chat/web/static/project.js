// A project: hand documents in.
import { find } from "./dom.js";

const told = find("#told");

find("#attach").addEventListener("change", async (event) => {
  const problems = [];
  for (const file of event.target.files) {
    told.textContent = `${told.dataset.reading} ${file.name}`;
    const query = new URLSearchParams({ name: file.name, project: find("main").dataset.project });
    try {
      const response = await fetch(`/ui/documents?${query}`, { method: "POST", body: file, credentials: "same-origin" });
      if (!response.ok) problems.push(`${file.name}: ${(await response.json()).message}`);
    } catch {
      problems.push(`${file.name}: ${told.dataset.failed}`);
    }
  }
  event.target.value = "";
  told.textContent = problems.join("\n");
  if (!problems.length) location.reload();
});

// Documents: handed in by button, drop or paste; citations that open the passage beside the answer.
import { find, fragment, icon, load } from "./dom.js";

const form = find("#composer");
const drafts = find("#drafts");
const drop = find("#drop");
const sheet = find("#passage");
const waiting = new Set();

function tell() {
  look();
  form.elements.documents.value = [...drafts.querySelectorAll("[data-id]")].map((chip) => chip.dataset.id).join(" ");
}

// An image that the chosen model would not see: who would, before anything is sent.
const sight = find("#sight");

function look() {
  const select = document.querySelector("select[name=model]");
  const chosen = select ? select.selectedOptions[0] : document.querySelector("p.model");
  const sees = !drafts.querySelector("img") || !chosen || "sees" in chosen.dataset;
  const others = [...(select?.options ?? [])].filter((option) => "sees" in option.dataset).map((option) => option.text);
  sight.hidden = sees;
  sight.textContent = sees ? "" : (others.length ? sight.dataset.other : sight.dataset.nobody)
    .replace("{model}", chosen.textContent.trim()).replace("{models}", others.join(", "));
}

document.querySelector("select[name=model]")?.addEventListener("change", look);

function chipFor(name) {
  const chip = document.createElement("li");
  const label = document.createElement("span");
  const state = document.createElement("small");
  const button = document.createElement("button");
  chip.className = "chip";
  label.textContent = name;
  state.textContent = drafts.dataset.sending;
  button.type = "button";
  button.setAttribute("aria-label", `${drafts.dataset.remove}: ${name}`);
  button.append(icon("close"));
  button.addEventListener("click", () => remove(chip));
  chip.append(icon("paper"), label, state, button);
  drafts.append(chip);
  return chip;
}

function remove(chip) {
  const { id } = chip.dataset;
  chip.leaving?.abort();
  chip.remove();
  tell();
  find("#question").focus();
  if (id) load(`/ui/documents/${id}/remove`, { method: "POST", headers: { accept: "application/json" } }).catch(() => {});
}

function thumbnail(id) {
  const image = document.createElement("img");
  image.className = "thumb";
  image.alt = "";
  image.src = `/ui/documents/${id}/image`;
  return image;
}

// The local engine reads no WebP, and browsers do: it is handed in as what every engine reads.
const LARGEST_PNG_BYTES = 8e6;

async function readable(file) {
  if (file.type !== "image/webp") return file;
  try {
    const picture = await createImageBitmap(file);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    const drawn = (type) => new Promise((done) => canvas.toBlob(done, type, 0.92));
    const png = await drawn("image/png");
    return png.size > LARGEST_PNG_BYTES ? await drawn("image/jpeg") : png;
  } catch {
    return file; // damaged: the server says so
  }
}

async function take(file, chip) {
  if (!chip.isConnected) return; // taken away before its turn came
  const state = find("small", chip);
  const query = new URLSearchParams({ name: file.name, conversation: form.elements.conversation.value });
  if (form.elements.temporary) query.set("temporary", "1");
  chip.leaving = new AbortController();
  try {
    state.textContent = drafts.dataset.reading;
    const response = await fetch(`/ui/documents?${query}`, {
      method: "POST", body: await readable(file), credentials: "same-origin", signal: chip.leaving.signal,
    });
    const facts = await response.json();
    if (response.ok) {
      chip.dataset.id = facts.id;
      find("span", chip).textContent = facts.name;
      state.textContent = facts.facts;
      if (facts.is_image) chip.firstElementChild.replaceWith(thumbnail(facts.id));
    } else {
      chip.classList.add("wrong");
      state.textContent = `${drafts.dataset.failed}. ${facts.message}`;
    }
  } catch {
    chip.classList.add("wrong");
    state.textContent = `${drafts.dataset.failed}. ${drafts.dataset.other}`;
  }
  tell();
}

// One after the other, in the order they were handed in, which is how the message shows them.
let line = Promise.resolve();

function takeAll(files) {
  for (const file of files) {
    const chip = chipFor(file.name);
    const taking = (line = line.then(() => take(file, chip))).finally(() => waiting.delete(taking));
    waiting.add(taking);
  }
}

// Before a question is sent: what is still being read goes with it.
export const ready = () => Promise.all(waiting);

export function sent() {
  drafts.replaceChildren();
  tell();
}

const chosen = find("#attach");

function takeChosen() {
  takeAll(chosen.files);
  chosen.value = "";
  find("#question").focus();
}

chosen.addEventListener("change", takeChosen);
if (chosen.files.length) takeChosen(); // chosen before this script was there

find("#question").addEventListener("paste", (event) => {
  const { files } = event.clipboardData;
  const text = event.clipboardData.getData("text/plain");
  if (text.length + event.target.value.length > event.target.maxLength) {
    event.preventDefault(); // cut off without a word otherwise
    takeAll([new File([text], `${drafts.dataset.pasted}.txt`, { type: "text/plain" })]);
  } else if (files.length && !text) { // a table from a sheet comes as text and as a picture of it
    event.preventDefault();
    takeAll(files);
  }
});

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  drop.hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.hidden = true;
});
addEventListener("drop", (event) => {
  drop.hidden = true;
  if (!carriesFiles(event)) return;
  event.preventDefault();
  takeAll(event.dataTransfer.files);
});

async function openPassage(link) {
  const answer = link.closest("[data-answer]").dataset.answer;
  const n = link.dataset.passage ?? link.hash.replace("#passage-", "");
  const html = await (await load(`/ui/passages/${answer}/${n}`)).text();
  find(".passage", sheet).replaceChildren(fragment(html));
  if (!sheet.open) sheet.showModal();
  find(".passage", sheet).focus();
  find("mark", sheet)?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".answer a.citation, a[data-passage]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  openPassage(link).catch(() => {});
});

sheet.addEventListener("click", (event) => {
  if (event.target === sheet) sheet.close(); // the backdrop
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-drop]")) return;
  event.preventDefault();
  try {
    await load(event.target.action, { method: "POST", headers: { accept: "application/json" } });
    event.target.closest(".chip").remove();
    find("#question")?.focus();
  } catch {
    location.reload();
  }
});

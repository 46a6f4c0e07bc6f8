// Words: those not sent yet are kept, those of an answer are taken along, and what went wrong is said.
import { find, icon, load, pause } from "./dom.js";

const form = find("#composer");
const question = find("#question");
const turns = find("#turns");
const status = find("#status");

// A draft lives in this tab alone: it outlasts a reload, another language and a sign-in that has run out.
const place = () =>
  form.elements.temporary ? null : `draft ${form.dataset.person} ${form.elements.conversation.value}`;

export function keepDraft(text = question.value) {
  try {
    if (!place()) return;
    if (text) sessionStorage.setItem(place(), text);
    else sessionStorage.removeItem(place());
  } catch {
    // A browser that keeps nothing: then nothing is kept.
  }
}

export function grow() {
  question.style.height = "auto";
  question.style.height = `${Math.min(question.scrollHeight, innerHeight * 0.4)}px`;
}

question.addEventListener("input", () => {
  grow();
  keepDraft();
  if (question.value.startsWith("@") && find("#mentions")) import("./mention.js");
});

try {
  question.value ||= (place() && sessionStorage.getItem(place())) ?? "";
} catch {
  // As above.
}
grow();

// What went wrong, by what the server said; nothing said is a server that is not there.
const KINDS = { 401: "signed-out", 404: "gone", 413: "too-long" };

export function tell(error) {
  for (const old of turns.querySelectorAll("[data-told]")) old.remove();
  const kind = error.kind ?? (error.status ? KINDS[error.status] ?? "failed" : "offline");
  turns.append(find(`#told-${kind}`).content.cloneNode(true));
  find("[data-told] [data-again]", turns)?.setAttribute("href", location.pathname + location.search);
  find("[data-told]", turns).scrollIntoView({ block: "nearest" });
}

// An address that is no secure one has no clipboard to write to: there the old way is left.
async function take(text, html = null) {
  if (navigator.clipboard?.write && window.ClipboardItem) {
    const blob = async (type, words) => new Blob([await words], { type });
    const kinds = { "text/plain": blob("text/plain", text) };
    if (html) kinds["text/html"] = blob("text/html", html);
    await navigator.clipboard.write([new ClipboardItem(kinds)]);
    return;
  }
  const words = await text;
  const put = (event) => {
    event.preventDefault();
    event.clipboardData.setData("text/plain", words);
    if (html) event.clipboardData.setData("text/html", html);
  };
  document.addEventListener("copy", put, { once: true });
  if (!document.execCommand("copy")) throw new Error("copy");
}

export async function copy(button) {
  await take(find("code", button.closest("figure")).innerText);
  button.lastChild.textContent = turns.dataset.copied;
  await pause(1600);
  button.lastChild.textContent = turns.dataset.copy;
}

// As it was written for who keeps notes in Markdown, as it looks for who pastes into a letter.
export async function copyAnswer(button) {
  const article = button.closest(".answer");
  const looks = find(".blocks", article).cloneNode(true);
  for (const ours of looks.querySelectorAll("figcaption, .tool, .dots")) ours.remove();
  const headers = { accept: "text/markdown" };
  const written = load(`/ui/answers/${article.dataset.answer}`, { headers }).then((response) => response.text());
  await take(written, looks.innerHTML);
  button.replaceChildren(icon("done"));
  status.textContent = turns.dataset.copied;
  await pause(1600);
  button.replaceChildren(icon("copy"));
}

// "@" at the beginning of a question: the assistants that begin like this, to choose by arrows, Tab or Enter.
import { find, load } from "./dom.js";

const question = find("#question");
const list = find("#mentions");
let names = null;
let chosen = 0;

const folded = (text) => text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();

const options = () => [...list.children];

function hide() {
  list.hidden = true;
  question.setAttribute("aria-expanded", "false");
  question.removeAttribute("aria-activedescendant");
}

function mark() {
  options().forEach((option, n) => option.setAttribute("aria-selected", String(n === chosen)));
  question.setAttribute("aria-activedescendant", options()[chosen].id);
  options()[chosen].scrollIntoView({ block: "nearest" });
}

function take(name) {
  question.value = `@${name} `;
  hide();
  question.focus();
  question.dispatchEvent(new Event("input", { bubbles: true }));
}

async function show() {
  const said = /^@([^\n]{0,60})$/.exec(question.value);
  if (!said) return hide();
  names ??= (await (await load("/ui/assistants", { headers: { accept: "application/json" } })).json()).data;
  if (question.value !== said[0]) return null; // more was typed meanwhile, which looks for itself
  const fitting = names.filter(({ name }) => folded(name).startsWith(folded(said[1])) && folded(name) !== folded(said[1].trim()));
  if (!fitting.length) return hide();
  list.replaceChildren(...fitting.slice(0, 8).map(({ name, purpose }, n) => {
    const option = document.createElement("li");
    const line = document.createElement("small");
    option.id = `mention-${n}`;
    option.setAttribute("role", "option");
    option.append(`@${name}`, line);
    line.textContent = purpose;
    option.dataset.name = name;
    return option;
  }));
  chosen = 0;
  list.hidden = false;
  question.setAttribute("aria-expanded", "true");
  return mark();
}

question.addEventListener("input", () => show().catch(hide));
question.addEventListener("blur", () => setTimeout(hide, 150));
list.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  const option = event.target.closest("[role=option]");
  if (option) take(option.dataset.name);
});

// Before the page's own keys: Enter here chooses, and does not send.
question.addEventListener("keydown", (event) => {
  if (list.hidden || event.isComposing) return;
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in moves) chosen = (chosen + moves[event.key] + options().length) % options().length;
  else if (event.key === "Enter" || event.key === "Tab") take(options()[chosen].dataset.name);
  else if (event.key === "Escape") hide();
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!list.hidden) mark();
}, { capture: true });

show().catch(hide); // what was typed before this script was there

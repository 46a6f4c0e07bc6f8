// A conversation: send, follow the answer block by block, stop, and bring the receipt up to date.
import { find, fragment, icon, load, pause } from "./dom.js";

const turns = find("#turns");
const form = find("#composer");
const question = find("#question");
const send = find(".send:not(.halt)");
const halt = find(".halt");
const status = find("#status");
const toBottom = find("[data-action=bottom]");
const main = find("main");
let following = true; // the reader is at the end and wants to stay there
let current = null; // the answer being written

const atEnd = () => main.scrollHeight - main.scrollTop - main.clientHeight < 80;
const goToEnd = () => main.scrollTo({ top: main.scrollHeight });

main.addEventListener("scroll", () => {
  following = atEnd();
  toBottom.hidden = following;
}, { passive: true });

function setWriting(article) {
  current = article;
  send.hidden = article !== null;
  halt.hidden = article === null;
}

function decorate(root) {
  for (const figure of root.querySelectorAll("figure.code:not(:has(.copy))")) {
    const bar = document.createElement("figcaption");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.dataset.action = "copy";
    button.append(icon("copy"), turns.dataset.copy);
    bar.append(figure.dataset.language, button);
    figure.prepend(bar);
  }
}

function place(article, { index, html, sealed }) {
  const blocks = find(".blocks", article);
  find(".dots", article)?.remove();
  let block = blocks.children[index];
  if (!block) {
    block = document.createElement("div");
    block.className = "block";
    block.id = `b-${article.dataset.answer}-${index}`;
    blocks.append(block);
  }
  block.replaceChildren(fragment(html));
  block.classList.toggle("open", !sealed);
  if (sealed) decorate(block);
}

function follow(article) {
  setWriting(article);
  status.textContent = status.dataset.waiting;
  const source = new EventSource(`/ui/answers/${article.dataset.answer}/events`);
  source.addEventListener("block", (event) => {
    status.textContent = status.dataset.writing;
    place(article, JSON.parse(event.data));
    if (following) goToEnd();
  });
  source.addEventListener("end", () => {
    source.close();
    finish(article);
  });
}

async function finish(article) {
  if (current === article) setWriting(null);
  article.removeAttribute("data-writing");
  article.setAttribute("aria-busy", "false");
  find(".dots", article)?.remove();
  for (const block of article.querySelectorAll(".open")) block.classList.remove("open");
  decorate(article);
  // Read aloud once, whole: a screen reader that speaks every token says nothing.
  status.textContent = find(".blocks", article).innerText;
  await settle(article);
}

async function settle(article) {
  for (let tries = 0; tries < 60; tries += 1) {
    try {
      const html = await (await load(`/ui/answers/${article.dataset.answer}`)).text();
      const foot = find(".foot", article);
      const open = find("details.receipt", foot)?.open ?? false;
      const inside = foot.contains(document.activeElement);
      foot.replaceChildren(fragment(html));
      const receipt = find("details.receipt", foot);
      if (receipt) receipt.open = open;
      if (receipt && inside) find("summary", receipt).focus();
      if (following) goToEnd();
      if (!find("[data-state=provisional]", foot)) return;
    } catch {
      // The daemon may be restarting; the next look tells.
    }
    await pause(tries < 20 ? 1000 : 5000);
  }
}

async function ask() {
  const text = question.value.trim();
  if (!text || current) return;
  const body = new URLSearchParams(new FormData(form));
  question.value = "";
  grow();
  send.disabled = true;
  try {
    const response = await load(form.action, { method: "POST", body, headers: { accept: "application/json" } });
    const { conversation, address, answer, html } = await response.json();
    find("#empty")?.remove();
    for (const notice of turns.querySelectorAll(":scope > .notice")) notice.remove();
    turns.append(fragment(html));
    if (form.elements.conversation.value !== conversation) {
      form.elements.conversation.value = conversation;
      history.pushState({}, "", address);
      find("input[name=back]").value = address; // where the language switch returns to
    }
    following = true;
    goToEnd();
    follow(find(`#m-${CSS.escape(answer)}`));
    await showHistory(conversation);
  } catch {
    question.value = text;
    turns.append(find("#offline").content.cloneNode(true));
    goToEnd();
  } finally {
    send.disabled = false;
    grow();
  }
}

async function showHistory(conversation) {
  const html = await (await load(`/ui/history?current=${encodeURIComponent(conversation)}`)).text();
  find("#history").replaceChildren(fragment(html));
}

function stop() {
  if (current) load(`/ui/answers/${current.dataset.answer}/stop`, { method: "POST" }).catch(() => {});
}

function grow() {
  question.style.height = "auto";
  question.style.height = `${Math.min(question.scrollHeight, innerHeight * 0.4)}px`;
}

async function copy(button) {
  await navigator.clipboard.writeText(find("code", button.closest("figure")).innerText);
  button.lastChild.textContent = turns.dataset.copied;
  await pause(1600);
  button.lastChild.textContent = turns.dataset.copy;
}

const actions = {
  bottom: goToEnd,
  copy,
  stop,
  suggest(button) {
    question.value = button.textContent.trim();
    ask();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) actions[button.dataset.action]?.(button);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && current) stop();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});

question.addEventListener("input", grow);
question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask();
  }
});

addEventListener("popstate", () => location.reload());

decorate(turns);
goToEnd();
grow();
for (const article of turns.querySelectorAll("[data-answer]")) {
  if (article.hasAttribute("data-writing")) follow(article);
  else if (find("[data-state=provisional]", article)) settle(article);
}

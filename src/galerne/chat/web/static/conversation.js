// A conversation: send, follow the answer block by block, stop, and bring the receipt up to date.
import { find, fragment, icon, load, pause } from "./dom.js";
import { ready, sent } from "./documents.js";
import { showHistory } from "./history.js";
import { showBudget, showSmaller } from "./means.js";
import { copy, copyAnswer, grow, keepDraft, tell } from "./words.js";

const turns = find("#turns");
const form = find("#composer");
const question = find("#question");
const send = find(".send:not(.halt)");
const halt = find(".halt");
const status = find("#status");
const toBottom = find("[data-action=bottom]");
const lost = find("#lost");
const main = find("main");
let following = true; // the reader is at the end and wants to stay there
const writing = new Map(); // the answers being written, and where each comes from

const atEnd = () => main.scrollHeight - main.scrollTop - main.clientHeight < 80;
const goToEnd = () => main.scrollTo({ top: main.scrollHeight });

main.addEventListener("scroll", () => {
  following = atEnd();
  toBottom.hidden = following;
}, { passive: true });

function showWriting() {
  send.hidden = writing.size > 0;
  halt.hidden = writing.size === 0;
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
  for (const link of root.querySelectorAll("a.citation:not([aria-label])")) {
    link.setAttribute("aria-label", `${turns.dataset.passage} ${link.textContent}`);
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
  status.textContent = status.dataset.waiting;
  const mine = new EventSource(`/ui/answers/${article.dataset.answer}/events`);
  writing.set(article, mine);
  showWriting();
  mine.addEventListener("block", (event) => {
    status.textContent = status.dataset.writing;
    place(article, JSON.parse(event.data));
    const asking = find("[data-decide]", article);
    if (asking) status.textContent = asking.getAttribute("aria-label");
    if (following) goToEnd();
  });
  mine.addEventListener("end", () => {
    mine.close();
    finish(article);
  });
  mine.addEventListener("open", () => (lost.hidden = true));
  mine.addEventListener("error", () => {
    lost.hidden = false;
    // The browser asks again by itself, but for a server that says no: then we do, until it says why.
    if (mine.readyState === EventSource.CLOSED) followAgain(article);
  });
}

async function followAgain(article) {
  await pause(2000);
  if (!writing.has(article)) return;
  try {
    await load(`/ui/answers/${article.dataset.answer}`);
    follow(article);
  } catch (error) {
    if (!error.status || error.status >= 500) {
      followAgain(article);
      return;
    }
    lost.hidden = true;
    writing.delete(article);
    showWriting();
    article.removeAttribute("data-writing");
    tell(error);
  }
}

function leave() {
  for (const source of writing.values()) source.close(); // they go on being written; the page looks elsewhere
  writing.clear();
  showWriting();
}

async function finish(article) {
  writing.delete(article);
  showWriting();
  article.removeAttribute("data-writing");
  article.setAttribute("aria-busy", "false");
  find(".dots", article)?.remove();
  for (const block of article.querySelectorAll(".open")) block.classList.remove("open");
  decorate(article);
  // Read aloud once, whole: a screen reader that speaks every token says nothing.
  status.textContent = find(".blocks", article).innerText;
  await settle(article);
  await showBill();
  await showBudget();
}

// Under two answers beside each other: what one took more than the other, once both are written and paid.
async function judge(pair) {
  if (!pair?.isConnected || find("[data-writing]", pair)) return;
  const html = await (await load(`/ui/answers/${pair.dataset.pair}/difference`)).text();
  const verdict = find(".verdict", pair);
  const focused = [...verdict.querySelectorAll("button")].indexOf(document.activeElement);
  verdict.replaceChildren(fragment(html));
  verdict.querySelectorAll("button")[focused]?.focus();
  if (following) goToEnd();
}

const paired = (article) => judge(article.closest(".duo")).catch(() => {});

async function showBill() {
  const conversation = form.elements.conversation.value;
  try {
    const html = await (await load(`/ui/conversations/${encodeURIComponent(conversation)}/bill`)).text();
    const open = find("#bill details")?.open ?? false;
    find("#bill").replaceChildren(fragment(html));
    if (find("#bill details")) find("#bill details").open = open;
  } catch {
    // It comes with the next answer.
  }
}

// Put messages on the page: after what is there, or in place of a message and all that followed it.
function put({ html, answer, address }, from = null) {
  if (html === undefined || "more" in turns.dataset) {
    location.assign(address);
    return;
  }
  while (from?.nextElementSibling) from.nextElementSibling.remove();
  from?.remove();
  for (const notice of turns.querySelectorAll(":scope > .notice, .smaller")) notice.remove();
  turns.append(fragment(html));
  find(":scope > .earlier:not(:first-child)", turns)?.remove();
  const last = turns.lastElementChild;
  form.elements.after.value = last?.dataset.after ?? last?.id.slice(2) ?? "";
  decorate(turns);
  following = Boolean(answer);
  if (answer) {
    goToEnd();
    followAll();
  }
}

function followAll() {
  for (const article of turns.querySelectorAll("[data-writing]")) if (!writing.has(article)) follow(article);
}

// Other words, another answer, the rest of one, another branch.
export async function branch(branching) {
  if (writing.size && !/\/(show|keep)$/.test(branching.action)) return;
  const body = new URLSearchParams(new FormData(branching));
  const model = document.querySelector("select[name=model]");
  if (model && !body.has("model")) body.set("model", model.value);
  const from = branching.closest(".duo, .turn");
  const walked = branching.closest(".walk") && branching.action;
  try {
    const response = await load(branching.action, { method: "POST", body, headers: { accept: "application/json" } });
    const facts = await response.json();
    if ([...writing.keys()].some((article) => from.compareDocumentPosition(article) & 4)) leave();
    put(facts, from);
    const article = find(`#m-${CSS.escape(facts.first)}`);
    if (walked) (find(".walk button:not(:disabled)", article) ?? question).focus();
    else question.focus();
    followAll();
  } catch (error) {
    tell(error);
  }
}

async function showEarlier(link) {
  const html = await (await load(link.dataset.earlier)).text();
  const below = main.scrollHeight - main.scrollTop;
  link.parentElement.replaceWith(fragment(html));
  decorate(turns);
  main.scrollTop = main.scrollHeight - below; // what was read stays where it was
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
      if (!find("[data-state=provisional]", foot)) break;
    } catch {
      // The daemon may be restarting; the next look tells.
    }
    await pause(tries < 20 ? 1000 : 5000);
  }
  paired(article);
  await hint(article);
}

// Once in a conversation: under its first answer, while that is the last.
async function hint(article) {
  if (turns.querySelectorAll(".answer").length > 1 || article.hasAttribute("data-writing")) return;
  await showSmaller(article);
  if (following) goToEnd();
}

async function ask() {
  const text = question.value.trim();
  if (!text || writing.size || send.disabled) return;
  send.disabled = true;
  await ready();
  const body = new URLSearchParams(new FormData(form));
  question.value = "";
  grow();
  try {
    const response = await load(form.action, { method: "POST", body, headers: { accept: "application/json" } });
    const facts = await response.json();
    const { conversation, address } = facts;
    sent();
    if (form.elements.beside) form.elements.beside.value = ""; // once: nobody pays twice without knowing
    find("#empty")?.remove();
    keepDraft("");
    if (form.elements.conversation.value !== conversation) {
      form.elements.conversation.value = conversation;
      history.pushState({}, "", address);
      shown = here();
      find("input[name=back]").value = address; // where the language switch returns to
      find(".head h1").textContent = text.length > 60 ? `${text.slice(0, 59)}…` : text;
      find(".head").hidden = false;
    }
    keepDraft();
    put(facts);
    showHistory(conversation).catch(() => {}); // it comes with the next answer
  } catch (error) {
    if (!question.value) question.value = text;
    tell(error);
  } finally {
    send.disabled = false;
    grow();
  }
}

function stop() {
  for (const article of writing.keys()) {
    load(`/ui/answers/${article.dataset.answer}/stop`, { method: "POST" }).catch(() => {});
  }
}

function unedit(inside) {
  const details = inside.closest("details.edit");
  details.open = false;
  find("summary", details).focus();
}

const actions = {
  bottom: goToEnd,
  copy: (button) => copy(button).catch(() => tell({ kind: "not-copied" })),
  copyAnswer: (button) => copyAnswer(button).catch((error) => tell(error.status ? error : { kind: "not-copied" })),
  unedit,
  stop,
  suggest(button) {
    question.value = button.textContent.trim();
    ask();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  actions[button?.dataset.action]?.(button);
});

document.addEventListener("click", (event) => {
  const earlier = event.target.closest("[data-earlier]");
  if (!earlier) return;
  event.preventDefault();
  showEarlier(earlier).catch(() => location.assign(earlier.href));
});

// A tool asks: what is said goes to the server, whose next event draws the card again.
async function decide(deciding, button) {
  for (const other of deciding.querySelectorAll("button")) other.disabled = true;
  const body = new URLSearchParams({ decision: button.value });
  try {
    await load(deciding.action, { method: "POST", body, headers: { accept: "application/json" } });
    question.focus();
  } catch {
    for (const other of deciding.querySelectorAll("button")) other.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-decide]")) return;
  event.preventDefault();
  decide(event.target, event.submitter);
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-branch]")) return;
  event.preventDefault();
  branch(event.target);
});

// Enter sends; on a phone, whose keyboard has no Shift+Enter, it starts a line and the button sends.
const phone = matchMedia("(hover: none) and (pointer: coarse)");
const sends = (event) =>
  event.key === "Enter" && !event.isComposing && (event.ctrlKey || event.metaKey || !(event.shiftKey || phone.matches));

function edit(details) {
  details.open = true;
  const words = find("textarea", details);
  if (document.activeElement === words) return;
  words.focus();
  words.setSelectionRange(words.value.length, words.value.length);
}

turns.addEventListener("toggle", (event) => {
  if (event.target.matches("details.edit[open]")) edit(event.target);
}, true);

document.addEventListener("keydown", (event) => {
  const editing = event.target.closest?.("details.edit[open]");
  if (event.key === "Escape" && editing) unedit(event.target);
  else if (event.key === "Escape" && event.target.closest?.("details.menu[open], dialog")) return;
  else if (event.key === "Escape" && writing.size) stop();
  if (editing && sends(event) && event.target.matches("textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});

question.addEventListener("keydown", (event) => {
  if (sends(event)) {
    event.preventDefault();
    ask();
  }
  // As in a shell: the last question comes back, to be asked in other words.
  if (event.key === "ArrowUp" && !question.value && !writing.size) {
    const last = [...turns.querySelectorAll("details.edit")].at(-1);
    if (last) {
      event.preventDefault();
      edit(last);
    }
  }
});

// Back and forth: another conversation is another page; another place in this one is not.
const here = () => location.pathname + location.search;
let shown = here();
addEventListener("popstate", () => here() !== shown && location.reload());

decorate(turns);
if (location.hash.startsWith("#m-") && document.getElementById(location.hash.slice(1))) following = false;
else if (turns.childElementCount) goToEnd(); // what is said first is at the beginning of an empty page
for (const article of turns.querySelectorAll("[data-answer]")) {
  if (article.hasAttribute("data-writing")) follow(article);
  else if (find("[data-state=provisional]", article)) settle(article);
  else hint(article);
}

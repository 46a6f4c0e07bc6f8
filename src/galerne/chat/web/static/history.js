// The conversations at the side: search as you type, names, pins, erasure, files in and out.
import { find, fragment, load } from "./dom.js";
import { tell } from "./words.js";

const side = find("#history");
const seek = find("#seek");
const words = find("#q");
const hits = find("#hits");
let asked = 0;

export async function showHistory(conversation = find("[name=conversation]").value, limit = "") {
  const query = new URLSearchParams({ current: conversation, ...(limit && { limit }) });
  const html = await (await load(`/ui/history?${query}`)).text();
  side.replaceChildren(fragment(html));
}

async function look() {
  const mine = (asked += 1);
  const query = words.value.trim();
  const html = query ? await (await load(`/ui/search?${new URLSearchParams({ q: query })}`)).text() : "";
  if (mine !== asked) return; // a slower answer to fewer letters comes too late
  const at = links().indexOf(document.activeElement);
  hits.replaceChildren(fragment(html));
  if (at >= 0) go(at); // whoever has gone down the list already stays where they were in it
}

function links() {
  return [...hits.querySelectorAll("a")];
}

function go(at) {
  (at < 0 ? words : links().at(Math.min(at, links().length - 1)) ?? words).focus();
}

function open() {
  if (seek.open) return;
  seek.showModal();
  words.select();
}

function step(by) {
  go(links().indexOf(document.activeElement) + by);
}

async function bringIn(input) {
  const said = find("#imported");
  said.textContent = said.dataset.reading;
  try {
    const response = await fetch("/ui/import", { method: "POST", body: input.files[0], credentials: "same-origin" });
    const reply = await response.json();
    said.textContent = response.ok
      ? `${said.dataset.done} ${reply.n_conversations}`
      : `${said.dataset.failed} ${reply.detail}`;
    await showHistory();
  } catch {
    said.textContent = said.dataset.failed;
  }
  input.value = "";
}

words.addEventListener("input", () => look().catch(() => {}));
seek.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    event.preventDefault(); // a search field would only empty itself
    seek.close();
  }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  }
  if (event.key === "Enter" && event.target === words) {
    event.preventDefault();
    find("a", hits)?.click();
  }
});
seek.addEventListener("click", (event) => {
  if (event.target === seek) seek.close(); // the backdrop
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-action=seek]")) {
    event.preventDefault();
    open();
  }
  const more = event.target.closest("#history [data-limit]");
  if (more) {
    event.preventDefault();
    showHistory(undefined, more.dataset.limit).catch(() => location.assign(more.href));
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("toggle", async (event) => {
  const lazy = event.target;
  if (!lazy.open || !lazy.dataset?.lazy) return;
  try {
    const html = await (await load(lazy.dataset.lazy)).text();
    find(".panel", lazy).replaceChildren(fragment(html));
    delete lazy.dataset.lazy;
  } catch {
    // The daemon may be restarting; the next look tells.
  }
}, true);

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-import]")) bringIn(event.target);
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-keep]")) return;
  event.preventDefault();
  const item = event.target.closest("li");
  const title = event.target.elements.title?.value.trim();
  try {
    await load(event.target.action, { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
    if (title && item.matches(".current")) find(".head h1").textContent = title;
    await showHistory();
    find("[data-action=seek]").focus();
  } catch {
    location.reload();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    if (seek.open) seek.close();
    else open();
  }
  const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
  if (menu) {
    menu.open = false;
    find("summary", menu).focus();
  }
});

// Another tab, another device or the terminal may have gone on: who comes back sees it. Never under a hand
// that is at work here.
const BUSY = "details.menu[open], details.edit[open], dialog[open], article[data-writing], #drafts li, [data-told]";

async function lookAgain() {
  const form = find("#composer");
  const conversation = form.elements.conversation.value;
  const busy = () => document.querySelector(BUSY) || side.contains(document.activeElement);
  if (busy()) return;
  try {
    await showHistory();
    if (!conversation || "more" in find("#turns").dataset) return;
    const { last } = await (await load(`/ui/conversations/${encodeURIComponent(conversation)}/last`)).json();
    if (last !== form.elements.after.value && form.elements.conversation.value === conversation && !busy()) location.reload();
  } catch (error) {
    if (error.status === 404 || error.status === 401) tell(error);
  }
}

addEventListener("focus", lookAgain);

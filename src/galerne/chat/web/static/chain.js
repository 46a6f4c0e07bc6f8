// The chain, live: the server writes every number; here they only change places, and the current its pace.
import { find, load, pause } from "./dom.js";

const chain = find(".chain");
const live = find(".live");
const every = (selector) => document.querySelectorAll(selector);

function write(nodes, key, text) {
  for (const node of every(`[data-${nodes}="${CSS.escape(key)}"]`)) {
    if (node.textContent !== text) node.textContent = text;
  }
}

function pace(selector, ratio, rest) {
  for (const path of every(selector)) {
    for (const motion of path.getAnimations()) motion.updatePlaybackRate(ratio > 0 ? 0.35 + 2.4 * ratio : rest);
  }
}

function flow(power, tokens) {
  find(".river .power").setAttribute("stroke-width", (1 + 3 * power).toFixed(2));
  find(".river .words").setAttribute("stroke-width", (2.2 + 2.6 * tokens).toFixed(2));
  chain.classList.toggle("at-rest", tokens === 0);
  pace(".river .power path", power, 0.1);
  pace(".river .words path", tokens, 0);
}

function bars(accounts) {
  let x = 0;
  for (const [key, [share, amount]] of Object.entries(accounts)) {
    const bar = find(`[data-bar="${key}"]`);
    bar?.setAttribute("x", (x * 1000).toFixed(2));
    bar?.setAttribute("width", (share * 1000).toFixed(2));
    write("account", key, amount);
    x += share;
  }
}

function show(view) {
  for (const [key, [number, unit]] of Object.entries(view.amounts)) {
    write("number", key, number);
    write("unit", key, unit);
  }
  for (const [key, text] of Object.entries(view.methods)) write("method", key, text);
  for (const [key, text] of Object.entries(view.details)) write("detail", key, text);
  for (const [key, texts] of Object.entries(view.links)) texts.forEach((text, n) => write("link", `${key}.${n}`, text));
  for (const [key, path] of Object.entries(view.sparks)) find(`[data-spark="${key}"]`)?.setAttribute("d", path);
  const text = find("[data-accounts-text]");
  if (text) text.textContent = view.accounts_text;
  bars(view.accounts);
  flow(view.power_ratio, view.token_ratio);
  // A first answer, or an account never used before, brings new places to fill: the server draws them.
  const known = Object.keys(view.amounts).every((key) => find(`[data-number="${CSS.escape(key)}"]`));
  const counted = Object.keys(view.accounts).every((key) => find(`[data-bar="${key}"]`));
  if (!known || !counted) location.reload();
}

function connected(yes) {
  live.classList.toggle("paused", !yes);
  const text = yes ? live.dataset.live : live.dataset.paused;
  const label = find("span", live);
  if (label.textContent !== text) label.textContent = text;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.activeElement?.blur();
});

flow(Number(chain.dataset.power), Number(chain.dataset.tokens));
for (;;) {
  await pause(1000);
  if (document.hidden) continue;
  try {
    show(await (await load("/ui/chain")).json());
    connected(true);
  } catch {
    connected(false);
  }
}

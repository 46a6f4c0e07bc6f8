// What every page has: light or dark, the drawer with the conversations, and what its modules share.

// The one place where text becomes HTML. Only fragments rendered and sanitised by our own server pass here.
const policy = window.trustedTypes?.createPolicy("galerne", { createHTML: (html) => html });

export const trusted = (html) => (policy ? policy.createHTML(html) : html);

export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = trusted(html);
  return template.content;
}

export const find = (selector, root = document) => root.querySelector(selector);

export async function load(path, options = {}) {
  const response = await fetch(path, { credentials: "same-origin", ...options });
  if (!response.ok) throw Object.assign(new Error(String(response.status)), { status: response.status });
  return response;
}

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

const root = document.documentElement;
const dark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

function toggleTheme() {
  root.dataset.theme = dark() ? "light" : "dark";
  document.cookie = `galerne-theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
}

function toggleSide(open = !root.classList.contains("side-open")) {
  root.classList.toggle("side-open", open);
  const veil = document.querySelector(".veil");
  if (veil) veil.hidden = !open;
  const opener = document.querySelector("[aria-controls=side]");
  opener?.setAttribute("aria-expanded", String(open));
  (open ? document.querySelector("#side a") : opener)?.focus();
}

document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action === "theme") toggleTheme();
  if (action === "side") toggleSide();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && root.classList.contains("side-open")) toggleSide(false);
  if (event.key.toLowerCase() === "o" && event.shiftKey && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    location.assign("/");
  }
});

// Who signs out leaves no half-written question behind.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") === "/ui/sign-out") sessionStorage.clear();
});

// On every page: light or dark, and the drawer with the conversations.
const root = document.documentElement;
const dark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

function toggleTheme() {
  root.dataset.theme = dark() ? "light" : "dark";
  document.cookie = `galerne-theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
}

export function toggleSide(open = !root.classList.contains("side-open")) {
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

// The planner: each lever sends the form, at most one request in flight; the server draws, here it is put in place.
import { find, fragment, load } from "./dom.js";

const form = find(".levers");
const result = find("#result");
const heard = find("#heard");
const fields = [...form.querySelectorAll("input[data-low]")];

const ratio = (field) => "byRatio" in field.dataset;
const ends = (field) => [Number(field.dataset.low), Number(field.dataset.high)];
const number = (text) => Number(text.trim().replace(/\s/g, "").replace(",", "."));

const written = (value) => String(value).replace(".", document.documentElement.lang === "fr" ? "," : ".");

function placed(field) {
  const [low, high] = ends(field);
  const value = Math.min(high, Math.max(low, number(field.value || field.placeholder) || low));
  return ratio(field) ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

function meant(field, share) {
  const [low, high] = ends(field);
  const step = Number(field.dataset.step);
  const raw = ratio(field) ? low * (high / low) ** share : low + share * (high - low);
  const value = ratio(field) ? Number(raw.toPrecision(2)) : raw;
  return written(Number((Math.round(Math.max(value, low) / step) * step).toPrecision(10)));
}

function addSlider(field) {
  const slider = document.createElement("input");
  slider.type = "range";
  slider.max = "1";
  const [low, high] = ends(field);
  slider.step = ratio(field) ? "0.01" : String(Number(field.dataset.step) / (high - low));
  slider.value = String(placed(field));
  slider.setAttribute("aria-label", field.dataset.slider);
  const speak = () => slider.setAttribute("aria-valuetext", field.value || field.placeholder);
  speak();
  slider.addEventListener("input", (event) => {
    event.stopPropagation();
    field.value = meant(field, Number(slider.value));
    speak();
    send();
  });
  field.addEventListener("input", () => {
    slider.value = String(placed(field));
    speak();
  });
  field.closest(".lever").append(slider);
}

const address = () => new URLSearchParams([...new FormData(form)].filter(([name, value]) => name !== "beside" || value));

let running = null;
let again = false;

async function send(push = false) {
  if (running) {
    again = true;
    return;
  }
  const query = address();
  running = new AbortController();
  result.setAttribute("aria-busy", "true");
  try {
    const response = await load(`/ui/plan?${query}`, { signal: running.signal });
    show(fragment(await response.text()), push);
  } catch {
    result.classList.add("stale");
  } finally {
    running = null;
    result.removeAttribute("aria-busy");
  }
  if (again) {
    again = false;
    send();
  }
}

function show(content, push) {
  const open = [...result.querySelectorAll("details[open]")].map((node) => [...result.querySelectorAll("details")].indexOf(node));
  const focused = document.activeElement?.closest("#result") ? document.activeElement : null;
  const place = focused && [...result.querySelectorAll("a, summary, [tabindex]")].indexOf(focused);
  result.replaceChildren(content);
  result.classList.remove("stale");
  const details = result.querySelectorAll("details");
  for (const n of open) details[n]?.setAttribute("open", "");
  if (focused) result.querySelectorAll("a, summary, [tabindex]")[place]?.focus();
  const facts = find("#facts", result);
  if (!facts) return;
  heard.textContent = facts.dataset.heard;
  for (const field of fields) {
    const key = field.name.replace(/[._](\w)/g, (_, letter) => letter.toUpperCase());
    if (facts.dataset[key]) field.placeholder = written(facts.dataset[key]);
  }
  const beside = form.elements.beside.value;
  const path = `/plan?${facts.dataset.query}${beside ? `&beside=${encodeURIComponent(beside)}` : ""}`;
  if (push) history.pushState(null, "", path);
  else history.replaceState(null, "", path);
  for (const back of document.querySelectorAll('input[name="back"]')) back.value = path;
}

function showSize() {
  const size = form.elements.size.value;
  for (const lever of form.querySelectorAll("[data-only]")) lever.hidden = !lever.dataset.only.split(" ").includes(size);
}

for (const field of fields) addSlider(field);
form.classList.add("live");
form.addEventListener("input", () => {
  showSize();
  send();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
result.addEventListener("click", (event) => {
  const link = event.target.closest("[data-beside]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  form.elements.beside.value = link.dataset.beside;
  send(true);
});
window.addEventListener("popstate", () => location.reload());

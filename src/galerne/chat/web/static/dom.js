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
  if (!response.ok) throw new Error(String(response.status));
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

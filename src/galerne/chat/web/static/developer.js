// The developer's page: everything comes from the API, with the key in the field; the key is kept nowhere.
import { find } from "./dom.js";

const main = find("main");
const words = JSON.parse(main.dataset.words);
const problem = find("[data-problem]");
const headers = () => {
  const key = find("#key").value.trim();
  return key ? { authorization: `Bearer ${key}` } : {};
};

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? body.message ?? String(response.status));
  return [body, response.headers];
}

function say(error) {
  problem.hidden = !error;
  problem.textContent = error ? words.failed.replace("{what}", error.message) : "";
}

function table(place, heads, rows, empty) {
  if (!rows.length) return place.replaceChildren(Object.assign(document.createElement("p"), { className: "aside", textContent: empty }));
  const made = document.createElement("table");
  const line = (cells, inHead) => {
    const row = document.createElement("tr");
    cells.forEach((text, n) => {
      const cell = document.createElement(inHead || n === 0 ? "th" : "td");
      cell.scope = inHead ? "col" : "row";
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  };
  made.createTHead().append(line(heads, true));
  made.createTBody().append(...rows.map((cells) => line(cells, false)));
  return place.replaceChildren(made);
}

const amount = (value) => new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 4 }).format(value);
const date = (at) => (at === null ? "–" : new Date(at * 1000).toISOString().slice(0, 16).replace("T", " "));

async function showMine() {
  const [models] = await ask("/v1/models");
  const select = find("#model");
  const known = models.data.map((model) => model.id);
  select.replaceChildren(...known.map((id) => new Option(id, id)));
  const [limits] = await ask("/v1/galerne/limits");
  const limitRows = limits.data.map((limit) => [
    limit.subject, `${amount(limit.limit)} ${limit.unit} ${words[`per_${limit.period}`]}`,
    amount(limit.spent), amount(limit.held), amount(limit.remaining), date(limit.resets_at),
  ]);
  const heads = ["of", "what", "spent", "held", "left", "resets"].map((name) => words[`limit_${name}`]);
  table(find("[data-limits]"), heads, limitRows, words.limits_none);
  const [usage] = await ask("/v1/usage?group_by=model");
  const usageRows = usage.rows.map((row) => [
    row.group, amount(row.n_answers), amount(row.prompt_tokens), amount(row.completion_tokens),
    `${amount(row.energy_j.full)} J`, row.charged_eur === null ? "–" : `${amount(row.charged_eur)} €`,
  ]);
  const columns = ["answers", "read", "written", "energy", "money"].map((name) => words[`column_${name}`]);
  table(find("[data-usage]"), [words.name, ...columns], usageRows, words.nothing_yet);
}

async function send() {
  const body = { model: find("#model").value, messages: [{ role: "user", content: find("#question").value }], max_tokens: 300 };
  const [answer, told] = await ask("/v1/chat/completions", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  const shown = [...told].filter(([name]) => name.startsWith("galerne-") || name.startsWith("x-ratelimit") || name === "x-request-id");
  find("[data-headers]").textContent = shown.map(([name, value]) => `${name}: ${value}`).join("\n");
  find("[data-raw]").textContent = JSON.stringify(answer, null, 2);
  const [receipt] = await ask(`/v1/receipts/${answer.usage.galerne.id}`);
  find("[data-receipt]").textContent = JSON.stringify(receipt, null, 2);
  find("[data-answer]").hidden = false;
}

function on(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = find("button", form);
    button.disabled = true;
    try {
      await work();
      say(null);
    } catch (error) {
      say(error);
    } finally {
      button.disabled = false;
    }
  });
}

on(find("[data-key]"), showMine);
on(find("[data-play]"), send);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(find("code", button.closest("figure")).textContent);
    button.textContent = words.copied;
    setTimeout(() => { button.textContent = words.copy; }, 1500);
  });
}
showMine().catch(() => {});

// Two answers beside each other: which other model is asked.
import { branch } from "./conversation.js";
import { find } from "./dom.js";

// Another model's answer beside this one: the only other one at once, else whichever is chosen.
const beside = find("#beside");
let comparing = null;

function compareWith(model) {
  const hidden = find("[name=model]", comparing) ?? document.createElement("input");
  hidden.type = "hidden";
  hidden.name = "model";
  hidden.value = model;
  comparing.append(hidden);
  branch(comparing);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-compare]")) return;
  event.preventDefault();
  comparing = event.target;
  const others = [...beside.querySelectorAll("button[value]:not([value=''])")];
  for (const button of others) button.hidden = button.value === comparing.dataset.compare;
  const open = others.filter((button) => !button.hidden);
  if (open.length === 1) compareWith(open[0].value);
  else beside.showModal();
});

beside?.addEventListener("close", () => {
  if (beside.returnValue) compareWith(beside.returnValue);
  beside.returnValue = "";
});

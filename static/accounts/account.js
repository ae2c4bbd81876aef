// One account: the equity curve, and the keys s (sync) and f (filter).

import { Curve } from "./equity.js";

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const wanted = { s: "[data-sync]", f: "[data-filter]" }[event.key];
  const target = wanted && document.querySelector(wanted);
  if (!target) return;
  event.preventDefault();
  if (event.key === "s") target.click();
  else target.focus();
});

const card = document.querySelector("[data-equity]");
const curve = new Curve(card);
curve.show("intraday");
for (const tab of card.querySelectorAll("[data-resolution]")) {
  tab.addEventListener("click", () => curve.show(tab.dataset.resolution));
}
document.body.addEventListener("account-synced", () => curve.refresh());

// The options page: charts that follow the chain, prices that become legs, and keys.

import { Builder } from "./options/builder.js";
import { ChainCharts } from "./options/charts.js";
import { HistoryCharts } from "./options/history.js";
import { LiveChain } from "./options/live.js";

const page = document.querySelector("[data-options-page]");
const config = JSON.parse(document.getElementById("options-config").textContent);
const charts = new ChainCharts(page);
const history = new HistoryCharts(page, config);
const builder = new Builder(page.querySelector("[data-builder]"), config);

function drawCharts(curves) {
  builder.look(curves);
  charts.draw(curves);
}

function written() {
  return JSON.parse(document.getElementById("options-curves").textContent);
}

function prices() {
  return [...page.querySelectorAll("[data-leg]")];
}

// A refresh replaces the table: focus and place come back where they were.
let focused = null;
let scrolledTo = null;

function remember() {
  const active = document.activeElement;
  focused = active?.matches("[data-leg]") ? { ...active.dataset } : null;
  scrolledTo = page.querySelector(".chain-wrap")?.scrollTop ?? null;
}

function restore() {
  const wrap = page.querySelector(".chain-wrap");
  if (wrap && scrolledTo !== null) wrap.scrollTop = scrolledTo;
  if (!focused) return;
  const same = prices().find((one) => one.dataset.leg === focused.leg && one.dataset.strike === focused.strike);
  same?.focus({ preventScroll: true });
}

function showMoney() {
  const wrap = page.querySelector(".chain-wrap");
  const money = page.querySelector(".chain__money");
  if (wrap && money) wrap.scrollTop = money.offsetTop - wrap.clientHeight / 2;
}

function addLeg(button, lots) {
  builder.add(button.dataset.leg, Number(button.dataset.strike), lots);
}

function step(button, rows) {
  const same = prices().filter((one) => one.dataset.leg === button.dataset.leg);
  same[same.indexOf(button) + rows]?.focus();
}

function cross(button) {
  const row = button.closest("tr");
  [...row.querySelectorAll("[data-leg]")].find((one) => one !== button)?.focus();
}

const KEYS = {
  ArrowUp: (button) => step(button, -1),
  ArrowDown: (button) => step(button, 1),
  ArrowLeft: cross,
  ArrowRight: cross,
  s: (button) => addLeg(button, -1),
  b: (button) => addLeg(button, 1),
};

page.addEventListener("click", (event) => {
  const button = event.target.closest("[data-leg]");
  if (button) addLeg(button, event.shiftKey ? -1 : 1);
});
page.addEventListener("keydown", (event) => {
  const act = KEYS[event.key];
  if (!act || !event.target.matches("[data-leg]") || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  act(event.target);
});
document.body.addEventListener("htmx:beforeSwap", remember);
// A past minute stands still.
const live = config.at ? null : new LiveChain(page, config, drawCharts);
document.body.addEventListener("htmx:afterSwap", () => {
  restore();
  drawCharts(written());
  live?.look();
});
// Another width is another drawing.
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    charts.draw(charts.last);
    history.draw();
    builder.redraw();
  }, 150);
});
drawCharts(written());
showMoney();

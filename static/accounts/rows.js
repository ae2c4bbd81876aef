// The rows of an account's tables, written in place as the server writes them.

import { direction } from "../marketdata/figures.js";
import { price, signed } from "./decimals.js";
import { MONEY_PLACES, PRICE_PLACES, priceOf } from "./worth.js";

const FRESH_S = 10;
const AGES = [["d", 86_400], ["h", 3_600], ["min", 60]];
const momentFormat = new Intl.DateTimeFormat("en-US", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZone: "Asia/Kolkata",
});

export function money(steps) {
  return price(steps, MONEY_PLACES);
}

// Writes results with their looks into the elements that data-field names.
export function fillResults(root, { pnl, dayPnl }, moved) {
  for (const [name, steps] of [["pnl", pnl], ["day_pnl", dayPnl], ["day_pnl_again", dayPnl]]) {
    const element = root.querySelector(`[data-field="${name}"]`);
    if (!element) continue;
    moved.write(element, signed(steps, MONEY_PLACES));
    if (name === "day_pnl_again") continue;
    for (const look of ["up", "down", "flat"]) element.classList.toggle(look, look === lookOf(steps));
  }
}

// Writes a price, who says so and how old it is at `now` (epoch seconds).
export function fillPrice(root, found, now, moved) {
  moved.write(root.querySelector("[data-field=price]"), price(found?.steps ?? null, PRICE_PLACES));
  const note = root.querySelector("[data-field=price_age]");
  const age = found && now - found.at;
  const text = !found ? "no price" : `${found.origin}, ${age <= FRESH_S ? "live" : `${duration(age)} old`}`;
  if (note.textContent !== text) note.textContent = text;
  note.classList.toggle("down", !found);
  if (found && age > FRESH_S) note.title = `Seen at ${moment(found.at)}`;
  else note.removeAttribute("title");
}

// Writes what the stream tells of a position.
export function fillPosition(row, position, moved) {
  moved.write(row.querySelector("[data-field=quantity]"), units(position.quantity));
  moved.write(row.querySelector("[data-field=average_price]"), price(priceOf(position.average_price), PRICE_PLACES));
  const overnight = row.querySelector("[data-field=overnight]");
  overnight.hidden = !position.overnight_quantity;
  moved.write(overnight, `${units(position.overnight_quantity)} overnight`);
}

// Makes the row of a position of `template`, as the server would write it.
export function rowOf(template, name, position) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.dataset.position = name;
  row.dataset.instrument = position.instrument ?? "";
  const link = row.querySelector("a");
  link.textContent = position.symbol;
  if (position.instrument) {
    const address = encodeURIComponent(position.instrument).replaceAll("%3A", ":");
    link.setAttribute("href", link.getAttribute("href").replace("EXCHANGE:SYMBOL", address));
  } else link.replaceWith(position.symbol);
  const where = `${position.exchange} · ${position.product}`;
  row.querySelector("th .table__sub").textContent = position.instrument ? where : `${where} · not in our lists`;
  return row;
}

// Lets `body` have exactly these rows in this order; those that stay are not touched.
export function arrange(body, rows) {
  const wanted = new Set(rows);
  for (const row of [...body.children]) if (!wanted.has(row)) row.remove();
  let next = body.firstElementChild;
  for (const row of rows) {
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
  }
}

function units(quantity) {
  return signed(BigInt(quantity), 0, 0);
}

function lookOf(steps) {
  return direction(steps ?? 0n);
}

function duration(seconds) {
  for (const [unit, size] of AGES) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return seconds >= 10 ? `${seconds.toFixed(0)} s` : `${Math.max(seconds, 0).toFixed(1)} s`;
}

function moment(seconds) {
  const parts = momentFormat.formatToParts(new Date(seconds * 1000));
  const { day, month, hour, minute } = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${day} ${month} ${hour}:${minute}`;
}

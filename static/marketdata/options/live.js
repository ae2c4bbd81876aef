// The chain that is shown, moved by the stream of chains.

import { LiveParts } from "../../tradingsite/live-parts.js";
import { pageStreams } from "../../tradingsite/streams.js";
import { clock, compact, change, direction, percent, price } from "../figures.js";

const CURVE_STRIKES = 60;
// The table is written anew when the money has moved so far in it.
const MOST_ROWS_OFF = 2;
const WRITERS = {
  price,
  percent,
  compact,
  change: (value) => change(value),
};

export class LiveChain {
  constructor(page, config, onCurves) {
    this.page = page;
    this.onCurves = onCurves;
    this.live = new LiveParts({
      streams: pageStreams(),
      stream: "options",
      writers: WRITERS,
      root: () => document.getElementById("options-sight"),
      onParts: (names) => this.moved(names),
      onState: (since) => this.showState(since),
    });
    this.key = `${config.symbol}@${config.expiry}`;
    this.look();
  }

  look() {
    this.rows = new Map();
    for (const row of this.page.querySelectorAll("[data-chain] tbody tr")) {
      const strike = row.querySelector(".chain__strike")?.textContent;
      if (strike) this.rows.set(strike, row);
    }
    const heads = [...this.page.querySelectorAll("[data-chain] thead th")];
    this.columns = heads.map((head) => head.dataset);
    this.live.look(this.key);
    if (this.live.isHeard) this.fillRows(this.live.parts.keys());
  }

  moved(names) {
    this.fillRows(names);
    this.drawBars();
    const isRight = this.markMoney();
    if (!document.hidden) this.onCurves(this.curves());
    if (!isRight) this.live.askAnew();
  }

  fillRows(names) {
    for (const name of names) {
      const [row, strike] = [this.rows.get(name), this.live.parts.get(name)];
      if (row && strike) this.fill(row, strike);
    }
  }

  fill(row, strike) {
    this.columns.forEach(({ field, as }, place) => {
      if (!field) return;
      const cell = row.cells[place];
      const element = cell.querySelector("button, span") ?? cell;
      const [side, name] = field.split(".");
      this.live.fill({ element, path: [side, name], as }, strike);
      if (as === "change") mark(cell, ["up", "down", "flat"], direction(strike[side]?.[name] ?? 0));
      if (name === "price") element.classList.toggle("chain__price--stale", Boolean(strike[side]?.is_stale));
    });
  }

  // Open interest by bars, the longest of those that are shown full.
  drawBars() {
    const shown = [...this.rows.keys()].map((name) => this.live.parts.get(name)).filter(Boolean);
    const most = Math.max(1, ...shown.flatMap(({ call, put }) => [call?.oi ?? 0, put?.oi ?? 0]));
    for (const { strike, call, put } of shown) {
      const row = this.rows.get(named(strike));
      const share = (side) => (100 * (side?.oi ?? 0)) / most;
      row?.querySelector(".chain__bar--call rect")?.setAttribute("x", (100 - share(call)).toFixed(1));
      row?.querySelector(".chain__bar--put rect")?.setAttribute("width", share(put).toFixed(1));
    }
  }

  // Marks the row at the money; tells whether the rows are still those around it.
  markMoney() {
    const rows = [...this.rows];
    for (const [name, row] of rows) {
      const steps = this.live.parts.get(name)?.steps ?? null;
      const look = steps === null ? "" : steps === 0 ? "chain__money" : steps < 0 ? "chain__below" : "chain__above";
      if (row.className !== look) row.className = look;
    }
    const money = rows.findIndex(([, row]) => row.className === "chain__money");
    const all = this.sorted();
    const place = all.findIndex((strike) => strike.steps === 0);
    if (place < 0) return true;
    const isWhole = rows.length >= all.length;
    const wanted = Math.min(place, (rows.length - 1) / 2);
    return isWhole || (money >= 0 && Math.abs(money - wanted) <= MOST_ROWS_OFF) || all.length - place <= rows.length / 2;
  }

  sorted() {
    const strikes = [...this.live.parts.values()].filter((part) => part.strike !== undefined);
    return strikes.sort((one, other) => one.strike - other.strike);
  }

  curves() {
    const all = this.sorted();
    const place = all.findIndex((strike) => strike.steps === 0);
    const near = place < 0 ? all : all.slice(Math.max(place - CURVE_STRIKES, 0), place + CURVE_STRIKES + 1);
    const rows = near.map(({ strike, call, put }) => [
      strike,
      ...["iv", "oi", "oi_change"].flatMap((name) => [call?.[name] ?? null, put?.[name] ?? null]),
    ]);
    const summary = this.live.parts.get("summary");
    return {
      rows: rows.filter((row) => row.slice(1).some((value) => value !== null)),
      forward: summary.forward,
      spot: summary.spot,
      maxPain: summary.max_pain_strike,
      move: summary.expected_move,
    };
  }

  showState(since) {
    const badge = this.page.querySelector("[data-chain-state]");
    const summary = this.live.parts.get("summary");
    if (!badge || !summary) return;
    const [text, look] = state(summary, since);
    if (badge.textContent !== text) badge.textContent = text;
    if (badge.className !== look) badge.className = look;
  }
}

function state({ observed_at: seenAt, is_open: isOpen }, since) {
  if (!seenAt) return ["No prices yet", "badge badge--warn"];
  if (since === null) return [`Live ${clock(seenAt)}`, "badge badge--good"];
  if (isOpen) return [`Stale since ${clock(since * 1000)}`, "badge badge--warn"];
  return [`Market closed, last ${clock(seenAt)}`, "badge"];
}

function named(strike) {
  return strike.toFixed(2).replace(/\.00$/, "");
}

function mark(element, looks, look) {
  for (const one of looks) element.classList.toggle(one, one === look);
}

// The smile and the open interest of the chain that the page shows.

import { bounds, Curve } from "./curves.js";

const percent = (value) => `${(value * 100).toFixed(1)}%`;
const strike = (value) => String(Math.round(value * 100) / 100);

export function compact(value) {
  const size = Math.abs(value);
  if (size >= 1e7) return `${(value / 1e7).toFixed(1)} Cr`;
  if (size >= 1e5) return `${(value / 1e5).toFixed(1)} L`;
  if (size >= 1e3) return `${Math.round(value / 1e3)} k`;
  return String(Math.round(value));
}

export class ChainCharts {
  constructor(page) {
    this.smile = new Curve(page.querySelector("[data-smile]"), { formatX: strike, formatY: percent });
    this.interest = new Curve(page.querySelector("[data-interest]"), { formatX: strike, formatY: compact });
  }

  draw({ rows, forward, maxPain }) {
    this.drawSmile(rows, forward);
    this.drawInterest(rows, forward, maxPain);
  }

  // Out of the money each side tells its volatility best; beyond, dots only.
  drawSmile(rows, forward) {
    const known = rows.filter(([, call, put]) => call !== null || put !== null);
    if (!known.length) {
      this.smile.empty("No price tells a volatility yet.");
      return;
    }
    const values = known.flatMap(([, call, put]) => [call, put]).filter((value) => value !== null);
    const shown = values.filter((value) => value <= 4 * Math.min(...values));
    this.smile.begin(bounds(known.map(([at]) => at), 0.02), bounds(shown, 0.1));
    const inside = (value) => value !== null && value <= Math.max(...shown);
    const calls = known.filter(([, call]) => inside(call)).map(([at, call]) => [at, call]);
    const puts = known.filter(([, , put]) => inside(put)).map(([at, , put]) => [at, put]);
    this.smile.mark(forward, "forward");
    this.smile.line(puts.filter(([at]) => at <= (forward ?? Infinity)), "put");
    this.smile.line(calls.filter(([at]) => at >= (forward ?? 0)), "call");
    this.smile.dots(puts, "put", (at, value) => `${strike(at)} put: ${percent(value)}`);
    this.smile.dots(calls, "call", (at, value) => `${strike(at)} call: ${percent(value)}`);
  }

  drawInterest(rows, forward, maxPain) {
    const known = rows.filter((row) => row[3] || row[4]);
    if (!known.length) {
      this.interest.empty("No open interest has been heard yet.");
      return;
    }
    const strikes = known.map(([at]) => at);
    const most = Math.max(...known.flatMap((row) => [row[3] ?? 0, row[4] ?? 0]));
    const gap = Math.min(...strikes.slice(1).map((at, place) => at - strikes[place]), Infinity);
    const step = Number.isFinite(gap) ? gap : 1;
    this.interest.begin([strikes[0] - step, strikes.at(-1) + step], [0, most * 1.06]);
    const width = Math.max((this.interest.left(step) - this.interest.left(0)) * 0.38, 0.8);
    for (const [at, , , call, put] of known) {
      const middle = this.interest.left(at);
      this.interest.bar(middle - width, width, call ?? 0, "call", `${strike(at)} calls: ${compact(call ?? 0)}`);
      this.interest.bar(middle, width, put ?? 0, "put", `${strike(at)} puts: ${compact(put ?? 0)}`);
    }
    this.interest.mark(forward, "forward");
    this.interest.mark(maxPain, "max pain", 1);
  }
}

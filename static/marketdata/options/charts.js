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
    this.isChange = false;
    const button = page.querySelector("[data-change]");
    button.addEventListener("click", () => {
      this.isChange = !this.isChange;
      button.setAttribute("aria-pressed", String(this.isChange));
      if (this.last) this.draw(this.last);
    });
    this.smile = new Curve(page.querySelector("[data-smile]"), { formatX: strike, formatY: percent });
    this.interest = new Curve(page.querySelector("[data-interest]"), { formatX: strike, formatY: compact });
  }

  draw(curves) {
    const { rows, forward, maxPain } = curves;
    this.last = curves;
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
    const first = this.isChange ? 5 : 3;
    const known = rows.filter((row) => row[first] || row[first + 1]);
    if (!known.length) {
      this.interest.empty(this.isChange ? "Nothing is known of an hour ago, or nothing changed." : "No open interest has been heard yet.");
      return;
    }
    const strikes = known.map(([at]) => at);
    const sizes = known.flatMap((row) => [row[first] ?? 0, row[first + 1] ?? 0]);
    const [least, most] = [Math.min(0, ...sizes), Math.max(0, ...sizes)];
    const gap = Math.min(...strikes.slice(1).map((at, place) => at - strikes[place]), Infinity);
    const step = Number.isFinite(gap) ? gap : 1;
    this.interest.begin([strikes[0] - step, strikes.at(-1) + step], [least * 1.06, most * 1.12]);
    const width = Math.max((this.interest.left(step) - this.interest.left(0)) * 0.38, 0.8);
    for (const row of known) {
      const [at, call, put] = [row[0], row[first], row[first + 1]];
      const middle = this.interest.left(at);
      this.interest.bar(middle - width, width, call ?? 0, "call", `${strike(at)} calls: ${compact(call ?? 0)}`);
      this.interest.bar(middle, width, put ?? 0, "put", `${strike(at)} puts: ${compact(put ?? 0)}`);
    }
    this.interest.mark(forward, "forward");
    this.interest.mark(maxPain, "max pain", 1);
  }
}

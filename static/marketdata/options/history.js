// Volatility and put-call ratio of the shown expiry over the last hours.

import { bounds, Curve } from "./curves.js";

const REQUEST_TIMEOUT_MS = 8000;
const AGAIN_MS = 60_000;
const clock = new Intl.DateTimeFormat("en-IN", {
  hour: "2-digit",
  minute: "2-digit",
  hour12: false,
  timeZone: "Asia/Kolkata",
});
const time = (seconds) => clock.format(new Date(seconds * 1000));
const HALF_HOUR_S = 1800;

export class HistoryCharts {
  constructor(page, config) {
    this.config = config;
    const shape = { formatX: time, unitX: HALF_HOUR_S };
    this.volatility = new Curve(page.querySelector("[data-volatility]"), { ...shape, formatY: (value) => `${(value * 100).toFixed(2)}%` });
    this.ratio = new Curve(page.querySelector("[data-ratio]"), { ...shape, formatY: (value) => value.toFixed(3) });
    this.ask();
    if (!config.at) setInterval(() => document.hidden || this.ask(), AGAIN_MS);
  }

  async ask() {
    const { symbol, expiry, at, metricsUrl } = this.config;
    const query = new URLSearchParams({ symbol, expiry, resolution: 5, ...(at ? { to: at } : {}) });
    try {
      const response = await fetch(`${metricsUrl}?${query}`, {
        credentials: "same-origin",
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(response.statusText);
      this.series = (await response.json()).series;
      this.draw();
    } catch {
      // What is drawn stays; the page itself says when the server is gone.
      if (!this.series) this.draw([]);
    }
  }

  draw(series = this.series ?? []) {
    this.drawOne(this.volatility, series, "atm_iv", "No volatility is known of these hours.");
    this.drawOne(this.ratio, series, "pcr", "No open interest is known of these hours.");
  }

  drawOne(curve, series, name, nothing) {
    const points = series.filter((row) => row[name] !== null).map((row) => [Date.parse(row.time) / 1000, row[name]]);
    if (points.length < 2) {
      curve.empty(points.length ? "The first five minutes are not over yet." : nothing);
      return;
    }
    const values = points.map(([, value]) => value);
    // A quiet hour is not drawn as a storm.
    const [low, high] = bounds(values, 0.15);
    const air = Math.max(0.005 * Math.abs(high) - (high - low) / 2, 0);
    curve.begin([points[0][0], points.at(-1)[0]], [low - air, high + air]);
    curve.line(points, "series");
    const label = (at, value) => `${time(at)}: ${curve.formatY(value)}`;
    curve.dots(points, "series", label);
  }
}

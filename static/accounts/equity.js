// Net worth over time. A point without a price is a gap in the line, and named below it.

import { chartOptions, onThemeChange, readTheme } from "../marketdata/chart/theme.js";

const REFRESH_MS = 60_000;
const REQUEST_TIMEOUT_MS = 8000;
const rupees = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 0 });

function lineOptions(element) {
  const color = getComputedStyle(element).getPropertyValue("--accent").trim() || "#2f6fed";
  return { lineColor: color, topColor: `${color}40`, bottomColor: `${color}00`, lineWidth: 2 };
}

export class Curve {
  constructor(card) {
    const { createChart, AreaSeries } = window.LightweightCharts;
    this.card = card;
    this.stage = card.querySelector("[data-curve]");
    this.none = card.querySelector("[data-curve-none]");
    this.note = card.querySelector("[data-curve-note]");
    this.offset = Number(card.dataset.offsetS);
    this.chart = createChart(this.stage, {
      autoSize: true,
      handleScroll: { vertTouchDrag: false, mouseWheel: false },
      handleScale: { mouseWheel: false },
      ...chartOptions(readTheme(this.stage)),
    });
    this.line = this.chart.addSeries(AreaSeries, {
      ...lineOptions(this.stage),
      priceFormat: { type: "custom", minMove: 1, formatter: (value) => rupees.format(value) },
    });
    onThemeChange(() => this.recolor());
    setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  }

  recolor() {
    this.chart.applyOptions(chartOptions(readTheme(this.stage)));
    this.line.applyOptions(lineOptions(this.stage));
  }

  show(resolution) {
    this.resolution = resolution;
    for (const tab of this.card.querySelectorAll("[data-resolution]")) {
      tab.setAttribute("aria-pressed", String(tab.dataset.resolution === resolution));
    }
    return this.refresh();
  }

  async refresh() {
    const wanted = this.resolution;
    try {
      const answer = await fetch(`${this.card.dataset.equity}?resolution=${wanted}`, {
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const { points } = await answer.json();
      if (wanted === this.resolution) this.draw(points);
    } catch (error) {
      this.note.textContent = `The curve could not be read (${error.message}).`;
    }
  }

  draw(points) {
    this.none.hidden = points.length > 0;
    const isIntraday = this.resolution === "intraday";
    this.chart.timeScale().applyOptions({ timeVisible: isIntraday });
    this.line.setData(points.map((point) => this.drawn(point, isIntraday)));
    this.chart.timeScale().fitContent();
    const gaps = points.filter((point) => !point.complete);
    const symbols = [...new Set(gaps.flatMap((point) => point.missing))];
    this.note.textContent = gaps.length
      ? `${gaps.length} points are left out for want of a price of ${symbols.join(", ")}.`
      : "";
  }

  drawn(point, isIntraday) {
    // The library writes times in UTC; the desk reads its own zone.
    const seconds = Math.floor(Date.parse(point.taken_at) / 1000) + this.offset;
    const time = isIntraday ? seconds : point.day;
    return point.net_worth === null ? { time } : { time, value: Number(point.net_worth) };
  }
}

// The marks of a chart: notes on its bars, and what happened on its days. Each is
// drawn at the bar it belongs to: the last one that had begun by then.

import { fetchJson } from "./feed.js";

// A label that somebody else's window made is seen after this long.
const AGAIN_MS = 15000;
const ON_BAR = { position: "aboveBar", shape: "circle" };
const ON_SCALE = { position: "belowBar", shape: "square" };

function titles(mark) {
  return mark.text ? mark.text.split("\n") : mark.tooltip;
}

export class Marks {
  constructor({ urls, symbol, resolution }) {
    this.urls = urls;
    this.symbol = symbol;
    this.resolution = resolution;
    this.stopped = new AbortController();
    this.timer = null;
    this.byDrawn = new Map();
  }

  // Asks for the marks on `bars` now and again; `onAnswer` gets what is to be drawn.
  follow(bars, onAnswer) {
    clearTimeout(this.timer);
    const turn = async () => {
      try {
        if (bars.length && !document.hidden) onAnswer(await this.of(bars));
      } catch {
        // The marks stay as they are; the poll of the bars says what is wrong.
      }
      // Whoever asked for more bars meanwhile goes on in its place.
      const isLast = turn === this.turn && !this.stopped.signal.aborted;
      if (isLast) this.timer = setTimeout(turn, AGAIN_MS);
    };
    this.turn = turn;
    turn();
  }

  async of(bars) {
    const range = { from: bars.first.time, to: bars.last.time };
    const [notes, days] = await Promise.all([
      this.ask(this.urls.marks, range),
      this.ask(this.urls.timescaleMarks, range),
    ]);
    this.byDrawn.clear();
    return [
      ...notes.map((mark) => this.placed(mark, bars, ON_BAR)),
      ...days.map((mark) => this.placed(mark, bars, ON_SCALE)),
    ].sort((one, other) => one.time - other.time);
  }

  async ask(url, range) {
    const query = new URLSearchParams({
      symbol: this.symbol,
      resolution: this.resolution,
      ...range,
    });
    const answer = await fetchJson(`${url}?${query}`, this.stopped.signal);
    return Array.isArray(answer) ? answer : [];
  }

  placed(mark, bars, look) {
    const { drawn } = bars.list.findLast((bar) => bar.time <= mark.time) ?? bars.first;
    this.byDrawn.set(drawn, [...this.at(drawn), ...titles(mark)]);
    return { id: mark.id, time: drawn, color: mark.color, text: mark.label, ...look };
  }

  // What the marks of the bar drawn at `drawn` say.
  at(drawn) {
    return this.byDrawn.get(drawn) ?? [];
  }

  stop() {
    this.stopped.abort();
    clearTimeout(this.timer);
  }
}

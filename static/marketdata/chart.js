// The chart page: candles and volume of one instrument, moving by themselves.

import { Bars } from "./chart/bars.js";
import { MarketClock } from "./chart/clock.js";
import { Drawing } from "./chart/drawing.js";
import { Feed } from "./chart/feed.js";
import { LastPrice, Legend } from "./chart/legend.js";
import { Marks } from "./chart/marks.js";
import { Status } from "./chart/status.js";
import { pageStreams } from "../tradingsite/streams.js";

const FIRST_PAGE = 300;
const NEXT_PAGE = 500;
const KEPT_RESOLUTION = "chart.resolution";
// The bars that the day's change is counted from: today's and the one before.
const DAYS = 2;
const DAYS_MS = 60000;
// For so long a price that was heard is newer than the bar that was asked for.
const NEWER_MS = 1500;

class ChartPage {
  constructor(root, config) {
    this.root = root;
    this.config = config;
    this.clock = new MarketClock(config.timezone);
    this.status = new Status(root.querySelector("[data-status]"), this.clock, config.lastTickAt);
    this.legend = new Legend(root.querySelector("[data-legend]"), config.precision);
    this.lastPrice = new LastPrice(root.querySelector("[data-last]"), config.precision);
    this.drawing = new Drawing(root.querySelector("[data-chart]"), config);
    this.drawing.onPoint((drawn) => this.point(drawn));
    this.drawing.onNearStart(() => this.loadOlder());
    this.buttons = [...root.querySelectorAll("[data-resolution]")];
    for (const button of this.buttons) {
      button.addEventListener("click", () => this.open(button.dataset.resolution));
    }
    this.daily = this.feedOf("1D");
    this.askDays();
    this.open(this.rememberedResolution());
    pageStreams().follow("quotes", [config.ticker], (message) => this.heard(message));
  }

  // The socket is quicker than the next question; the bars themselves come by asking.
  heard(message) {
    if (message.type === "update") {
      this.quote = { ...message.data, heardAt: performance.now() };
      this.status.heard(message.data.at);
      this.showQuote();
    } else if (message.type !== "snapshot") {
      this.quote = undefined;
    }
  }

  showQuote() {
    const bar = this.bars?.last;
    if (!bar || !this.quote || performance.now() - this.quote.heardAt > NEWER_MS) return;
    const { price, at } = this.quote;
    if (at < bar.time || at >= bar.time + this.secondsOfBar()) return;
    const moved = { ...bar, close: price, high: Math.max(bar.high, price), low: Math.min(bar.low, price) };
    this.bars.put(moved);
    this.drawing.update(moved);
    this.point(this.pointed);
    this.showLast();
  }

  // A bar of days or more ends with its session, which the server knows.
  secondsOfBar() {
    return this.bars.isIntraday ? Number(this.feed.resolution) * 60 : Infinity;
  }

  feedOf(resolution) {
    const { historyUrl, ticker } = this.config;
    return new Feed({ url: historyUrl, symbol: ticker, resolution });
  }

  marksOf(resolution) {
    const { markUrls: urls, ticker: symbol } = this.config;
    return new Marks({ urls, symbol, resolution });
  }

  rememberedResolution() {
    const kept = localStorage.getItem(KEPT_RESOLUTION);
    return this.config.resolutions.includes(kept) ? kept : "1";
  }

  open(resolution) {
    localStorage.setItem(KEPT_RESOLUTION, resolution);
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.resolution === resolution));
    }
    this.feed?.stop();
    this.marks?.stop();
    this.drawing.mark([]);
    this.feed = this.feedOf(resolution);
    this.marks = this.marksOf(resolution);
    this.bars = new Bars(this.clock, /^\d+$/.test(resolution));
    this.isPaging = false;
    this.reachedStart = false;
    this.root.dataset.loading = "true";
    this.status.restart();
    this.feed.poll(() => this.ask(), {
      onAnswer: (answer) => this.answered(answer),
      onFailure: (error, delay) => this.failed(error, delay),
    });
  }

  // The last two bars and what came after: the finished one may still be corrected.
  ask() {
    if (!this.bars.length) return this.feed.newest(FIRST_PAGE);
    return this.feed.since((this.bars.before(this.bars.last) ?? this.bars.last).time);
  }

  answered(answer) {
    const isFirst = !this.bars.length;
    for (const bar of answer) {
      this.bars.put(bar);
      if (!isFirst) this.drawing.update(bar);
    }
    if (isFirst) {
      this.drawing.begin(this.bars);
      this.followMarks();
    }
    delete this.root.dataset.loading;
    this.root.dataset.empty = String(!this.bars.length);
    this.root.dataset.bars = this.bars.length;
    this.status.answered(answer);
    this.point(this.pointed);
    this.showLast();
    this.showQuote();
  }

  followMarks() {
    this.marks.follow(this.bars, (marks) => {
      this.drawing.mark(marks);
      this.root.dataset.marks = marks.length;
      this.point(this.pointed);
    });
  }

  failed(error, delay) {
    delete this.root.dataset.loading;
    const isLost = error.name === "TimeoutError" || error instanceof TypeError;
    this.status.failed(isLost ? "No connection" : error.message, delay);
  }

  async loadOlder() {
    if (!this.bars?.length || this.isPaging || this.reachedStart) return;
    const { bars, feed } = this;
    this.isPaging = true;
    try {
      const older = await feed.before(bars.first.time, NEXT_PAGE);
      if (feed !== this.feed) return;
      this.reachedStart = older.length < NEXT_PAGE;
      bars.prepend(older);
      this.drawing.show(bars);
      this.followMarks();
      this.root.dataset.bars = bars.length;
    } catch {
      // The next scroll asks again; the poll says what is wrong.
    } finally {
      if (feed === this.feed) this.isPaging = false;
    }
  }

  point(drawn) {
    this.pointed = drawn;
    const bar = this.bars.at(drawn) ?? this.bars.last;
    this.legend.show(bar, bar && this.bars.before(bar), this.bars.isIntraday);
    this.legend.tell(bar ? this.marks.at(bar.drawn) : []);
  }

  async askDays() {
    try {
      this.days = await this.daily.newest(DAYS);
      this.showLast();
    } catch {
      // Without it the header stays as it is; the poll says what is wrong.
    }
    setTimeout(() => this.askDays(), DAYS_MS);
  }

  showLast() {
    if (!this.bars?.length || !this.days?.length) return;
    const today = this.days.at(-1);
    const base = this.days.length === DAYS ? this.days[0].close : today.open;
    this.lastPrice.show(this.bars.last.close, base);
  }
}

const root = document.querySelector("[data-chart-page]");
new ChartPage(root, JSON.parse(document.getElementById("chart-config").textContent));

// Prices on a page that move with the market: every element with data-quote="EXCHANGE:SYMBOL".

import { price, write } from "./chart/numbers.js";
import { pageStreams } from "../tradingsite/streams.js";

const DECIMALS = 2;

class LiveQuotes {
  constructor() {
    this.streams = pageStreams();
    this.newest = new Map();
    this.look();
    // What the server has just written is older than what was heard since.
    document.body.addEventListener("htmx:afterSwap", () => this.look());
  }

  look() {
    const elements = [...document.querySelectorAll("[data-quote]")];
    const keys = [...new Set(elements.map((element) => element.dataset.quote))];
    this.streams.follow("quotes", keys, (message) => this.heard(message));
    for (const key of keys) this.show(key);
  }

  heard(message) {
    if (message.type === "update") {
      this.newest.set(message.key, message.data);
      this.show(message.key);
    } else if (message.type === "stale" || message.type === "lost") {
      this.newest.clear();
      for (const element of document.querySelectorAll("[data-quoted]")) element.removeAttribute("data-quoted");
    }
  }

  show(key) {
    const quote = this.newest.get(key);
    if (!quote) return;
    const text = price(quote.price, DECIMALS);
    for (const element of document.querySelectorAll(`[data-quote="${CSS.escape(key)}"]`)) {
      write(element, text);
      element.setAttribute("data-quoted", "");
    }
  }
}

new LiveQuotes();

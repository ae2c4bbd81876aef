// The newest price of each row of an account: the market's quote, or what the page or the broker told.

import { priceOf } from "./worth.js";

export class Prices {
  constructor() {
    this.quotes = new Map();
    this.told = new Map();
  }

  // What the market says of an instrument.
  quote(instrument, { price, at }) {
    this.keep(this.quotes, instrument, { value: price, at, origin: "market" });
  }

  // What is told of a row at `at` (epoch seconds): a price, or that the broker has none.
  tell(row, price, at) {
    const known = this.told.get(row);
    if (price) this.keep(this.told, row, price);
    else if (known?.origin === "broker" && known.at <= at) this.told.delete(row);
  }

  // A price is its text or number, when it was seen, and who says so: market or broker.
  keep(prices, name, { value, at, origin }) {
    if (!(prices.get(name)?.at > at)) prices.set(name, { steps: priceOf(value), at, origin });
  }

  // Returns the newer of the two, the market's when they are of the same instant.
  of(row, instrument) {
    const [quote, told] = [this.quotes.get(instrument), this.told.get(row)];
    if (!quote || told?.at > quote.at) return told ?? null;
    return quote;
  }
}

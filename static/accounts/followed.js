// What the socket tells of an account: its positions, and the quotes of what it has.

import { Prices } from "./prices.js";

// Of the keys that one socket may follow; positions come before holdings.
const MOST_QUOTES = 150;

export class Followed {
  // `onMoved(isEvent)` is called when something moved, `onState()` when it is heard or not any more.
  constructor({ streams, account, onMoved, onState }) {
    Object.assign(this, { streams, account, onMoved, onState });
    this.positions = new Map();
    this.prices = new Prices();
    this.quoted = new Set();
    this.isHeard = false;
    this.isKnown = false;
    this.lostAt = null;
    this.quietSince = null;
    this.isWhole = true;
    this.onPositions = (message) => this.heard(message);
    this.onQuotes = (message) => this.heardQuote(message);
    streams.follow("positions", [account], this.onPositions);
  }

  heard(message) {
    if (message.type === "snapshot") this.takeSnapshot(message);
    else if (message.type === "event") this.takeEvent(message.data);
    else if (message.type === "gap") this.isKnown = false;
    else if (message.type === "lost") this.lose();
    // What follows a known position is resumed without a snapshot.
    else if (message.type === "subscribed" && this.isKnown) this.setHeard(message.keys.includes(this.account));
  }

  takeSnapshot({ data, is_last: isLast }) {
    this.coming ??= new Map();
    for (const position of data) this.take(this.coming, position);
    if (!isLast) return;
    this.positions = this.coming;
    this.coming = null;
    this.isKnown = true;
    this.setHeard(true);
    this.onMoved(false);
  }

  takeEvent({ position }) {
    this.take(this.positions, position);
    this.onMoved(true);
  }

  take(positions, position) {
    const name = nameOf(position);
    if (position.is_reported) positions.set(name, position);
    else positions.delete(name);
    const at = Date.parse(position.reported_at) / 1000;
    const price = position.last_price && { value: position.last_price, at, origin: "broker" };
    this.prices.tell(name, price, at);
  }

  lose() {
    this.coming = null;
    this.quietSince = null;
    this.lostAt ??= Date.now();
    this.setHeard(false);
  }

  setHeard(isHeard) {
    this.isHeard = isHeard;
    if (isHeard) this.lostAt = null;
    this.onState();
  }

  // Follows the quotes of what is open, and of `holdings` as far as there is room.
  followQuotes(holdings) {
    const open = [...this.positions.values()].filter(({ quantity }) => quantity);
    const wanted = new Set([...open, ...holdings].map(({ instrument }) => instrument).filter(Boolean));
    this.isWhole = wanted.size <= MOST_QUOTES;
    const chosen = new Set([...wanted].slice(0, MOST_QUOTES));
    const dropped = [...this.quoted].filter((instrument) => !chosen.has(instrument));
    const added = [...chosen].filter((instrument) => !this.quoted.has(instrument));
    if (dropped.length) this.streams.unfollow("quotes", dropped);
    if (added.length) this.streams.follow("quotes", added, this.onQuotes);
    this.quoted = chosen;
  }

  heardQuote({ type, key, data, since }) {
    if (type === "update") this.prices.quote(key, data);
    else if (type === "snapshot") this.takeQuotes(data);
    else if (type === "stale") this.quietSince = since;
    else if (type === "live") this.quietSince = null;
    this.onMoved(false);
  }

  takeQuotes(quotes) {
    // Where nothing moves, that is said again behind a snapshot.
    this.quietSince = null;
    for (const [instrument, quote] of Object.entries(quotes)) {
      if (quote) this.prices.quote(instrument, quote);
    }
  }
}

export function nameOf({ exchange, symbol, product }) {
  return [exchange, symbol, product].join(":");
}

// The pages of orders, moved by the stream "orders" of the accounts that they show.
//
// What becomes of an order that is shown is written where it stands. What comes, goes or
// belongs elsewhere is asked of the server once; so is what became of one order.

import { ABSENT, clock, price } from "../marketdata/figures.js";
import { LiveParts } from "../tradingsite/live-parts.js";
import { pageStreams } from "../tradingsite/streams.js";
import { Asker } from "./asker.js";

const STREAM = "orders";
// As orders/templatetags/order_looks.py writes them.
const LOOKS = { filled: "badge badge--good", rejected: "badge badge--bad", unknown: "badge badge--warn" };
const WRITERS = {
  text: (value) => value,
  clock,
  price: (value) => (value === null ? ABSENT : price(Number(value))),
  quantity: (value) => price(value, 0),
  average: (value) => (value === null ? "" : `at ${price(Number(value))}`),
  trigger: (value) => (value === null ? "" : `at ${price(Number(value))}`),
  status: (value) => [value[0].toUpperCase() + value.slice(1), LOOKS[value] ?? "badge"],
};

class LiveOrders extends LiveParts {
  constructor() {
    super({ streams: pageStreams(), stream: STREAM, writers: WRITERS, root: body });
    this.table = new Asker(body);
    this.detail = new Asker(() => document.querySelector("#order-detail[data-order]"));
    this.followed = new Set();
    this.look();
    document.body.addEventListener("htmx:afterSwap", () => this.look());
  }

  // Takes over what the server has just written, and follows the accounts it names.
  look() {
    this.placed = null;
    this.asked = following();
    const { places } = this.asked;
    const added = Object.keys(places).filter((key) => !this.followed.has(key));
    for (const key of added) {
      this.followed.add(key);
      // From where the server looked on; of a stream that had not begun, all of it.
      if (places[key]) this.streams.remember({ stream: STREAM, key, ...places[key] });
    }
    if (added.length) this.streams.follow(STREAM, added, (message) => this.heard(message));
    this.setHeard(this.isHeard);
    // What happened while the table was being written is not in it.
    const isNew = body() !== this.written;
    this.written = body();
    if (isNew && Object.keys(places).some((key) => this.isAhead(key))) this.table.ask();
  }

  // Whether more was heard of an account than the server had seen when it wrote the table.
  isAhead(key) {
    const heard = this.streams.after.get(STREAM)?.[key];
    const seen = this.asked.places[key];
    return Boolean(heard) && (!seen || (heard.epoch === seen.epoch && heard.seq > seen.seq));
  }

  heard(message) {
    if (message.type === "subscribed") this.setHeard(true);
    else if (message.type === "lost") this.wasLost();
    else if (message.type === "gap") this.askAll();
    else if (message.type === "snapshot") message.data.length && this.askAll();
    else if (message.type === "event") this.happened(message);
  }

  happened({ key, epoch, seq, data }) {
    const known = this.asked.places[key];
    // The page was written after that.
    if (known && known.epoch === epoch && seq <= known.seq) return;
    if (data.type === "order_update") this.became(`${key}/${data.order.order_id}`, data);
    else this.table.ask();
  }

  became(name, { order, change }) {
    const cells = this.cellsOf(name);
    for (const cell of cells) this.fill(cell, order);
    const isWanted = order.is_reported && this.isChosen(order) && this.isAmong(order.status);
    // It was wanted before and is not shown: it stands on a later page.
    const isElsewhere = !cells.length && change?.status_before && this.isAmong(change.status_before);
    if (isWanted !== Boolean(cells.length) && !isElsewhere) this.table.ask();
    if (this.detail.root()?.dataset.order === name) this.detail.ask();
  }

  // Whether the filter of the page, its statuses aside, lets an order through.
  isChosen(order) {
    const { side, symbol, product } = this.asked;
    const hasName = order.symbol.toUpperCase().includes(symbol);
    return hasName && (!side || order.side === side) && (!product || order.product === product);
  }

  isAmong(status) {
    const { statuses } = this.asked;
    return !statuses.length || statuses.includes(status);
  }

  askAll() {
    this.table.ask();
    this.detail.ask();
  }

  wasLost() {
    if (this.isHeard) this.lostAt = new Date();
    this.setHeard(false);
  }

  setHeard(isHeard) {
    // Where the streams do not tell everything, the page asks all the same.
    const isTold = isHeard && Object.keys(this.asked.places).length > 0;
    this.isHeard = isHeard;
    for (const part of [body(), this.detail.root()]) part?.toggleAttribute("data-streamed", isTold);
    if (isTold) document.body.dispatchEvent(new CustomEvent("stream:heard"));
    this.showState(isTold);
  }

  showState(isTold) {
    const badge = document.querySelector("[data-orders-state]");
    const [text, look] = state(isTold, this.asked.stale, this.lostAt);
    badge.hidden = !text;
    if (badge.textContent !== text) badge.textContent = text;
    badge.className = look;
  }
}

function body() {
  return document.getElementById("orders-body");
}

function following() {
  return JSON.parse(body().dataset.following);
}

function state(isTold, stale, lostAt) {
  if (stale) return [stale, "badge badge--warn"];
  if (isTold) return ["Live", "badge badge--good"];
  return lostAt ? [`Not live since ${clock(lostAt)}`, "badge badge--warn"] : ["", "badge"];
}

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const target = { f: "[data-filter]", x: "#order-close" }[event.key];
  const found = target && document.querySelector(target);
  if (!found) return;
  event.preventDefault();
  if (event.key === "x") found.click();
  else found.focus();
});

// An earlier day, or a later page, moves no more.
if (body().dataset.following) new LiveOrders();

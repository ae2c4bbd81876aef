// The page of an account, moved by the socket: positions as they change, results with each price.
//
// What the socket does not tell (holdings, money, what changed last) is asked for soon after a
// position moved, and rarely otherwise; without a socket the page asks as it always did.

import { clock } from "../marketdata/figures.js";
import { Moved } from "../tradingsite/moved.js";
import { pageStreams } from "../tradingsite/streams.js";
import { Asking } from "./asking.js";
import { Followed, nameOf } from "./followed.js";
import { arrange, fillPosition, fillPrice, fillResults, money, rowOf } from "./rows.js";
import { Staleness } from "./staleness.js";
import { moneyOf, total, valueHolding, valuePosition } from "./worth.js";

const SHOW_MS = 100;
const AGE_MS = 5_000;
// A socket that comes back at once is not worth a word.
const LOST_AFTER_MS = 1_000;

class LiveAccount {
  constructor(account) {
    this.moved = new Moved();
    this.stale = new Staleness(document.querySelector("[data-stale]"));
    this.asking = new Asking(() => body(), () => this.isUneasy());
    this.followed = new Followed({
      streams: pageStreams(),
      account,
      onMoved: (isEvent) => this.heard(isEvent),
      onState: () => this.showState(),
    });
    this.look();
    document.body.addEventListener("htmx:beforeSwap", () => this.rememberFocus());
    document.body.addEventListener("htmx:afterSwap", () => this.look());
    document.addEventListener("visibilitychange", () => this.showSoon());
    setInterval(() => this.showSoon(), AGE_MS);
  }

  // Reads what the server has written, and writes over it what was heard since.
  look() {
    if (!body()) return;
    const given = JSON.parse(document.getElementById("account-moving").textContent);
    if (given.at !== this.given?.at) {
      this.given = given;
      this.aheadS = given.at - Date.now() / 1000;
    }
    this.options = new Map(given.positions.map((row) => [nameOf(row), row.is_option]));
    for (const row of given.positions) this.followed.prices.tell(nameOf(row), row.price, given.at);
    for (const row of given.holdings) this.followed.prices.tell(shareOf(row), row.price, given.at);
    this.stale.set("broker", body().dataset.brokerStale);
    this.showState();
    this.show();
    this.giveFocusBack();
  }

  // The row whose link has the focus is written anew with the rest.
  rememberFocus() {
    const row = document.activeElement?.closest("[data-position], [data-holding]");
    this.focused = row?.matches("[data-position]")
      ? `[data-position="${CSS.escape(row.dataset.position)}"]`
      : row && `[data-holding="${CSS.escape(row.dataset.holding)}"]`;
  }

  giveFocusBack() {
    if (this.focused && document.activeElement === document.body) {
      body().querySelector(`${this.focused} a`)?.focus({ preventScroll: true });
    }
    this.focused = null;
  }

  heard(isEvent) {
    if (isEvent) this.asking.soon();
    this.showSoon();
  }

  showSoon() {
    this.timer ??= setTimeout(() => this.show(), SHOW_MS);
  }

  // Whether what is shown is not all moved by the socket: then it is asked for more often.
  isUneasy() {
    return !this.followed.isWhole || this.stale.has("prices") || this.stale.has("broker");
  }

  get now() {
    return Date.now() / 1000 + this.aheadS;
  }

  showState() {
    const { isHeard, lostAt } = this.followed;
    body().toggleAttribute("data-streamed", isHeard);
    clearTimeout(this.lostTimer);
    if (isHeard) {
      this.stale.set("stream", "");
      this.asking.plan();
      document.body.dispatchEvent(new CustomEvent("stream:heard"));
    } else if (lostAt) {
      const since = clock(lostAt + 1000 * this.aheadS);
      const restMs = lostAt + LOST_AFTER_MS - Date.now();
      this.lostTimer = setTimeout(() => this.stale.set("stream", since), Math.max(restMs, 0));
    }
    this.showQuiet();
  }

  // Prices that do not move are worth a word while a market is open.
  showQuiet() {
    const { isHeard, quietSince, quoted } = this.followed;
    const isOpen = this.now < (this.given.open_until ?? 0);
    const isQuiet = isHeard && quietSince !== null && quoted.size > 0 && isOpen;
    this.stale.set("prices", isQuiet ? clock(1000 * quietSince) : "");
  }

  show() {
    clearTimeout(this.timer);
    this.timer = null;
    if (document.hidden || !this.followed.isHeard) return;
    this.followed.followQuotes(this.given.holdings);
    const positions = this.valuedPositions();
    const holdings = this.valuedHoldings();
    this.showPositions(positions);
    this.showHoldings(holdings);
    this.showFigures(positions, holdings);
    this.showQuiet();
    this.asking.adapt();
  }

  valuedPositions() {
    const all = [...this.followed.positions].sort(([, one], [, other]) => compare(one, other));
    return all.map(([name, position]) => {
      const price = this.followed.prices.of(name, position.instrument);
      const isOption = this.options.get(name) ?? /(CE|PE)$/.test(position.symbol);
      return { name, position, price, ...valuePosition(position, price?.steps ?? null, isOption) };
    });
  }

  valuedHoldings() {
    return this.given.holdings.map((holding) => {
      const name = shareOf(holding);
      const price = this.followed.prices.of(name, holding.instrument);
      return { name, price, ...valueHolding(holding, price?.steps ?? null) };
    });
  }

  showPositions(all) {
    const place = body().querySelector("[data-positions]");
    const { flat } = body().dataset;
    const shown = all.filter(({ position }) => isWanted(position, body().dataset));
    const table = place.querySelector("tbody");
    arrange(table, shown.map((one) => this.rowOf(table, one)));
    fillResults(place.querySelector("[data-totals]"), totals(shown), this.moved);
    place.querySelector("[data-positions-table]").hidden = !shown.length;
    place.querySelector("[data-positions-none]").hidden = shown.length > 0;
    const flats = all.filter(({ position }) => !position.quantity).length;
    const note = flats && flat === undefined ? ` · ${flats} flat since the morning` : "";
    put(place.querySelector("[data-positions-note]"), `${shown.length} shown${note}`);
  }

  rowOf(table, { name, position, price, ...results }) {
    let row = table.querySelector(`[data-position="${CSS.escape(name)}"]`);
    if (row?.dataset.instrument !== (position.instrument ?? "")) {
      row = rowOf(document.getElementById("position-row"), name, position);
    }
    fillPosition(row, position, this.moved);
    fillPrice(row, price, this.now, this.moved);
    fillResults(row, results, this.moved);
    return row;
  }

  showHoldings(all) {
    const place = body().querySelector("[data-holdings]");
    const rows = new Map([...place.querySelectorAll("[data-holding]")].map((row) => [row.dataset.holding, row]));
    const shown = all.filter(({ name }) => rows.has(name));
    for (const { name, price, ...results } of shown) {
      fillPrice(rows.get(name), price, this.now, this.moved);
      fillResults(rows.get(name), results, this.moved);
    }
    put(place.querySelector("[data-holdings-worth]"), money(total(shown.map(({ value }) => value))));
    if (shown.length) fillResults(place.querySelector("[data-totals]"), totals(shown), this.moved);
  }

  showFigures(positions, holdings) {
    const place = body().querySelector("[data-account-figures]");
    const worths = [...positions.map(({ worth }) => worth), ...holdings.map(({ value }) => value)];
    const netWorth = total([moneyOf(this.given.cash), ...worths]);
    this.moved.write(place.querySelector("[data-field=net_worth]"), money(netWorth));
    fillResults(place, totals([...positions, ...holdings]), this.moved);
    const missing = [
      ...positions.filter(({ worth }) => worth === null).map(({ position }) => shareOf(position)),
      ...holdings.filter(({ value }) => value === null).map(({ name }) => name),
    ];
    const note = body().querySelector("[data-missing]");
    put(note.querySelector("span"), `No price is known of ${[...new Set(missing)].sort().join(", ")}`);
    if (note.hidden === Boolean(missing.length)) note.hidden = !missing.length;
  }
}

function body() {
  return document.querySelector("#account-body[data-account]");
}

function shareOf({ exchange, symbol }) {
  return `${exchange}:${symbol}`;
}

function totals(rows) {
  return { pnl: total(rows.map(({ pnl }) => pnl)), dayPnl: total(rows.map(({ dayPnl }) => dayPnl)) };
}

function isWanted(position, { symbol, product, flat }) {
  if (!position.quantity && flat === undefined) return false;
  if (!position.symbol.toUpperCase().includes(symbol)) return false;
  return !product || ["", product].includes(position.product);
}

// By exchange, symbol and product, as the database sorts: by code points.
function compare(one, other) {
  for (const field of ["exchange", "symbol", "product"]) {
    if (one[field] !== other[field]) return one[field] < other[field] ? -1 : 1;
  }
  return 0;
}

function put(element, text) {
  if (element.textContent.trim().replace(/\s+/g, " ") !== text) element.textContent = text;
}

if (body()) new LiveAccount(body().dataset.account);

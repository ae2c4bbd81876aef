// The payoff builder: legs picked from the chain, valued by the server.

import { price, write } from "../chart/numbers.js";
import { compact } from "./charts.js";
import { bounds, Curve } from "./curves.js";

const REQUEST_TIMEOUT_MS = 8000;
const MOST_LEGS = 20;
const MOVES = [-3, -2, -1, 0, 1, 2, 3];

export class Builder {
  constructor(root, config) {
    this.root = root;
    this.config = config;
    this.legs = [];
    this.curve = new Curve(root.querySelector("[data-payoff]"), {
      height: 280,
      formatX: (value) => String(Math.round(value)),
      formatY: compact,
    });
    root.querySelector("[data-clear]").addEventListener("click", () => this.clear());
    root.querySelector("[data-leg-rows]").addEventListener("input", (event) => this.edited(event));
    root.querySelector("[data-leg-rows]").addEventListener("click", (event) => this.clicked(event));
    const presets = root.querySelector("[data-presets]");
    presets.addEventListener("change", () => {
      this.preset(presets.value);
      presets.value = "";
    });
    this.shift = root.querySelector("[data-shift]");
    this.shift.addEventListener("change", () => this.ask({ keepRows: true }));
    this.listen(root.querySelector("[data-payoff]"));
  }

  // The curve is read under the pointer, or by the arrow keys.
  listen(area) {
    area.addEventListener("pointermove", (event) => {
      const x = this.curve.under(event.clientX);
      if (x !== undefined) this.read(x);
    });
    area.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || !this.payoff) return;
      event.preventDefault();
      const { spots, spot } = this.payoff;
      const gap = spots[1] - spots[0];
      const here = this.readAt ?? spot;
      this.read(Math.min(Math.max(here + step * gap, spots[0]), spots.at(-1)));
    });
  }

  read(x) {
    if (!this.payoff) return;
    const { spots, at_expiry: atExpiry, now, spot } = this.payoff;
    const share = (x - spots[0]) / (spots.at(-1) - spots[0]);
    const place = Math.round((spots.length - 1) * Math.min(Math.max(share, 0), 1));
    this.readAt = spots[place];
    this.curve.point(this.readAt);
    const moved = withSign((100 * (this.readAt - spot)) / spot, 1);
    const values = `at expiry ${withSign(atExpiry[place], 0)}, today ${withSign(now[place], 0)}`;
    write(this.root.querySelector("[data-readout]"), `${price(this.readAt, 0)} (${moved} %): ${values}`);
  }

  redraw() {
    if (this.payoff) this.showCurve(this.payoff);
  }

  // Three expected moves to each side say more than a fixed range.
  look({ forward, move }) {
    const percent = forward && move ? (300 * move) / forward : 10;
    this.range = Math.min(Math.max(percent, 2), 60);
  }

  add(kind, strike, lots) {
    const same = this.legs.find((leg) => leg.kind === kind && leg.strike === strike);
    if (same) same.lots += lots;
    else if (this.legs.length < MOST_LEGS) this.legs.push({ kind, strike, lots });
    this.legs = this.legs.filter((leg) => leg.lots !== 0);
    this.ask();
  }

  clear() {
    this.legs = [];
    this.ask();
  }

  preset(name) {
    const rows = [...document.querySelectorAll("[data-chain] tbody tr")];
    const middle = rows.findIndex((row) => row.matches(".chain__money"));
    if (middle < 0) return;
    const strikeAt = (steps) => {
      const row = rows[Math.max(0, Math.min(rows.length - 1, middle + steps))];
      return Number(row.querySelector("[data-strike]")?.dataset.strike);
    };
    const legs = {
      bull: [["CE", 0, 1], ["CE", 4, -1]],
      bear: [["PE", 0, 1], ["PE", -4, -1]],
      "long-straddle": [["CE", 0, 1], ["PE", 0, 1]],
      straddle: [["CE", 0, -1], ["PE", 0, -1]],
      strangle: [["CE", 4, -1], ["PE", -4, -1]],
      butterfly: [["CE", -4, 1], ["CE", 0, -2], ["CE", 4, 1]],
      condor: [["PE", -6, 1], ["PE", -3, -1], ["CE", 3, -1], ["CE", 6, 1]],
    }[name];
    this.legs = legs
      .map(([kind, steps, lots]) => ({ kind, strike: strikeAt(steps), lots }))
      .filter((leg) => Number.isFinite(leg.strike));
    this.ask();
  }

  edited(event) {
    const leg = this.legs[event.target.closest("[data-place]")?.dataset.place];
    const lots = Number.parseInt(event.target.value, 10);
    if (!leg || !lots || Math.abs(lots) > 10000) return;
    leg.lots = lots;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask({ keepRows: true }), 250);
  }

  clicked(event) {
    const place = event.target.closest("[data-remove]")?.dataset.remove;
    if (place === undefined) return;
    this.legs.splice(Number(place), 1);
    this.ask();
  }

  question() {
    const { symbol, expiry, at, lotSize } = this.config;
    const legs = this.legs.map(({ kind, strike, lots }) => ({ kind, strike, expiry, quantity: lots * lotSize }));
    return at ? { symbol, at, legs } : { symbol, legs };
  }

  async ask({ keepRows = false } = {}) {
    const isEmpty = !this.legs.length;
    this.root.querySelector("[data-no-legs]").hidden = !isEmpty;
    this.root.querySelector("[data-legs]").hidden = isEmpty;
    this.root.querySelector("[data-clear]").hidden = isEmpty;
    this.trouble("");
    if (isEmpty) {
      this.payoff = null;
      this.readAt = undefined;
      return;
    }
    const turn = (this.turn = Symbol("turn"));
    try {
      const moves = { spot_moves_pct: MOVES, iv_shifts: [Number(this.shift.value)], days: [0, 1, 2] };
      const [payoff, scenarios] = await Promise.all([
        this.post(this.config.payoffUrl, { ...this.question(), range_pct: this.range }),
        this.post(this.config.scenariosUrl, { ...this.question(), ...moves }),
      ]);
      if (turn !== this.turn) return;
      this.payoff = payoff;
      if (!keepRows) this.showLegs(payoff.legs);
      this.showFacts(payoff);
      this.showCurve(payoff);
      this.showScenarios(scenarios);
    } catch (error) {
      if (turn === this.turn) this.trouble(error.message);
    }
  }

  async post(url, body) {
    const response = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": this.root.querySelector("[name=csrfmiddlewaretoken]").value,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const answer = await response.json().catch(() => ({ detail: "The server cannot answer now." }));
    if (response.ok) return answer;
    const [first] = answer.errors ?? [];
    throw new Error(first?.detail ?? answer.detail ?? "The payoff is not available.");
  }

  trouble(text) {
    const note = this.root.querySelector("[data-trouble]");
    write(note, text);
    note.hidden = !text;
  }

  showLegs(legs) {
    const rows = legs.map((leg, place) => {
      const row = document.createElement("tr");
      row.dataset.place = place;
      const side = leg.quantity > 0 ? "Buy" : "Sell";
      const name = cell("th", `${side} ${leg.strike} ${leg.kind === "CE" ? "call" : "put"}`);
      name.scope = "row";
      row.append(name, lots(this.legs[place].lots), number(leg.price), wide(leg.iv), remove(place));
      return row;
    });
    this.root.querySelector("[data-leg-rows]").replaceChildren(...rows);
  }

  showFacts(payoff) {
    const money = (value) => (value === null ? "–" : written(value, 0));
    const facts = [
      ["Premium", payoff.net_premium < 0 ? `${money(-payoff.net_premium)} received` : `${money(payoff.net_premium)} paid`],
      ["Most to win", payoff.profit_is_unlimited ? "without limit" : money(payoff.max_profit)],
      ["Most to lose", payoff.loss_is_unlimited ? "without limit" : money(payoff.max_loss)],
      ["Break-even", payoff.break_evens.map((at) => price(at, 2)).join(", ") || "none"],
      ["Delta", payoff.delta === null ? "–" : written(payoff.delta, 1)],
      ["Theta a day", money(payoff.theta)],
      ["Vega per 1 %", money(payoff.vega)],
    ];
    const rows = facts.map(([name, value]) => {
      const row = document.createElement("div");
      row.append(cell("dt", name), cell("dd", value));
      return row;
    });
    this.root.querySelector("[data-facts]").replaceChildren(...rows);
  }

  showCurve(payoff) {
    const pair = (values) => payoff.spots.map((spot, place) => [spot, values[place]]);
    const atExpiry = pair(payoff.at_expiry).filter(([, value]) => value !== null);
    const now = pair(payoff.now).filter(([, value]) => value !== null);
    if (!atExpiry.length) {
      this.curve.empty("A leg has no volatility: its profit is not known.");
      return;
    }
    const all = [...atExpiry, ...now].map(([, value]) => value);
    this.curve.begin([payoff.spots[0], payoff.spots.at(-1)], bounds([...all, 0], 0.08));
    this.curve.area(atExpiry);
    this.curve.line([[payoff.spots[0], 0], [payoff.spots.at(-1), 0]], "zero");
    this.curve.line(atExpiry, "expiry");
    if (now.length) this.curve.line(now, "now");
    this.curve.mark(payoff.spot, "now");
    for (const at of payoff.break_evens) this.curve.mark(at, price(at, 0), 1);
    if (this.readAt !== undefined) this.read(this.readAt);
  }

  showScenarios({ scenarios }) {
    const head = document.createElement("tr");
    head.append(cell("th", "Move of the underlying"), ...MOVES.map((move) => cell("th", `${withSign(move, 0)} %`, "number")));
    const rows = scenarios.map(({ days, profits }) => {
      const row = document.createElement("tr");
      const name = cell("th", days === 0 ? "now" : `in ${days} d`);
      row.append(name, ...profits.map((value) => signed(value)));
      return row;
    });
    this.root.querySelector("[data-scenarios]").replaceChildren(head, ...rows);
  }
}

function cell(kind, text, className = "") {
  const made = document.createElement(kind);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

const number = (value) => cell("td", value === null ? "–" : price(value, 2), "number");
const wide = (value) => cell("td", value === null ? "–" : (value * 100).toFixed(2), "number wide");

// With the sign of mathematics, and none on a zero.
function written(value, precision) {
  const text = price(Math.abs(value), precision);
  return value < 0 && Number(Math.abs(value).toFixed(precision)) ? `\u2212${text}` : text;
}

function withSign(value, precision) {
  if (value === null || value === undefined) return "–";
  return Number(value.toFixed(precision)) > 0 ? `+${written(value, precision)}` : written(value, precision);
}

function signed(value) {
  const text = withSign(value, 0);
  const direction = { "+": "up", "\u2212": "down" }[text[0]] ?? "flat";
  return cell("td", text, `number ${direction}`);
}

function lots(value) {
  const made = document.createElement("td");
  made.className = "number";
  const input = document.createElement("input");
  Object.assign(input, { type: "number", value, min: -10000, max: 10000, className: "builder__lots" });
  input.setAttribute("aria-label", "Lots; negative is sold");
  made.append(input);
  return made;
}

function remove(place) {
  const made = document.createElement("td");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "button button--icon", textContent: "×" });
  button.dataset.remove = place;
  button.setAttribute("aria-label", "Remove this leg");
  made.append(button);
  return made;
}

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
    for (const button of root.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => this.preset(button.dataset.preset));
    }
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
      straddle: [["CE", 0, -1], ["PE", 0, -1]],
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
    if (isEmpty) return;
    const turn = (this.turn = Symbol("turn"));
    try {
      const moves = { spot_moves_pct: MOVES, iv_shifts: [0], days: [0, 1, 2] };
      const [payoff, scenarios] = await Promise.all([
        this.post(this.config.payoffUrl, { ...this.question(), range_pct: this.range }),
        this.post(this.config.scenariosUrl, { ...this.question(), ...moves }),
      ]);
      if (turn !== this.turn) return;
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
    const money = (value) => (value === null ? "–" : price(value, 0));
    const facts = [
      ["Premium", payoff.net_premium < 0 ? `${money(-payoff.net_premium)} received` : `${money(payoff.net_premium)} paid`],
      ["Most to win", payoff.profit_is_unlimited ? "without limit" : money(payoff.max_profit)],
      ["Most to lose", payoff.loss_is_unlimited ? "without limit" : money(payoff.max_loss)],
      ["Break-even", payoff.break_evens.map((at) => price(at, 2)).join(", ") || "none"],
      ["Delta", payoff.delta === null ? "–" : price(payoff.delta, 1)],
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
  }

  showScenarios({ scenarios }) {
    const head = document.createElement("tr");
    head.append(cell("th", "Move of the underlying"), ...MOVES.map((move) => cell("th", `${move > 0 ? "+" : ""}${move} %`, "number")));
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

function signed(value) {
  if (value === null) return cell("td", "–", "number");
  return cell("td", `${value > 0 ? "+" : ""}${price(value, 0)}`, `number ${value < 0 ? "down" : "up"}`);
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

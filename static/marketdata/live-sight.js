// The figures, futures and options of the monitor, moved by its stream.

import { LiveParts } from "../tradingsite/live-parts.js";
import { pageStreams } from "../tradingsite/streams.js";
import { ABSENT, change, clock, compact, direction, percent, price, signed } from "./figures.js";

const SPARK = { width: 120, height: 28, margin: 2 };
const ARROWS = { up: "\u25b2", down: "\u25bc", flat: "" };
const SIGNALS = {
  LONG_BUILDUP: ["Long build-up", "badge badge--good"],
  SHORT_UNWINDING: ["Short covering", "badge badge--good"],
  SHORT_BUILDUP: ["Short build-up", "badge badge--bad"],
  LONG_UNWINDING: ["Long unwinding", "badge badge--bad"],
};
const WRITERS = {
  price,
  signed,
  percent,
  compact,
  clock,
  percent_sign: (value) => (value === null ? ABSENT : `${percent(value)} %`),
  moved: (value) => (value ? change(value) : ""),
  arrow: (value) => ARROWS[direction(value ?? 0)],
  signal: (value) => (value === null ? [ABSENT, "flat"] : SIGNALS[value] ?? ["Neutral", "badge"]),
};

class LiveSight {
  constructor() {
    this.live = new LiveParts({
      streams: pageStreams(),
      stream: "monitor",
      writers: WRITERS,
      root: sight,
      onParts: (names) => this.moved(names),
      onState: (since) => this.showState(since),
    });
    this.look();
    document.body.addEventListener("htmx:afterSwap", () => this.look());
  }

  look() {
    const root = sight();
    if (root) this.live.look(root.dataset.streamKey);
  }

  moved(names) {
    this.showSigns();
    this.showBars();
    if (names.includes("closes")) this.drawCloses();
    if (!this.hasRows()) this.live.askAnew();
  }

  // Rises and falls, by the sign of the value that data-sign names; what is old is grey.
  showSigns() {
    for (const [place, part] of this.places("[data-sign]")) {
      const value = read(part, place.dataset.sign) ?? 0;
      for (const look of ["up", "down", "flat"]) place.classList.toggle(look, look === direction(value));
    }
    for (const [place, part] of this.places("[data-stale]")) {
      place.classList.toggle("flat", Boolean(part[place.dataset.stale]?.is_stale));
    }
  }

  showBars() {
    const most = this.live.parts.get("summary")?.most_oi || 1;
    for (const [place, part] of this.places("[data-bar]")) {
      place.setAttribute("width", `${Math.round((100 * (part[place.dataset.bar]?.oi ?? 0)) / most)}%`);
    }
    for (const [row, part] of this.places("tr")) {
      if (part.steps !== undefined) row.classList.toggle("monitor-chain__atm", part.steps === 0);
    }
  }

  places(selector) {
    const found = [...(sight()?.querySelectorAll(selector) ?? [])];
    const pairs = found.map((place) => [place, this.live.parts.get(place.closest("[data-part]")?.dataset.part)]);
    return pairs.filter(([, part]) => part);
  }

  drawCloses() {
    const line = sight()?.querySelector("[data-closes]");
    const closes = this.live.parts.get("closes");
    if (!line || closes.length < 2) return;
    const low = Math.min(...closes);
    const span = Math.max(...closes) - low || 1;
    const step = SPARK.width / (closes.length - 1);
    const height = (SPARK.height - 2 * SPARK.margin) / span;
    const points = closes.map((close, place) => {
      const top = SPARK.height - SPARK.margin - (close - low) * height;
      return `${(place * step).toFixed(1)},${top.toFixed(1)}`;
    });
    line.setAttribute("points", points.join(" "));
  }

  // Whether the strikes and futures that are told are those that are shown.
  hasRows() {
    const shown = [...sight().querySelectorAll("tr[data-part]")].map((row) => row.dataset.part);
    const told = [...this.live.parts.keys()].filter((name) => /^(strike|future):/.test(name));
    return shown.length === told.length && shown.every((name) => this.live.parts.has(name));
  }

  showState(since) {
    const badge = sight()?.querySelector("[data-feed-state]");
    const feed = this.live.parts.get("feed");
    if (!badge || !feed) return;
    const [text, look] = state(feed, since);
    if (badge.textContent !== text) badge.textContent = text;
    if (badge.className !== look) badge.className = look;
  }
}

function sight() {
  return document.getElementById("monitor-sight");
}

function read(part, path) {
  return path.split(".").reduce((inner, name) => inner?.[name], part);
}

function state({ state: told, is_open: isOpen, last_tick_at: seenAt }, since) {
  if (told === "waiting") return ["No ticks yet", "badge"];
  if (since !== null && isOpen) return [`Stale since ${clock(since * 1000)}`, "badge badge--warn"];
  if (told === "live" && since === null) return ["Live", "badge badge--good"];
  return isOpen ? [`Stale since ${clock(seenAt)}`, "badge badge--warn"] : ["Market closed", "badge"];
}

new LiveSight();

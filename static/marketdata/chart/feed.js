// The bars of one symbol and resolution, asked from /udf/history: first page, older
// pages while scrolling left, and the newest two bars again and again.

const REQUEST_TIMEOUT_MS = 8000;
const POLL_MS = 1000;
const SLOWEST_POLL_MS = 30000;
// Bars are asked up to the end of time: the market's clock need not be this one's.
const END_OF_TIME = 4102444800;

export class HistoryError extends Error {}

export async function fetchJson(url, signal) {
  const limits = [AbortSignal.timeout(REQUEST_TIMEOUT_MS)];
  if (signal) limits.push(signal);
  const response = await fetch(url, {
    credentials: "same-origin",
    headers: { Accept: "application/json" },
    signal: AbortSignal.any(limits),
  });
  if (response.status === 401) throw new HistoryError("Your session has ended: log in again");
  try {
    return await response.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new HistoryError("The server cannot answer now");
  }
}

function rows(answer) {
  return answer.t.map((time, i) => ({
    time,
    open: answer.o[i],
    high: answer.h[i],
    low: answer.l[i],
    close: answer.c[i],
    volume: answer.v[i],
  }));
}

export class Feed {
  constructor({ url, symbol, resolution }) {
    this.url = url;
    this.symbol = symbol;
    this.resolution = resolution;
    this.stopped = new AbortController();
    this.timer = null;
    this.failures = 0;
  }

  async history(parameters) {
    const query = new URLSearchParams({
      symbol: this.symbol,
      resolution: this.resolution,
      ...parameters,
    });
    const answer = await fetchJson(`${this.url}?${query}`, this.stopped.signal);
    if (answer.s === "no_data") return [];
    if (answer.s !== "ok") throw new HistoryError(answer.errmsg || "The history is not available");
    return rows(answer);
  }

  newest(count) {
    return this.history({ to: END_OF_TIME, countback: count });
  }

  before(time, count) {
    return this.history({ to: time, countback: count });
  }

  since(time) {
    return this.history({ from: time, to: END_OF_TIME });
  }

  // Calls `ask` every second; after a failure it waits twice as long, up to half a minute.
  poll(ask, { onAnswer, onFailure }) {
    const again = (delay) => {
      clearTimeout(this.timer);
      this.timer = setTimeout(turn, delay);
    };
    const turn = async () => {
      if (document.hidden) return;
      try {
        const bars = await ask();
        if (this.stopped.signal.aborted) return;
        this.failures = 0;
        onAnswer(bars);
        again(POLL_MS);
      } catch (error) {
        if (this.stopped.signal.aborted) return;
        this.failures += 1;
        const delay = Math.min(POLL_MS * 2 ** this.failures, SLOWEST_POLL_MS);
        onFailure(error, delay);
        again(delay);
      }
    };
    const wake = () => document.hidden || again(0);
    document.addEventListener("visibilitychange", wake, { signal: this.stopped.signal });
    window.addEventListener("online", wake, { signal: this.stopped.signal });
    again(0);
  }

  stop() {
    this.stopped.abort();
    clearTimeout(this.timer);
  }
}

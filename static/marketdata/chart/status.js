// Whether what the chart shows is alive: the connection, and the age of the newest tick.

const STALE_AFTER_MS = 10000;
const CHECK_MS = 1000;

export class Status {
  constructor(element, clock, lastTickAt) {
    this.element = element;
    this.clock = clock;
    this.changedAt = lastTickAt;
    this.seen = "";
    this.failure = "";
    setInterval(() => this.render(), CHECK_MS);
    this.render();
  }

  answered(bars, now = Date.now()) {
    this.failure = "";
    const newest = JSON.stringify(bars.slice(-2));
    if (newest !== this.seen && this.seen) this.changedAt = now / 1000;
    this.seen = newest;
    this.render(now);
  }

  heard(at) {
    this.changedAt = Math.max(this.changedAt ?? 0, at);
    this.render();
  }

  restart() {
    this.seen = "";
  }

  failed(message, retryMs) {
    this.failure = `${message}. Trying again in ${Math.round(retryMs / 1000)} s`;
    this.render();
  }

  state(now) {
    if (this.failure) return ["offline", this.failure];
    if (this.changedAt && now - this.changedAt * 1000 < STALE_AFTER_MS) return ["live", "Live"];
    if (!this.changedAt) return ["stale", "No ticks yet"];
    return ["stale", `Stale since ${this.since(now)}`];
  }

  since(now) {
    const day = (at) => new Date((at + this.clock.offset(at)) * 1000).toISOString().slice(0, 10);
    const time = this.clock.timeOfDay(this.changedAt);
    return day(this.changedAt) === day(now / 1000) ? time : `${day(this.changedAt)} ${time}`;
  }

  render(now = Date.now()) {
    const [state, text] = this.state(now);
    if (this.element.dataset.state !== state) this.element.dataset.state = state;
    if (this.element.textContent !== text) this.element.textContent = text;
  }
}

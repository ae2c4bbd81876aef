// When a part of the page that a stream moves asks the server for itself all the same.

const RARELY_MS = 60_000;
const OFTEN_MS = 10_000;
const SOON_MS = 1_000;

export class Asking {
  // `isUneasy()` says that the stream does not tell everything.
  constructor(part, isUneasy) {
    Object.assign(this, { part, isUneasy });
    this.askedAt = Date.now();
    this.isWanted = false;
    document.addEventListener("visibilitychange", () => this.plan());
    document.body.addEventListener("account-synced", () => this.ask());
  }

  // Asks in a moment: something moved that the stream tells only half of.
  soon() {
    if (this.isWanted) return;
    this.isWanted = true;
    this.plan();
  }

  plan() {
    clearTimeout(this.timer);
    if (document.hidden) return;
    this.isOften = this.isUneasy();
    const waitMs = this.isWanted || this.isOften ? OFTEN_MS : RARELY_MS;
    const dueMs = this.askedAt + waitMs - Date.now();
    this.timer = setTimeout(() => this.ask(), Math.max(dueMs, SOON_MS));
  }

  // Plans anew where the stream has begun, or ceased, to tell everything.
  adapt() {
    if (this.isUneasy() !== this.isOften) this.plan();
  }

  // Asks once, as if nothing were heard: what is written then is heard again.
  ask() {
    const part = this.part();
    if (!part?.hasAttribute("data-streamed") || document.hidden) return;
    this.isWanted = false;
    this.askedAt = Date.now();
    part.removeAttribute("data-streamed");
    window.htmx.trigger(part, "ask-anew");
  }
}

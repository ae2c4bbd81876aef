// Asks the server anew for a part of the page: at once, then at most once a second.

const PAUSE_MS = 1000;

export class Asker {
  // `root` returns the part as it stands on the page now, if it does.
  constructor(root) {
    this.root = root;
    this.askedAt = -PAUSE_MS;
    // Nobody looks at a hidden page: what came meanwhile is asked for when it is shown.
    document.addEventListener("visibilitychange", () => this.isMissed && this.ask());
    document.body.addEventListener("htmx:afterRequest", (event) => this.wasAnswered(event.detail.requestConfig.elt));
  }

  ask() {
    this.isMissed = document.hidden;
    if (this.isMissed || this.timer || !this.root()) return;
    // What is on its way may have been written before this.
    if (this.isAsking) this.isAgain = true;
    else this.timer = setTimeout(() => this.send(), this.askedAt + PAUSE_MS - performance.now());
  }

  send() {
    this.timer = undefined;
    this.isMissed = document.hidden;
    this.part = this.root();
    if (this.isMissed || !this.part) return;
    this.isAsking = true;
    this.askedAt = performance.now();
    // A part that asks by itself just now is asked again when it has been answered.
    this.isAgain = this.part.classList.contains("htmx-request");
    this.part.removeAttribute("data-streamed");
    window.htmx.trigger(this.part, "ask-anew");
  }

  wasAnswered(part) {
    if (!this.isAsking || part !== this.part) return;
    this.isAsking = false;
    if (!this.isAgain) return;
    this.isAgain = false;
    this.ask();
  }
}

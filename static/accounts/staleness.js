// The notice that says since when an account's page is stale, and for want of what.

export class Staleness {
  constructor(note) {
    this.note = note;
  }

  // `since` is the text of a time, or empty when it is not (or no longer) stale for want of `what`.
  set(what, since) {
    const line = this.note.querySelector(`[data-stale-of="${what}"]`);
    const time = line.querySelector("time");
    if (since && time.textContent !== since) time.textContent = since;
    if (line.hidden === Boolean(since)) line.hidden = !since;
    const isFresh = [...this.note.querySelectorAll("[data-stale-of]")].every((each) => each.hidden);
    if (this.note.hidden !== isFresh) this.note.hidden = isFresh;
  }

  has(what) {
    return !this.note.querySelector(`[data-stale-of="${what}"]`).hidden;
  }
}

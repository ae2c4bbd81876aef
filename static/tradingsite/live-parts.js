// Parts of a page that a computed stream moves: what is told is written where it belongs.
//
// An element with data-part="NAME" shows the part of that name. In it, or on it, data-field says
// which value, by a path, and data-as how it is written. While the stream is heard, the part of
// the page that would ask again for itself (data-live) does not; when it is not, it asks again.

import { Moved } from "./moved.js";

export class LiveParts {
  // `writers` maps the names of data-as to functions of a value and an optional argument;
  // they return text, or [text, class] where the look tells something too.
  constructor({ streams, stream, writers, root, onParts, onState }) {
    Object.assign(this, { streams, stream, writers, root, onParts, onState });
    this.parts = new Map();
    this.isHeard = false;
    this.since = null;
    this.moved = new Moved();
  }

  // Follows another key, or the same one in a page that has been written anew.
  look(key) {
    if (this.key !== key) {
      if (this.key) this.streams.unfollow(this.stream, [this.key]);
      this.key = key;
      this.parts.clear();
      this.setHeard(false);
      this.streams.follow(this.stream, [key], (message) => this.heard(message));
    }
    this.placed = null;
    this.setHeard(this.isHeard);
    // What was heard while the server was writing is not told again.
    if (this.isHeard) this.write(this.parts.keys());
  }

  heard(message) {
    if (message.type === "snapshot" || message.type === "update") this.take(message);
    else if (message.type === "stale" || message.type === "live") this.judge(message.since ?? null);
    else if (message.type === "lost") {
      this.isLoading = false;
      // Until the page has asked: whether it still moves nobody can tell.
      if (this.isHeard) this.judge(this.since ?? Date.now() / 1000);
      this.setHeard(false);
    }
  }

  take({ type, data, is_last: isLast }) {
    if (type === "snapshot" && !this.isLoading) {
      this.parts.clear();
      this.isLoading = true;
    }
    for (const [name, value] of Object.entries(data)) {
      if (value === null) this.parts.delete(name);
      else this.parts.set(name, value);
    }
    if (type === "snapshot") this.isLoading = !isLast;
    if (this.isLoading) return;
    if (type === "snapshot") this.since = null;
    // Before anything could be computed there is nothing to show: the page asks on.
    if (type === "snapshot" || !this.isHeard) this.setHeard(this.parts.size > 0);
    if (!this.isHeard) return;
    this.show(type === "snapshot" ? [...this.parts.keys()] : Object.keys(data));
    this.onState(this.since);
  }

  judge(since) {
    this.since = since;
    this.onState(since);
  }

  setHeard(isHeard) {
    this.isHeard = isHeard;
    this.root()?.toggleAttribute("data-streamed", isHeard);
    if (isHeard) document.body.dispatchEvent(new CustomEvent("stream:heard"));
  }

  // Asks the server for the part of the page once, as if nothing were heard.
  askAnew() {
    const root = this.root();
    if (!root?.hasAttribute("data-streamed")) return;
    root.removeAttribute("data-streamed");
    window.htmx.trigger(root, "ask-anew");
  }

  show(names) {
    this.write(names);
    this.onParts(names);
  }

  write(names) {
    for (const name of names) {
      const value = this.parts.get(name);
      if (value === undefined) continue;
      for (const cell of this.cellsOf(name)) this.fill(cell, value);
    }
  }

  cellsOf(name) {
    this.placed ??= this.index();
    return this.placed.get(name) ?? [];
  }

  index() {
    const placed = new Map();
    for (const place of this.root()?.querySelectorAll("[data-part]") ?? []) {
      const fields = [...place.querySelectorAll("[data-field]")];
      if (place.dataset.field) fields.push(place);
      const cells = fields.map((element) => ({ element, ...reading(element.dataset) }));
      placed.set(place.dataset.part, [...(placed.get(place.dataset.part) ?? []), ...cells]);
    }
    return placed;
  }

  fill({ element, path, as, argument }, part) {
    // Another stream tells this one sooner.
    if (element.hasAttribute("data-quoted")) return;
    const value = path.reduce((inner, name) => inner?.[name], part) ?? null;
    const written = this.writers[as](value, argument);
    const [text, look] = Array.isArray(written) ? written : [written];
    if (look !== undefined && element.className !== look) element.className = look;
    this.moved.write(element, text);
  }
}

export function reading({ field, as }) {
  const [name, argument] = as.split(":");
  return { path: field.split("."), as: name, argument: argument === undefined ? undefined : Number(argument) };
}

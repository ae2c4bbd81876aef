// One socket for a page: it follows keys of streams, and comes back by itself.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30000;
const PING_MS = 10000;
// A connection that lasted so long was a good one: the next is tried at once.
const LASTING_MS = 5000;
// Who would be refused again does not come back.
const FINAL_CODES = new Set([1002, 1007, 1009, 4400, 4401, 4403, 4404]);

const LOST_RIGHT = 4403;

let shared;

// The one socket that all scripts of a page share.
export function pageStreams() {
  shared ??= new Streams();
  return shared;
}

export class Streams {
  constructor(path = "/ws/desk") {
    this.url = new URL(path, location.href.replace(/^http/, "ws")).href;
    this.followed = new Map();
    this.after = new Map();
    this.waitMs = 0;
    this.connect();
    setInterval(() => this.check(), PING_MS);
    window.addEventListener("online", () => this.connect());
  }

  // Calls `listener(message)` with everything that is said of these keys, and with
  // what is said of the whole stream: stale, live, and lost when the socket is.
  follow(stream, keys, listener) {
    const listeners = this.followed.get(stream) ?? new Map();
    this.followed.set(stream, listeners);
    const added = keys.filter((key) => !listeners.has(key));
    for (const key of keys) listeners.set(key, listener);
    // Before the welcome nobody listens; with it everything is asked for.
    if (this.isOpen && this.isWelcome && added.length) this.subscribe(stream, added);
  }

  unfollow(stream, keys) {
    const listeners = this.followed.get(stream);
    for (const key of keys) listeners?.delete(key);
    if (this.isOpen && this.isWelcome) this.say({ type: "unsubscribe", stream, keys });
  }

  get isOpen() {
    return this.socket?.readyState === 1;
  }

  connect() {
    if (this.socket && this.socket.readyState <= 1) return;
    clearTimeout(this.timer);
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.isWelcome = false;
    socket.addEventListener("message", (event) => this.heard(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.closed(socket, event.code));
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    if (this.isWelcome) document.body.dispatchEvent(new CustomEvent("stream:lost", { detail: { heardAt: this.heardAt } }));
    for (const stream of this.followed.keys()) this.tell({ type: "lost", stream });
    // Who was welcome and lost one account may have the others still.
    const isFinal = FINAL_CODES.has(code) && !(code === LOST_RIGHT && this.isWelcome);
    if (isFinal) return;
    if (performance.now() - this.welcomeAt >= LASTING_MS) this.waitMs = 0;
    const waitMs = this.askedMs ?? this.waitMs * (0.5 + Math.random() / 2);
    this.askedMs = undefined;
    this.welcomeAt = undefined;
    this.timer = setTimeout(() => this.connect(), waitMs);
    this.waitMs = Math.min(Math.max(FIRST_WAIT_MS, this.waitMs * 2), LONGEST_WAIT_MS);
  }

  // A connection that leads nowhere is noticed by the pong that does not come.
  check() {
    if (!this.isOpen) return;
    if (this.isAwaitingPong) {
      this.socket.close();
      this.closed(this.socket, 1006);
      return;
    }
    this.isAwaitingPong = true;
    this.say({ type: "ping" });
  }

  heard(said) {
    this.isAwaitingPong = false;
    this.heardAt = new Date();
    for (const message of Array.isArray(said) ? said : [said]) this.take(message);
  }

  take(message) {
    if (message.type === "welcome") {
      this.welcomeAt = performance.now();
      this.isWelcome = true;
      for (const [stream, listeners] of this.followed) {
        if (listeners.size) this.subscribe(stream, [...listeners.keys()]);
      }
    } else if (message.type === "bye") {
      this.askedMs = message.reconnect_after_ms;
    } else if (message.stream) {
      this.remember(message);
      this.tell(message);
    }
  }

  // Of a snapshot of several frames nothing is known before the last of them.
  remember({ stream, key, epoch, seq, is_last: isLast }) {
    if (seq === undefined || isLast === false) return;
    const positions = this.after.get(stream) ?? {};
    this.after.set(stream, { ...positions, [key]: { epoch, seq } });
  }

  tell(message) {
    const listeners = this.followed.get(message.stream);
    if (!listeners) return;
    const some = message.key === undefined ? new Set(listeners.values()) : [listeners.get(message.key)];
    for (const listener of some) listener?.(message);
  }

  subscribe(stream, keys) {
    this.say({ type: "subscribe", stream, keys, after: this.after.get(stream) });
  }

  say(message) {
    this.socket.send(JSON.stringify(message));
  }
}

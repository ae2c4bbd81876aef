// Small charts in SVG: axes, lines, dots, bars and marks, in the colors of the page.

const SVG = "http://www.w3.org/2000/svg";
const LEAST_WIDTH = 320;
const MARGIN = { top: 14, right: 14, bottom: 26, left: 54 };

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

// About `count` round numbers from low to high.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * unit).find((n) => n >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(at);
  return found;
}

// At most seven multiples of `unit`, doubled as often as it takes.
function wholes(low, high, unit) {
  while ((high - low) / unit > 7) unit *= 2;
  const found = [];
  for (let at = Math.ceil(low / unit) * unit; at <= high; at += unit) found.push(at);
  return found.length ? found : [low, high];
}

export class Curve {
  // Times want ticks on whole half hours: of a multiple of `unitX`.
  constructor(root, { height = 240, formatX = String, formatY = String, unitX = 0 } = {}) {
    this.unitX = unitX;
    this.root = root;
    this.height = height;
    this.formatX = formatX;
    this.formatY = formatY;
  }

  begin([lowX, highX], [lowY, highY]) {
    this.width = Math.max(this.root.clientWidth - 16, LEAST_WIDTH);
    const span = highY - lowY || Math.abs(highY) || 1;
    this.x = [lowX, highX === lowX ? lowX + 1 : highX];
    this.y = [lowY, lowY + span];
    this.svg = element("svg", { class: "curve__svg", viewBox: `0 0 ${this.width} ${this.height}` });
    this.axes();
    this.root.replaceChildren(this.svg);
  }

  empty(text) {
    const note = document.createElement("p");
    note.className = "curve__none";
    note.textContent = text;
    this.root.replaceChildren(note);
  }

  left(x) {
    const room = this.width - MARGIN.left - MARGIN.right;
    return MARGIN.left + ((x - this.x[0]) / (this.x[1] - this.x[0])) * room;
  }

  top(y) {
    const room = this.height - MARGIN.top - MARGIN.bottom;
    return MARGIN.top + (1 - (y - this.y[0]) / (this.y[1] - this.y[0])) * room;
  }

  axes() {
    const bottom = this.height - MARGIN.bottom;
    for (const y of ticks(...this.y, 4)) {
      const at = this.top(y);
      this.add("line", { class: "curve__grid", x1: MARGIN.left, x2: this.width - MARGIN.right, y1: at, y2: at });
      this.add("text", { class: "curve__tick", x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, this.formatY(y));
    }
    for (const x of this.unitX ? wholes(...this.x, this.unitX) : ticks(...this.x, 6)) {
      const at = this.left(x);
      if (at < MARGIN.left || at > this.width - MARGIN.right) continue;
      this.add("text", { class: "curve__tick", x: at, y: bottom + 17, "text-anchor": "middle" }, this.formatX(x));
    }
  }

  add(name, attributes, text) {
    const made = element(name, attributes, text);
    this.svg.append(made);
    return made;
  }

  line(points, kind) {
    const path = points.map(([x, y]) => `${this.left(x).toFixed(1)},${this.top(y).toFixed(1)}`);
    this.add("polyline", { class: `curve__line curve__line--${kind}`, points: path.join(" ") });
  }

  dots(points, kind, title) {
    for (const [x, y] of points) {
      const dot = this.add("circle", { class: `curve__dot curve__dot--${kind}`, cx: this.left(x), cy: this.top(y), r: 2.5 });
      dot.append(element("title", {}, title(x, y)));
    }
  }

  bar(x, width, y, kind, title) {
    const zero = this.top(0);
    const top = this.top(y);
    const box = this.add("rect", {
      class: `curve__bar curve__bar--${kind}`,
      x,
      y: Math.min(top, zero),
      width,
      height: Math.max(Math.abs(zero - top), 0.5),
    });
    box.append(element("title", {}, title));
  }

  // Fills between the line and zero, above and below it in two colors.
  area(points) {
    for (const [kind, keep] of [["up", Math.max], ["down", Math.min]]) {
      const edge = points.map(([x, y]) => `${this.left(x).toFixed(1)},${this.top(keep(y, 0)).toFixed(1)}`);
      const zero = this.top(0).toFixed(1);
      const first = this.left(points[0][0]).toFixed(1);
      const last = this.left(points.at(-1)[0]).toFixed(1);
      this.add("polygon", {
        class: `curve__area curve__area--${kind}`,
        points: `${first},${zero} ${edge.join(" ")} ${last},${zero}`,
      });
    }
  }

  mark(x, label, row = 0) {
    if (x === null || x === undefined || x < this.x[0] || x > this.x[1]) return;
    const at = this.left(x);
    this.add("line", { class: "curve__mark", x1: at, x2: at, y1: MARGIN.top, y2: this.height - MARGIN.bottom });
    // What would leave the chart stands on the other side of its line.
    const isLate = at > this.width - 90;
    const place = isLate ? { x: at - 4, "text-anchor": "end" } : { x: at + 4 };
    this.add("text", { class: "curve__label", ...place, y: MARGIN.top + 8 + row * 13 }, label);
  }

  // Which x stands under a place on the screen; undefined outside.
  under(clientX) {
    const box = this.svg?.getBoundingClientRect();
    if (!box?.width) return undefined;
    const at = ((clientX - box.left) / box.width) * this.width;
    const share = (at - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
    return share < 0 || share > 1 ? undefined : this.x[0] + share * (this.x[1] - this.x[0]);
  }

  point(x) {
    this.pointer?.remove();
    const at = this.left(x);
    this.pointer = this.add("line", { class: "curve__pointer", x1: at, x2: at, y1: MARGIN.top, y2: this.height - MARGIN.bottom });
  }
}

export function bounds(values, share = 0.05) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const air = (high - low) * share;
  return [low - air, high + air];
}

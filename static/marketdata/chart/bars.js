// The bars that a chart holds, oldest first; each knows the time it is drawn at.

export class Bars {
  constructor(clock, isIntraday) {
    this.clock = clock;
    this.isIntraday = isIntraday;
    this.list = [];
    this.byDrawn = new Map();
  }

  get length() {
    return this.list.length;
  }

  get first() {
    return this.list[0];
  }

  get last() {
    return this.list.at(-1);
  }

  // Sets `drawn`; a bar of the same time is replaced, a late one finds its place.
  put(bar) {
    this.place(bar);
    const index = this.list.findLastIndex((known) => known.time <= bar.time);
    if (index >= 0 && this.list[index].time === bar.time) this.list[index] = bar;
    else this.list.splice(index + 1, 0, bar);
  }

  prepend(older) {
    older.forEach((bar) => this.place(bar));
    this.list = older.concat(this.list);
  }

  at(drawn) {
    return this.byDrawn.get(drawn);
  }

  before(bar) {
    return this.list[this.list.lastIndexOf(bar) - 1];
  }

  place(bar) {
    bar.drawn = this.isIntraday ? bar.time + this.clock.offset(bar.time) : bar.time;
    this.byDrawn.set(bar.drawn, bar);
  }
}

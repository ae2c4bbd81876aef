// What one bar says in numbers, and the price of the moment with the day's change.

import { describe } from "./clock.js";
import { change, price, volume, write } from "./numbers.js";

function fieldsOf(element) {
  const fields = [...element.querySelectorAll("[data-field]")];
  return Object.fromEntries(fields.map((field) => [field.dataset.field, field]));
}

export class Legend {
  constructor(element, precision) {
    this.element = element;
    this.precision = precision;
    this.fields = fieldsOf(element);
  }

  show(bar, previous, isIntraday) {
    this.element.hidden = !bar;
    if (!bar) return;
    const moved = change(bar.close, previous ? previous.close : bar.open, this.precision);
    write(this.fields.time, describe(bar.drawn, isIntraday));
    for (const name of ["open", "high", "low", "close"]) {
      write(this.fields[name], price(bar[name], this.precision));
    }
    write(this.fields.change, moved.text);
    write(this.fields.volume, volume(bar.volume));
    this.element.dataset.direction = moved.direction;
  }

  // What the marks on the bar say.
  tell(titles) {
    this.fields.marks.parentElement.hidden = !titles.length;
    write(this.fields.marks, titles.join(" · "));
  }
}

export class LastPrice {
  constructor(element, precision) {
    this.element = element;
    this.precision = precision;
    this.fields = fieldsOf(element);
    this.title = document.title;
  }

  show(close, base) {
    const moved = change(close, base, this.precision);
    this.element.hidden = false;
    this.element.dataset.direction = moved.direction;
    write(this.fields.price, price(close, this.precision));
    write(this.fields.change, moved.text);
    document.title = `${price(close, this.precision)} · ${this.title}`;
  }
}

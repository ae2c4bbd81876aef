// Any input marked data-symbol-search becomes a search for instruments: a list below
// it, arrow keys, Enter to open the chart, Escape to close.

const PAUSE_MS = 150;
const LIMIT = 12;

class SymbolSearch {
  constructor(input) {
    this.input = input;
    this.url = input.dataset.searchUrl;
    this.chartUrl = input.dataset.chartUrl;
    this.list = document.createElement("ul");
    this.list.className = "symbol-results";
    this.list.id = `${input.id || "symbol-search"}-results`;
    this.list.setAttribute("role", "listbox");
    this.list.hidden = true;
    input.after(this.list);
    this.found = [];
    this.chosen = -1;
    this.describeInput();
    this.listen();
  }

  describeInput() {
    for (const [name, value] of Object.entries({
      role: "combobox",
      autocomplete: "off",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
    })) {
      this.input.setAttribute(name, value);
    }
  }

  listen() {
    this.input.addEventListener("input", () => this.later());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("focus", () => this.input.value && this.later());
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), PAUSE_MS));
    this.input.form?.addEventListener("submit", (event) => this.submit(event));
    this.list.addEventListener("pointerdown", (event) => {
      const row = event.target.closest("[role=option]");
      if (!row) return;
      event.preventDefault();
      this.open(this.found[Number(row.dataset.index)]);
    });
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.search(), PAUSE_MS);
  }

  async search() {
    this.request?.abort();
    const query = this.input.value.trim();
    if (!query) return this.close();
    this.request = new AbortController();
    const parameters = new URLSearchParams({ query: query.toUpperCase(), limit: LIMIT });
    try {
      const answer = await fetch(`${this.url}?${parameters}`, { signal: this.request.signal });
      this.show(await answer.json(), query);
    } catch (error) {
      if (error.name !== "AbortError") this.say("The search is not available now");
    }
  }

  show(found, query) {
    if (!Array.isArray(found)) return this.say("The search is not available now");
    this.found = found;
    if (!found.length) return this.say(`Nothing is called “${query}”`);
    this.list.replaceChildren(...found.map((symbol, index) => this.row(symbol, index)));
    this.expand();
    this.choose(0);
  }

  say(text) {
    const row = document.createElement("li");
    row.className = "symbol-results__none";
    row.textContent = text;
    this.found = [];
    this.chosen = -1;
    this.list.replaceChildren(row);
    this.expand();
  }

  row(symbol, index) {
    const row = document.createElement("li");
    row.id = `${this.list.id}-${index}`;
    row.dataset.index = index;
    row.setAttribute("role", "option");
    for (const [name, text] of [
      ["symbol", symbol.symbol],
      ["description", symbol.description],
      ["kind", `${symbol.exchange} · ${symbol.type}`],
    ]) {
      const part = document.createElement("span");
      part.className = `symbol-results__${name}`;
      part.textContent = text;
      row.append(part);
    }
    return row;
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found.length) {
      event.preventDefault();
      this.choose((this.chosen + step + this.found.length) % this.found.length);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    }
  }

  submit(event) {
    const symbol = this.list.hidden ? undefined : this.found[this.chosen];
    if (!symbol) return;
    event.preventDefault();
    this.open(symbol);
  }

  choose(index) {
    this.chosen = index;
    [...this.list.children].forEach((row, i) =>
      row.setAttribute("aria-selected", String(i === index)),
    );
    this.input.setAttribute("aria-activedescendant", this.list.children[index].id);
    this.list.children[index].scrollIntoView({ block: "nearest" });
  }

  open(symbol) {
    location.assign(this.chartUrl + encodeURIComponent(symbol.full_name));
  }

  expand() {
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close() {
    this.request?.abort();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}

document.querySelectorAll("[data-symbol-search]").forEach((input) => new SymbolSearch(input));

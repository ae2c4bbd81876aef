// Text that changes in place, and is shown for a moment that it did.

const MOVED_MS = 150;

export class Moved {
  constructor() {
    this.cells = new Set();
  }

  // Writes `text` where it differs, and tells so by a flash of the cell.
  write(element, text) {
    if (element.textContent.trim() === text) return;
    element.textContent = text;
    this.flash(element);
  }

  // What changed is shown for a moment, all of it together.
  flash(element) {
    if (!this.cells.size) setTimeout(() => this.rest(), MOVED_MS);
    const cell = element.closest("td, .figure__value") ?? element;
    cell.classList.add("moved");
    this.cells.add(cell);
  }

  rest() {
    for (const cell of this.cells) cell.classList.remove("moved");
    this.cells.clear();
  }
}

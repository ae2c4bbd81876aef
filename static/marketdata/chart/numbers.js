// Numbers as the page writes them: Indian grouping, a sign and never color alone.

const volumeFormat = new Intl.NumberFormat("en-IN");

export function volume(value) {
  return volumeFormat.format(value);
}

export function price(value, precision) {
  return value.toLocaleString("en-IN", {
    minimumFractionDigits: precision,
    maximumFractionDigits: precision,
  });
}

export function change(value, base, precision) {
  const moved = value - base;
  const percent = base ? Math.abs(moved / base) * 100 : 0;
  const sign = moved > 0 ? "+" : moved < 0 ? "\u2212" : "";
  return {
    direction: moved < 0 ? "down" : "up",
    text: `${sign}${price(Math.abs(moved), precision)} (${sign}${percent.toFixed(2)}%)`,
  };
}

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

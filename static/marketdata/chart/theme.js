// The colors of the chart, read from the page's design tokens, and read again
// whenever the theme changes.

const TOKENS = {
  background: ["--chart-background", "#ffffff"],
  text: ["--chart-text", "#475467"],
  grid: ["--chart-grid", "#eceff3"],
  border: ["--chart-border", "#d5dae1"],
  crosshair: ["--chart-crosshair", "#98a2b3"],
  up: ["--chart-up", "#0a8f5b"],
  down: ["--chart-down", "#d1343f"],
  upVolume: ["--chart-up-volume", "#0a8f5b55"],
  downVolume: ["--chart-down-volume", "#d1343f55"],
};

export function readTheme(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(
    Object.entries(TOKENS).map(([name, [token, fallback]]) => [
      name,
      style.getPropertyValue(token).trim() || fallback,
    ]),
  );
}

export function onThemeChange(listener) {
  new MutationObserver(listener).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme", "class"],
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener);
}

export function chartOptions(theme) {
  return {
    layout: {
      // The library's own mark brings an inline style; the page names it in text.
      attributionLogo: false,
      background: { color: theme.background },
      textColor: theme.text,
      panes: { separatorColor: theme.border },
    },
    grid: { vertLines: { color: theme.grid }, horzLines: { color: theme.grid } },
    crosshair: {
      vertLine: { color: theme.crosshair },
      horzLine: { color: theme.crosshair },
    },
    rightPriceScale: { borderColor: theme.border },
    timeScale: { borderColor: theme.border, secondsVisible: false },
    localization: { locale: "en-IN" },
  };
}

export function candleOptions(theme) {
  return {
    upColor: theme.up,
    downColor: theme.down,
    borderUpColor: theme.up,
    borderDownColor: theme.down,
    wickUpColor: theme.up,
    wickDownColor: theme.down,
  };
}

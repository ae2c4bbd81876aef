// Candles and volume as the chart library draws them.

import { candleOptions, chartOptions, onThemeChange, readTheme } from "./theme.js";

// Older bars are wanted when fewer than this many are left of the view.
const BARS_IN_RESERVE = 50;
const BAR_WIDTH_PX = 9;
const NARROW_PX = 600;

export class Drawing {
  constructor(container, { precision }) {
    const { createChart, createSeriesMarkers, CandlestickSeries, HistogramSeries } =
      window.LightweightCharts;
    this.container = container;
    this.bars = null;
    this.theme = readTheme(container);
    this.chart = createChart(container, {
      autoSize: true,
      // A finger that moves up or down scrolls the page.
      handleScroll: { vertTouchDrag: false },
      ...chartOptions(this.theme),
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {
      ...candleOptions(this.theme),
      priceFormat: { type: "price", precision, minMove: 10 ** -precision },
    });
    // Room for the legend, which takes more lines on a phone.
    const top = container.clientWidth < NARROW_PX ? 0.22 : 0.12;
    this.candles.priceScale().applyOptions({ scaleMargins: { top, bottom: 0.24 } });
    this.markers = createSeriesMarkers(this.candles, []);
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    onThemeChange(() => this.recolor());
  }

  onPoint(listener) {
    this.chart.subscribeCrosshairMove((move) => listener(move.time));
  }

  onNearStart(listener) {
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < BARS_IN_RESERVE) listener();
    });
  }

  // Shows `bars` from their newest on; `show` again after older ones were put before.
  begin(bars) {
    this.show(bars);
    this.chart.timeScale().applyOptions({ timeVisible: bars.isIntraday, rightOffset: 6 });
    if (!bars.length) return;
    const to = bars.length + 5;
    const inView = Math.round(this.container.clientWidth / BAR_WIDTH_PX);
    this.chart.timeScale().setVisibleLogicalRange({ from: to - inView, to });
    this.chart.priceScale("right").applyOptions({ autoScale: true });
  }

  show(bars) {
    this.bars = bars;
    this.candles.setData(bars.list.map((bar) => this.candle(bar)));
    this.volumes.setData(bars.list.map((bar) => this.column(bar)));
  }

  update(bar) {
    const isOlder = bar !== this.bars.last;
    this.candles.update(this.candle(bar), isOlder);
    this.volumes.update(this.column(bar), isOlder);
  }

  mark(marks) {
    this.markers.setMarkers(marks);
  }

  recolor() {
    this.theme = readTheme(this.container);
    this.chart.applyOptions(chartOptions(this.theme));
    this.candles.applyOptions(candleOptions(this.theme));
    if (this.bars) this.show(this.bars);
  }

  candle({ drawn, open, high, low, close }) {
    return { time: drawn, open, high, low, close };
  }

  column({ drawn, open, close, volume }) {
    const color = close < open ? this.theme.downVolume : this.theme.upVolume;
    return { time: drawn, value: volume, color };
  }
}

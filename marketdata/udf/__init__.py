"""TradingView's datafeed protocol: what a chart asks and how it is answered."""

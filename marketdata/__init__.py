"""What the market did: instruments, calendar, ticks, bars, charts."""

"""Minutes to larger bars: a whole day of a market at once."""

"""Recorded files, played again as ticks at their own times."""

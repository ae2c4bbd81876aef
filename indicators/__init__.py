"""What the bars mean: indicators computed from them (none yet)."""

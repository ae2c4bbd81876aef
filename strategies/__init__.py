"""Groups of legs, their rules and their marks (none yet)."""

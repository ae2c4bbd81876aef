"""The project: its plumbing (ground floor) and what wires the apps (roof)."""

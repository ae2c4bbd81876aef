"""Minutes that no tick has shown us, filled from the ticker service's history."""

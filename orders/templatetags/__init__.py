"""How orders are written on the pages."""

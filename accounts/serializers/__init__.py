"""Wire formats of accounts, a module per family."""

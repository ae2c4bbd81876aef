"""How long it takes to know who asks."""

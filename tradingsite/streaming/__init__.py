"""Events on their way to clients, and the journal of those that must arrive."""

"""Examples of clients, short enough to be copied."""

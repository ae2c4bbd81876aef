"""What was asked of the broker and what became of it (none yet)."""

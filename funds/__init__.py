"""What the statements say: ledger and differences (none yet)."""

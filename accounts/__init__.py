"""Who trades, on which account, and who may see and do it."""

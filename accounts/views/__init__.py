"""The doors of accounts; the table of addresses imports each from its module."""

"""What the pages of accounts write."""

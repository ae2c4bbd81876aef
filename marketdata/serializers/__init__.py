"""What the market answers under ``/api/v1/``, and what it may be asked."""

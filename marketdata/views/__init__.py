"""The doors of the market: pages, and the REST families under ``/api/v1/``."""

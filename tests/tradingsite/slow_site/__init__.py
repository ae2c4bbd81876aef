"""A small site with views that are slow on purpose, served by a real process."""

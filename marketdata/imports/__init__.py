"""Loading from files and from the ticker service: all of it or nothing of it."""

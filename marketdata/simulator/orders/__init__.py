"""The simulated broker: orders matched against the simulated book, by account."""

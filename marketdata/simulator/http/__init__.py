"""The ticker service's HTTP and WebSocket doors."""

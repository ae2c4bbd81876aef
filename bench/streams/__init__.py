"""Fan-out over WebSockets: the product beside the original and beside the limit."""

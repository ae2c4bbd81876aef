"""A chart's history over HTTP: the product beside the original shape."""

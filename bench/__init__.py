"""Benches: the product beside the peers it is compared with, measured in one run."""

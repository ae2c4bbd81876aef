"""Fixtures that tests of several apps share: few, and named like what they are."""

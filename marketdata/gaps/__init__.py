"""The gap map: which minutes of which sessions are missing, and filling them.

``survey`` compares the dated sessions with the stored bars and keeps one row per
instrument and session; ``filling`` asks the ticker's history for what is missing,
at the ``pace`` it allows; ``rounds`` does both, over and over, in any number of
processes. Nothing is given up: what cannot be had is asked for ever more seldom.
"""

"""Option chains over REST: what may be asked, and what is answered.

Units everywhere: prices in rupees, quantities in units (never lots), ``iv`` as a
fraction a year, ``theta`` per calendar day, ``vega`` and ``rho`` per one percent.
"""

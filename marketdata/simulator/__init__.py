"""A market of its own: the ticker service, played over real HTTP and real Redis.

It imports nothing of the product, so that it can disagree with it. Its prices are
a pure function of seed and time (``market``), its ticks a pure function of seed
and count (``live``), and only ``publisher`` and ``server`` ever wait for anything.
"""

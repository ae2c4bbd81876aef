"""Ticks from the stream shards to bars in PostgreSQL, each counted exactly once.

``ingestor`` owns shards by lease and runs the loop; ``streams`` reads entries and
notices what was lost; ``counting`` is the hot loop over the builders of
``marketdata.bars``; ``flushing`` writes bars, chains, refusals, gaps and the stream
position in one transaction.
"""

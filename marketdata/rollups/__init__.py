"""Bars longer than a minute, made again from the minutes wherever those changed.

Whoever writes a minute marks it dirty in the same transaction. A rollup claims marks
(``claiming``), makes again exactly the bars that hold them (``bars``, ``strikes``),
and takes the marks away, all in one transaction: killed at any moment it has done
all or nothing, and done twice it changes nothing. ``reading`` joins what is rolled up
with what is not yet, so that an answer is the same before and after. ``verifying``
compares the tables with a plain rebuild from the minutes.

The open of a day's session is asked of the dated calendar. When its rows change, the
bars of those days stand where the old open was until the days are rolled up anew
(``roll_up_bars --again``).
"""

from marketdata.rollups.renewing import again
from marketdata.rollups.rolling import Rolled, roll_up

__all__ = ["Rolled", "again", "roll_up"]

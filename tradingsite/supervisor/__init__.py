"""Start processes, restart them with back-off, stop them all: nothing stays behind."""

from tradingsite.supervisor.output import Console
from tradingsite.supervisor.programs import Program
from tradingsite.supervisor.supervision import Supervisor

__all__ = ["Console", "Program", "Supervisor"]

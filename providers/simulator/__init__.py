"""A loopback server that speaks the vendors' wire formats and fails on demand.

Used by tests, `demo` (`stage.py`) and `--chaos` (`rehearsal.py`).
"""

from fallback_chat.providers.simulator.exchange import Manner, Recorded
from fallback_chat.providers.simulator.faults import FAULTS, Fault, Where
from fallback_chat.providers.simulator.schedule import Moment, Script, always, down, first, flapping, sequence
from fallback_chat.providers.simulator.server import Simulator, black_hole, closed_port, running

__all__ = [
    "FAULTS",
    "Fault",
    "Manner",
    "Moment",
    "Recorded",
    "Script",
    "Simulator",
    "Where",
    "always",
    "black_hole",
    "closed_port",
    "down",
    "first",
    "flapping",
    "running",
    "sequence",
]

"""What T/tau says, below the tables that have it."""

from __future__ import annotations

from weightgauge.diagnosis.training import STATES

TAU_NOTE = (
    "T/tau: steps x learning rate x weight decay; decay by itself leaves exp(-T/tau) of the first "
    "weights. "
)
"""What the number is."""


def states_note() -> str:
    """Say from which number on training is called what."""
    *later, (_, first) = STATES
    told = ", ".join(f"{name} from {least:g} on" for least, name in later)
    return f"State: {told}, else {first}. "

"""A series as one line of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
"""Blocks from low to high; `PLAIN_BLOCKS` take their place where they cannot be written."""

PLAIN_BLOCKS = "_.-~=+*#"

_LONGEST = 16
_NOISE_ERRORS = 6.0


def sparkline(values: Sequence[float], errors: Sequence[float] = ()) -> str:
    """Draw a series; its own range goes from the lowest to the highest block.

    Parameters
    ----------
    values : sequence of float
        The series; values that are not finite leave a gap. If there are more than 16, neighbours
        are averaged.
    errors : sequence of float
        Standard errors. A series that moves by less than six of them is drawn around the middle,
        so that noise looks like noise.

    Returns
    -------
    str
        One character a value.

    Examples
    --------
    >>> sparkline([1, 2, 3, 4, math.nan, 8])
    '▁▂▃▄ █'
    >>> sparkline([1.20, 1.21], [0.01, 0.01])
    '▄▅'
    """
    drawn = _joined(values)
    known = [value for value in drawn if math.isfinite(value)]
    if not known:
        return ""
    noise = sorted(error for error in errors if math.isfinite(error))
    low, high = min(known), max(known)
    room = max(high - low, _NOISE_ERRORS * noise[len(noise) // 2] if noise else 0.0)
    low = (low + high - room) / 2
    return "".join(_block(value, low, room) for value in drawn)


def _block(value: float, low: float, room: float) -> str:
    if not math.isfinite(value):
        return " "
    share = (value - low) / room if room > 0 else 0.5
    return BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)]


def _joined(values: Sequence[float]) -> list[float]:
    """Average neighbours until the line is short enough."""
    count = len(values)
    if count <= _LONGEST:
        return list(values)
    ends = [round(i * count / _LONGEST) for i in range(_LONGEST + 1)]
    pieces = [
        [value for value in values[first:last] if math.isfinite(value)]
        for first, last in pairwise(ends)
    ]
    return [math.fsum(piece) / len(piece) if piece else math.nan for piece in pieces]

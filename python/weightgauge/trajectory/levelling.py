"""Whether lambda has levelled off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightgauge.records import as_row

TOO_FEW = "too few steps"
"""The state where nothing can be said about a level yet."""

_FEWEST = 5
_TRIED, _CLOSER = 400, 2
_SETTLED = 0.05


@dataclass(frozen=True, slots=True, repr=False)
class Levelling:
    """The level that lambda goes to.

    Attributes
    ----------
    level, level_low, level_high : float
        Where lambda would end by lambda^2 = a + b exp(-step/time), and the ends of a 95 % interval;
        NaN where no level is in sight.
    share : float
        Last lambda over `level`.
    time : float
        Steps in which the distance of lambda^2 from its level shrinks by 1/e.
    state : str
        "levelled off": less than 5 % from the level at both ends of the interval; "approaching": a
        level in sight; "no level in sight"; "unchanged": lambda moves by less than 1 %; "too few
        steps": fewer than five.
    """

    level: float
    level_low: float
    level_high: float
    share: float
    time: float
    state: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the state, and the level where there is one."""
        level = "" if math.isnan(self.level) else f", level {self.level:.4g}"
        return f"<Levelling: {self.state}{level}>"


def levelling(steps: Sequence[int], lam: Sequence[float]) -> Levelling:
    """Fit an exponential approach to lambda^2 over steps.

    Under a constant learning rate that is how mean squares move where decay and update balance: see
    `weightgauge.trajectory.saturation`. Residuals count relative to lambda^2. Level and distance
    are solved for at 400 times, from a third of the shortest gap between steps to ten runs, then
    twice more between those that come close, and the best time is taken. The interval holds the
    levels of all times whose sum of squares the F distribution does not tell from the least one at
    95 %.

    Parameters
    ----------
    steps : sequence of int
        In their order.
    lam : sequence of float
        Lambda at each; steps without one are passed over.

    Returns
    -------
    Levelling
    """
    known = [(s, v) for s, v in zip(steps, lam, strict=True) if math.isfinite(v) and v > 0]
    if len(known) < _FEWEST:
        return _without(TOO_FEW)
    t, y = np.array(known, dtype=np.float64).T
    last = float(y[-1])
    if float(np.max(y) / np.min(y)) < 1.01:
        return Levelling(last, last, last, 1.0, math.nan, "unchanged")
    t, y = t - t[0], y**2
    times = np.geomspace(float(np.min(np.diff(t))) / 3, 10 * float(t[-1]), _TRIED)
    longest = times[-1]
    for _ in range(_CLOSER + 1):
        levels, left = _fits(t, y, times)
        accepted = np.flatnonzero(left <= max(np.min(left) * _allowed(len(y)), 1e-18))
        best, tried = int(np.argmin(left)), times
        ends = max(accepted[0] - 1, 0), min(accepted[-1] + 1, _TRIED - 1)
        times = np.geomspace(times[ends[0]], times[ends[1]], _TRIED)
    if tried[accepted[-1]] >= longest or not np.all(levels[accepted] > 0):
        return _without("no level in sight")
    accepted_levels = levels[accepted]
    level, low, high = np.sqrt([levels[best], np.min(accepted_levels), np.max(accepted_levels)])
    settled = all(abs(last / each - 1) < _SETTLED for each in (level, low, high))
    return Levelling(
        level=float(level),
        level_low=float(low),
        level_high=float(high),
        share=last / float(level),
        time=float(tried[best]),
        state="levelled off" if settled else "approaching",
    )


def _allowed(count: int) -> float:
    """Sum of squares, over the least one, up to which a time is not told from the best."""
    from scipy.stats import f as f_distribution  # type: ignore[import-untyped]

    free = count - 3
    return 1 + float(f_distribution.isf(0.05, 1, free)) / free


def _fits(t: Any, y: Any, times: Any) -> tuple[Any, Any]:
    """Level of y and the relative squares that are left, for each time."""
    decay = np.exp(-t[None, :] / times[:, None]) / y
    flat = np.broadcast_to(1 / y, decay.shape)
    aa, ab, bb = (flat**2).sum(1), (flat * decay).sum(1), (decay**2).sum(1)
    a, b = flat.sum(1), decay.sum(1)
    determinant = aa * bb - ab**2
    level = (a * bb - b * ab) / determinant
    distance = (b * aa - a * ab) / determinant
    left = ((1 - level[:, None] * flat - distance[:, None] * decay) ** 2).sum(1)
    return level, left


def _without(state: str) -> Levelling:
    return Levelling(math.nan, math.nan, math.nan, math.nan, math.nan, state)

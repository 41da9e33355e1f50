"""When a series over steps leaves its start, where its course changes, and where it jumps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONSET_ERRORS = 3.0
"""Standard errors of the difference from the start from which on a change has set in."""

_SHORTEST = 3  # points of a piece: a line goes through any two
_FALSE_SHARE = 0.05
_JUMP_ERRORS, _JUMP_PACE, _SPIKE_RETURN = 5.0, 5.0, 0.25


class Change(NamedTuple):
    """How far a series has come from its first value.

    Attributes
    ----------
    value, error : float
        Last finite value minus first, and its standard error for independent estimates: that of two
        models without a weight in common. That the steps of one run share most of their weights
        makes the true error smaller. NaN where there are no two values.
    """

    value: float
    error: float


def change_from_start(values: Sequence[float], errors: Sequence[float]) -> Change:
    """Return how far a series has come from its first value.

    Parameters
    ----------
    values, errors : sequence of float
        Estimates over steps and their standard errors; NaN where there is none.

    Returns
    -------
    Change
    """
    known = [(v, e) for v, e in zip(values, errors, strict=True) if math.isfinite(v)]
    if len(known) < 2:
        return Change(math.nan, math.nan)
    (first, first_error), (last, last_error) = known[0], known[-1]
    return Change(last - first, math.hypot(first_error, last_error))


def onset(steps: Sequence[int], values: Sequence[float], errors: Sequence[float]) -> int | None:
    """Find the first step from which a series stays away from its start.

    Parameters
    ----------
    steps : sequence of int
        In their order.
    values, errors : sequence of float
        Estimates and their standard errors. Steps without a finite estimate are passed over.

    Returns
    -------
    int or None
        The first step from which each value lies more than three standard errors of the difference
        from the first one; None where the last value does not.

    Examples
    --------
    >>> onset([0, 10, 20, 30], [1.2, 1.3, 1.2, 1.1], [0.01] * 4)
    30
    """
    known = [
        (step, v, e)
        for step, v, e in zip(steps, values, errors, strict=True)
        if math.isfinite(v) and math.isfinite(e)
    ]
    found = None
    for step, value, error in reversed(known[1:]):
        if abs(value - known[0][1]) <= ONSET_ERRORS * math.hypot(error, known[0][2]):
            break
        found = step
    return found


def change_points(
    steps: Sequence[int], values: Sequence[float], errors: Sequence[float]
) -> tuple[int, ...]:
    """Find the steps at which the course of a series changes.

    The series is cut into pieces of at least three values so that straight lines through the pieces
    leave the least sum of squares, each residual in units of its standard error, plus a penalty for
    each cut: optimal partitioning (Jackson et al., IEEE Signal Processing Letters 12, 2005), which
    finds the exact optimum that PELT finds (Killick, Fearnhead and Eckley, JASA 107, 2012). The
    penalty is that of the Bayesian information criterion for the three numbers that a cut adds, a
    level, a slope and its place: 3 ln n. Of few steps that would see changes in more than 5 % of
    the series that have none; up to 389 it is 2 ln((n - 5)/0.05), which is larger, and so large
    that one cut is taken in no more than 5 % of them (chi-square with two degrees of freedom for
    each place, by Bonferroni).

    Parameters
    ----------
    steps : sequence of int
        In their order.
    values, errors : sequence of float
        Estimates and their standard errors. Steps without both are passed over.

    Returns
    -------
    tuple of int
        The first step of each piece but the first; empty for fewer than six values.
    """
    known = [
        (step, v, e)
        for step, v, e in zip(steps, values, errors, strict=True)
        if math.isfinite(v) and math.isfinite(e) and e > 0
    ]
    count = len(known)
    if count < 2 * _SHORTEST:
        return ()
    x, y, error = np.array(known, dtype=np.float64).T
    cost = _line_costs(x, y, error)
    penalty = max(3 * math.log(count), 2 * math.log((count - 5) / _FALSE_SHARE))
    best = np.full(count + 1, np.inf)
    best[0] = -penalty
    before = np.zeros(count + 1, dtype=np.int64)
    for end in range(_SHORTEST, count + 1):
        starts = np.arange(end - _SHORTEST + 1)
        totals = best[starts] + cost(starts, end) + penalty
        before[end] = int(np.argmin(totals))
        best[end] = totals[before[end]]
    cuts, end = [], count
    while (end := int(before[end])) > 0:
        cuts.append(known[end][0])
    return tuple(reversed(cuts))


class _Costs:
    """Weighted squares that a line leaves of the values from `starts` on and before `end`."""

    def __init__(
        self, x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> None:
        columns = (weight, weight * x, weight * y, weight * x * x, weight * x * y, weight * y * y)
        self._sums = [np.concatenate(([0.0], np.cumsum(column))) for column in columns]

    def __call__(self, starts: NDArray[np.int64], end: int) -> NDArray[np.float64]:
        w, wx, wy, wxx, wxy, wyy = (sums[end] - sums[starts] for sums in self._sums)
        sxx, sxy, syy = wxx - wx**2 / w, wxy - wx * wy / w, wyy - wy**2 / w
        left: NDArray[np.float64] = np.maximum(syy - sxy**2 / sxx, 0.0)
        return left


def _line_costs(
    x: NDArray[np.float64], y: NDArray[np.float64], error: NDArray[np.float64]
) -> _Costs:
    # Steps may grow by doubling; sums of squares of their ranks and logarithms would hide what
    # happens late. Centred and scaled, the steps themselves lose no digits that matter.
    scaled = (x - np.mean(x)) / max(float(np.std(x)), 1e-300)
    return _Costs(scaled, y - np.mean(y), 1 / error**2)


def jumps(
    steps: Sequence[int],
    values: Sequence[float],
    errors: Sequence[float],
    *,
    least: float,
) -> list[tuple[int, float]]:
    """Find where a series jumps, rather than moves.

    A jump is a change from one step to the next that is larger than `least` and than five standard
    errors, and more than five times as fast as the changes before and behind it; or a single value
    that both its neighbours contradict by as much, while they agree with each other.

    Parameters
    ----------
    steps : sequence of int
        In their order.
    values, errors : sequence of float
        Estimates and their standard errors. Steps without a finite estimate are passed over.
    least : float
        Changes up to this are never jumps.

    Returns
    -------
    list of (int, float)
        The step behind each jump, and its size; needs changes before and behind, so that none is
        found at the ends.
    """
    known = [
        (step, v, 0.0 if math.isnan(e) else e)
        for step, v, e in zip(steps, values, errors, strict=True)
        if math.isfinite(v)
    ]
    found = []
    for i in range(1, len(known) - 2):
        size = known[i + 1][1] - known[i][1]
        noise = _JUMP_ERRORS * math.hypot(known[i][2], known[i + 1][2])
        if abs(size) <= max(least, noise):
            continue
        around = max(abs(_pace(known, i - 1)), abs(_pace(known, i + 1)))
        spike = _is_spike(known, i, size)
        if spike or abs(_pace(known, i)) > _JUMP_PACE * around:
            found.append((known[i + 1][0], size))
    return found


def _pace(known: Sequence[tuple[int, float, float]], i: int) -> float:
    return (known[i + 1][1] - known[i][1]) / (known[i + 1][0] - known[i][0])


def _is_spike(known: Sequence[tuple[int, float, float]], i: int, size: float) -> bool:
    """Tell whether the value behind the change at `i` stands alone."""
    back = known[i + 2][1] - known[i + 1][1]
    rest = abs(known[i + 2][1] - known[i][1])
    before = abs(known[i][1] - known[i - 1][1])
    small = min(abs(size), abs(back))
    return size * back < 0 and rest < _SPIKE_RETURN * small and _JUMP_PACE * before < small

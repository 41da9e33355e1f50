"""Ordinates of the Weibull probability plot: y_i = ln(-ln(1 - p_i)) at p_i = (i - 1/2)/n."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weightgauge.choices import TRIMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 5_000


def window_ranks(n: int, trim: str) -> tuple[int, int]:
    """Return the ranks in the window, counted from 0: the first, and the one after the last.

    The position of rank i is (2 i + 1) / (2 n). It is compared with the window's ends, which are
    multiples of 1/20, in whole numbers, so that no rounding decides about a rank at an edge.
    """
    low, high = round(20 * TRIMS[trim].low), round(20 * TRIMS[trim].high)
    # (2 i + 1) / (2 n) >= low / 20  <=>  20 i + 10 >= low n
    first = max(0, -((10 - low * n) // 20))
    last = min(n, (high * n - 10) // 20 + 1)
    return first, max(first, last)


def ordinates(first: int, last: int, n: int) -> NDArray[np.float64]:
    """Return y of the ranks `first` to `last` - 1, counted from 0."""
    p = (np.arange(first, last) + 0.5) / n
    return np.asarray(np.log(-np.log1p(-p)))


def sums_of_ordinates(
    since: NDArray[np.int64], until: NDArray[np.int64], n: int
) -> NDArray[np.float64]:
    """Return the sums of y over ranks `since` to `until` - 1, element by element.

    For many elements, the Euler-Maclaurin expansion of the midpoint rule is used with the integral
    G(p) = -exp(-u) ln u - E1(u), u = -ln(1 - p); its remainder is of order n^-3. For few elements,
    and at the two ends, where y is singular, y is summed rank by rank.
    """
    if n <= _FEW:
        sums = np.concatenate(([0.0], np.cumsum(ordinates(0, n, n))))
        return np.asarray(sums[until] - sums[since])
    edge = _FEW // 20
    inner = (np.clip(since, edge, n - edge), np.clip(until, edge, n - edge))
    low = np.concatenate(([0.0], np.cumsum(ordinates(0, edge, n))))
    high = np.concatenate(([0.0], np.cumsum(ordinates(n - edge, n, n))))
    at_ends = low[np.minimum(until, edge)] - low[np.minimum(since, edge)]
    at_ends += high[np.maximum(until - n + edge, 0)] - high[np.maximum(since - n + edge, 0)]
    return np.asarray(at_ends + _antiderivative(inner[1], n) - _antiderivative(inner[0], n))


def mean_ordinate(n: int, trim: str) -> float:
    """Return the mean of y over the window."""
    first, last = window_ranks(n, trim)
    total = sums_of_ordinates(np.array([first]), np.array([last]), n)[0]
    return float(total) / (last - first)


def _antiderivative(rank: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    from scipy.special import exp1  # type: ignore[import-untyped]

    p = rank / n
    u = -np.log1p(-p)
    integral = -np.exp(-u) * np.log(u) - exp1(u)
    slope = 1 / ((1 - p) * u)
    return np.asarray(n * integral - slope / (24 * n))

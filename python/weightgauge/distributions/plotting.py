"""Ordinates of the Weibull probability plot: y_i = ln(-ln(1 - p_i)) at p_i = (i - 1/2)/n."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOWS = {"mid_80": (0.10, 0.90), "mid_90": (0.05, 0.95), "full": (0.0, 1.0)}
"""Plotting positions that enter the regression, by trim; both ends belong to the window."""

_DIRECT = 1_000_000


def window_ranks(n: int, trim: str) -> tuple[int, int]:
    """Return the ranks that lie in the window, counted from 0, as first and behind the last.

    The position of rank i is (2 i + 1) / (2 n). It is compared in whole numbers, as a share of
    1/20, so that no rounding decides about a rank at the edge.
    """
    low, high = (round(20 * end) for end in WINDOWS[trim])
    # (2 i + 1) / (2 n) >= low / 20  <=>  20 i + 10 >= low n
    first = max(0, -((10 - low * n) // 20))
    last = min(n, (high * n - 10) // 20 + 1)
    return first, max(first, last)


def ordinates(first: int, last: int, n: int) -> NDArray[np.float64]:
    """Return y of the ranks first to last - 1, counted from 0."""
    p = (np.arange(first, last) + 0.5) / n
    return np.asarray(np.log(-np.log1p(-p)))


def mean_ordinate(n: int, trim: str) -> float:
    """Return the mean of y over the window.

    For many elements by the midpoint rule's Euler-Maclaurin expansion around the integral
    G(p) = -exp(-u) ln u - E1(u), u = -ln(1 - p), whose rest is of order n^-3.
    """
    first, last = window_ranks(n, trim)
    if last - first <= _DIRECT or trim == "full":
        return float(np.mean(ordinates(first, last, n)))
    from scipy.special import exp1  # type: ignore[import-untyped]

    def integral(p: float) -> float:
        u = -math.log1p(-p)
        return -math.exp(-u) * math.log(u) - float(exp1(u))

    def slope(p: float) -> float:
        return -1 / ((1 - p) * math.log1p(-p))

    a, b = first / n, last / n
    total = n * (integral(b) - integral(a)) - (slope(b) - slope(a)) / (24 * n)
    return total / (last - first)

"""The Weibull probability plot of one slice, thinned to the points that an eye can tell apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.choices import TRIMS, ZEROS, check_choice
from weightgauge.magnitudes.plotting_positions import window_ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.magnitudes.histogram import MagnitudeHistogram

_BELOW, _INSIDE, _ABOVE = 40, 60, 50
"""How many points the tails and the window get at most."""


@dataclass(frozen=True, slots=True)
class WeibullPoints:
    """Points of a probability plot, ln |w| against ln(-ln(1 - p)), and the line fitted to them.

    Each point is one magnitude at its own plotting position p = (i - 1/2)/n: they are some of the
    points that the fit is made from, not an average of them.

    Attributes
    ----------
    x : tuple of float
        ln |w| of each point, ascending. Of a histogram in bins, that of the mean of the bin.
    y : tuple of float
        Ordinate ln(-ln(1 - p)) of each point, ascending.
    window : (int, int)
        The first point of those that the line is fitted to, and the one after the last. Points
        before them are the lower tail, points after them the upper one.
    y_window : (float, float)
        Ordinates of the window's ends; infinite where it has none.
    k, lam : float
        Shape and scale of the line, y = k (x - ln lam); NaN without one.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    window: tuple[int, int]
    y_window: tuple[float, float]
    k: float
    lam: float

    def line(self, y: float) -> float:
        """Return x of the line at an ordinate: the line is drawn between two of them."""
        return math.log(self.lam) + y / self.k


def weibull_points(
    histogram: MagnitudeHistogram,
    *,
    k: float = math.nan,
    lam: float = math.nan,
    trim: str = "mid_80",
    zeros: str = "exclude",
    scale: float = 1.0,
) -> WeibullPoints:
    """Choose the points of a slice's probability plot that are drawn.

    Ranks are chosen so that points are evenly far apart in y, separately in the lower tail, in the
    window and in the upper tail; both ends of each are among them.

    Parameters
    ----------
    histogram : MagnitudeHistogram
        All magnitudes of the slice.
    k, lam : float
        Its fit; NaN without one.
    trim : {"mid_80", "mid_90", "full"}
        Window that the line was fitted to.
    zeros : {"exclude", "censor"}
        Whether zeros are left out, or have the lowest ranks, as in `weightgauge.fit`. They are no
        points in either case.
    scale : float
        What all magnitudes are still to be multiplied with.

    Returns
    -------
    WeibullPoints
        At most 150 points; none if nothing is finite and not zero.

    Raises
    ------
    ValueError
        If an option is none of its choices.
    """
    check_choice("trim", trim, TRIMS)
    check_choice("zeros", zeros, ZEROS)
    below = histogram.zeros if zeros == "censor" else 0
    total = histogram.n + below
    first, last = (max(rank, below) for rank in window_ranks(total, trim))
    parts = (
        _ranks(below, first, total, _BELOW),
        _ranks(first, last, total, _INSIDE),
        _ranks(last, total, total, _ABOVE),
    )
    ranks = np.concatenate(parts)
    ends = np.cumsum(histogram.counts, dtype=np.int64)
    places = np.searchsorted(ends, ranks - below, side="right")
    magnitudes = histogram.magnitudes[places] * abs(scale)
    return WeibullPoints(
        tuple(np.log(magnitudes).tolist()),
        tuple(_ordinate((ranks + 0.5) / max(total, 1)).tolist()),
        (len(parts[0]), len(parts[0]) + len(parts[1])),
        _ends(trim),
        k,
        lam,
    )


def _ranks(first: int, last: int, n: int, most: int) -> NDArray[np.int64]:
    """Return ranks from `first` to `last` - 1 whose ordinates are evenly far apart."""
    if last - first <= most:
        return np.arange(first, last)
    low, high = _ordinate((np.array([first, last - 1]) + 0.5) / n)
    p = -np.expm1(-np.exp(np.linspace(low, high, most)))
    return np.unique(np.clip(np.rint(p * n - 0.5).astype(np.int64), first, last - 1))


def _ordinate(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(-np.log1p(-p)))


def _ends(trim: str) -> tuple[float, float]:
    low, high = TRIMS[trim].low, TRIMS[trim].high
    return (
        math.log(-math.log1p(-low)) if low > 0 else -math.inf,
        math.log(-math.log1p(-high)) if high < 1 else math.inf,
    )

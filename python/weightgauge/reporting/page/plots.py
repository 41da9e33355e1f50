"""The probability plot of a matrix and its distribution, as a page carries them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.pictures import NORMAL_MEDIAN, magnitude_counts, weibull_points
from weightgauge.reporting.page.short_numbers import packed, rounded, rounded_all

if TYPE_CHECKING:
    from weightgauge.fits import SliceFit
    from weightgauge.magnitudes import MagnitudeHistogram

LEAST_WEIGHTS = 1024
"""Fewer weights have no plot: its points would tell a good part of them."""


def plot_of(item: SliceFit, histogram: MagnitudeHistogram, scale: float) -> dict[str, Any]:
    """Return what is drawn of one matrix.

    Parameters
    ----------
    item : SliceFit
        The matrix and its fit.
    histogram : MagnitudeHistogram
        Its magnitudes.
    scale : float
        What these are still to be multiplied with.

    Returns
    -------
    dict
        `x` and `y` of the points of its probability plot; `window`, which of them the line was
        fitted to; `ends` of the bins of equal ratio that its weights are counted in; and the
        logarithms to base 10 of the `counts`, and of what is expected of `gaussian` weights and of
        the `weibull` distribution. Lists of many numbers are `packed`.
    """
    points = weibull_points(histogram, k=item.k, lam=item.lam, scale=scale)
    sizes = magnitude_counts(histogram, k=item.k, lam=item.lam, scale=scale)
    return {
        **{"x": packed(points.x), "y": packed(points.y), "window": list(points.window)},
        "ends": [rounded(sizes.edges[0]), rounded(sizes.edges[-1])] if sizes.edges else None,
        "counts": packed(_logarithms(sizes.counts)),
        "gaussian": packed(_logarithms(sizes.gaussian)),
        "weibull": packed(_logarithms(sizes.weibull)),
    }


def _logarithms(numbers: Sequence[float]) -> list[float]:
    """Return logarithms to base 10; NaN for less than a tenth of a weight, which nobody sees."""
    return [math.log10(number) if number >= 0.1 else math.nan for number in numbers]


def gaussian_curve() -> dict[str, list[float | None]]:
    """Return the curve of Gaussian weights in a probability plot.

    Returns
    -------
    dict
        Ordinates `y`, and under `x` the logarithm of the magnitude divided by the median there.
    """
    from scipy.special import erfinv, ndtri  # type: ignore[import-untyped]

    y = np.linspace(-16.0, 3.4, 98)
    above = np.exp(-np.exp(y))  # 1 - p, and p without the digits that 1 - above would lose
    below = -np.expm1(-np.exp(y))
    x = np.where(y < 0, erfinv(below) * math.sqrt(2), -ndtri(above / 2))
    return {
        "x": rounded_all((np.log(x) - math.log(NORMAL_MEDIAN)).tolist()),
        "y": rounded_all(y.tolist()),
    }

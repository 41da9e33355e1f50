"""The probability plot of a matrix and its distribution, as a page carries them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.pictures import NORMAL_MEDIAN, magnitude_counts, weibull_points
from weightgauge.reporting.page.short_numbers import packed, rounded, rounded_all

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits import SliceFit
    from weightgauge.magnitudes import MagnitudeHistogram
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import ModelHistograms

MOST_PLOTS = 2000
"""Matrices of one page that have plots: each takes about 2 kB."""

LEAST_WEIGHTS = 1024
"""Fewer weights have no plot: its points would tell a good part of them."""


def plots_of(
    kept: ModelHistograms,
    options: FitOptions,
    slices: Sequence[SliceFit | None],
    serious: Collection[int],
    *,
    most: int | None = None,
) -> list[dict[str, Any] | None]:
    """Return the plots of the matrices.

    Parameters
    ----------
    kept : ModelHistograms
        Their counts.
    options : FitOptions
        How they are fitted.
    slices : sequence of SliceFit or None
        In the order of the rows; None for a row that the model does not have.
    serious : collection of int
        Rows that come first if a page cannot hold the plots of all.
    most : int, optional
        How many it can hold; by default `MOST_PLOTS`.

    Returns
    -------
    list of dict or None
        One for each row; None for vectors, small and empty tensors, and what is more than a page
        holds.
    """
    able = [
        (row, item.key)
        for row, item in enumerate(slices)
        if item is not None and len(item.shape) >= 2 and item.n >= LEAST_WEIGHTS
    ]
    able.sort(key=lambda each: each[0] not in serious)
    chosen = able[: MOST_PLOTS if most is None else most]
    rows: dict[SliceKey, int] = {key: row for row, key in chosen}
    plots: list[dict[str, Any] | None] = [None] * len(slices)
    for each in kept.measure(options):
        row = rows.get(each.fit.key)
        if row is not None and each.histogram is not None:
            plots[row] = _plot_of(each.fit, each.histogram, each.scale)
    return plots


def _plot_of(item: SliceFit, histogram: MagnitudeHistogram, scale: float) -> dict[str, Any]:
    """Return what is drawn of one matrix.

    `x` and `y` are the points of its probability plot, and `window` says which of them the line was
    fitted to; `ends` are those of the bins of equal ratio that its weights are counted in; then
    follow the logarithms to base 10 of the `counts`, and of what is expected of `gaussian` weights
    and of the `weibull` distribution. Lists of many numbers are `packed`.
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

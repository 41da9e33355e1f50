"""The distance between the distributions of two slices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.magnitudes.given import as_histogram

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weightgauge.magnitudes.histogram import MagnitudeHistogram


def two_sample_ks(a: MagnitudeHistogram | ArrayLike, b: MagnitudeHistogram | ArrayLike) -> float:
    """Return the Kolmogorov-Smirnov distance between the magnitudes of two slices.

    The distance is sup |F_a - F_b|, where F are the empirical distribution functions of all finite
    magnitudes, zeros included (Smirnov 1939).

    Parameters
    ----------
    a, b : MagnitudeHistogram or array_like of float
        The two slices. Their element formats may differ.

    Returns
    -------
    float
        Between 0 and 1; NaN where a slice has no finite element. Exact where both histograms are
        exact. For binned histograms the error is at most the share of the fullest bin.

    Examples
    --------
    >>> from weightgauge.comparison import two_sample_ks
    >>> two_sample_ks([1.0, 2.0], [2.0, 3.0])
    0.5
    """
    a, b = as_histogram(a), as_histogram(b)
    if a.n + a.zeros == 0 or b.n + b.zeros == 0:
        return math.nan
    like = (a.dtype, a._core.dropped_bits) == (b.dtype, b._core.dropped_bits)
    # Bins are compared by their edges, because the means inside them differ a little.
    at_a, at_b = (a._core.keys, b._core.keys) if like else (a.magnitudes, b.magnitudes)
    places = np.union1d(at_a, at_b)
    gaps = np.abs(_share_up_to(a, at_a, places) - _share_up_to(b, at_b, places))
    at_zero = abs(a.zeros / (a.n + a.zeros) - b.zeros / (b.n + b.zeros))
    return float(max(at_zero, np.max(gaps, initial=0.0)))


def least_difference(a: MagnitudeHistogram | ArrayLike, b: MagnitudeHistogram | ArrayLike) -> float:
    """Return the smallest root mean square difference that two slices can have.

    It is the 2-Wasserstein distance between the magnitudes, zeros included: the root of the
    integral over p of (Q_a(p) - Q_b(p))^2, where Q are the quantile functions. No pairing of their
    elements has a smaller root mean square difference.

    Parameters
    ----------
    a, b : MagnitudeHistogram or array_like of float
        The two slices.

    Returns
    -------
    float
        In the unit of the weights; NaN where a slice has no finite element.

    Examples
    --------
    >>> from weightgauge.comparison import least_difference
    >>> least_difference([1.0, 2.0], [2.0, 3.0])
    1.0
    """
    a, b = as_histogram(a), as_histogram(b)
    if a.n + a.zeros == 0 or b.n + b.zeros == 0:
        return math.nan
    (x_a, upto_a), (x_b, upto_b) = _steps(a), _steps(b)
    share = np.union1d(upto_a, upto_b)
    at_a = np.minimum(np.searchsorted(upto_a, share), len(x_a) - 1)
    at_b = np.minimum(np.searchsorted(upto_b, share), len(x_b) - 1)
    unit = max(float(x_a[-1]), float(x_b[-1]))
    if unit == 0:
        return 0.0
    gaps = x_a[at_a] / unit - x_b[at_b] / unit
    return unit * math.sqrt(float(np.sum(np.diff(share, prepend=0.0) * gaps**2)))


def _steps(histogram: MagnitudeHistogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the magnitudes, zero included, and the share of the elements up to each."""
    counts = np.concatenate(([histogram.zeros], histogram.counts)).astype(np.float64)
    magnitudes = np.concatenate(([0.0], histogram.magnitudes))
    some = counts > 0
    return magnitudes[some], np.cumsum(counts[some]) / np.sum(counts)


def _share_up_to(
    histogram: MagnitudeHistogram, at: NDArray[np.generic], places: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Return the share of the elements up to each place; `at` are the places of the counts."""
    running = np.concatenate(([0], np.cumsum(histogram.counts))).astype(np.float64)
    below = running[np.searchsorted(at, places, side="right")] + histogram.zeros
    return np.asarray(below / (histogram.n + histogram.zeros))

"""How many weights of a slice are of each size, and how many of them Gaussian weights would be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.magnitudes.histogram import MagnitudeHistogram

NORMAL_MEDIAN = 0.6744897501960817
"""Median magnitude of normal weights of standard deviation 1: the 0.75 quantile."""

_BINS = 80
_LEAST = 1e-4
"""Probability of the smallest magnitude that is shown: smaller ones are the same for all shapes."""


@dataclass(frozen=True, slots=True)
class MagnitudeCounts:
    """Weights counted in bins of equal ratio, beside what two distributions make expect.

    Attributes
    ----------
    edges : tuple of float
        Ends of the bins: one more than there are bins, ascending.
    counts : tuple of int
        Weights in each bin.
    gaussian : tuple of float
        Number that is expected of as many Gaussian weights with the same median magnitude.
    weibull : tuple of float
        Number that is expected of the fitted Weibull distribution; empty without a fit.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    gaussian: tuple[float, ...]
    weibull: tuple[float, ...]


def magnitude_counts(
    histogram: MagnitudeHistogram,
    *,
    k: float = math.nan,
    lam: float = math.nan,
    scale: float = 1.0,
) -> MagnitudeCounts:
    """Count the magnitudes of a slice in bins that are equally wide on a logarithmic axis.

    The smallest 1 in 10,000 are left out; the largest is in the last bin. The Gaussian weights have
    the same median magnitude, because outliers do not move it.

    Parameters
    ----------
    histogram : MagnitudeHistogram
        All magnitudes of the slice.
    k, lam : float
        Its Weibull fit; NaN without one.
    scale : float
        What all magnitudes are still to be multiplied with.

    Returns
    -------
    MagnitudeCounts
        At most 80 bins; none if all magnitudes are the same, or there are none.
    """
    from scipy.special import erf  # type: ignore[import-untyped]

    n = histogram.n
    if n == 0:
        return MagnitudeCounts((), (), (), ())
    lowest, middle = histogram.quantiles([_LEAST, 0.5]) * abs(scale)
    magnitudes = histogram.magnitudes * abs(scale)
    if not 0 < lowest < magnitudes[-1]:
        return MagnitudeCounts((), (), (), ())
    edges = np.geomspace(lowest, magnitudes[-1], _BINS + 1)
    edges[[0, -1]] = lowest, magnitudes[-1]  # the ends are magnitudes, to the last bit
    counts, _ = np.histogram(magnitudes, edges, weights=histogram.counts.astype(np.int64))
    gaussian = n * np.diff(erf(edges * (NORMAL_MEDIAN / middle / math.sqrt(2))))
    weibull: NDArray[np.float64] = np.empty(0)
    if not math.isnan(k):
        with np.errstate(over="ignore"):  # far above lambda none is expected: exp(-inf)
            weibull = n * np.diff(-np.expm1(-((edges / lam) ** k)))
    return MagnitudeCounts(
        tuple(edges.tolist()),
        tuple(map(int, counts)),
        tuple(gaussian.tolist()),
        tuple(weibull.tolist()),
    )

"""Measures of tails and sparsity that assume no distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.magnitudes.given import as_histogram
from weightgauge.records import as_row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weightgauge.magnitudes.histogram import MagnitudeHistogram

_LEVELS = (0.10, 0.50, 0.90, 0.99, 0.999)


@dataclass(frozen=True, slots=True, repr=False)
class Heaviness:
    """Distribution-free measures of tails and sparsity, without units.

    Quantiles and Gini coefficient are over the finite magnitudes that are not zero, to which a
    Weibull distribution is fitted. Moments and shares are over all finite elements. The paper's
    library (arXiv:2605.18898) has Q90/Q10, P99.9/P50 and the Gini coefficient too. Entropy is that
    of Shannon (1948).

    Attributes
    ----------
    q90_q10, q99_q50, p999_p50 : float
        Quotients of quantiles: Q(0.9)/Q(0.1), Q(0.99)/Q(0.5), Q(0.999)/Q(0.5). Gaussian weights
        have 13.09, 3.819 and 4.879.
    max_q99 : float
        Largest magnitude over Q(0.99). It grows with the number of elements.
    gini : float
        Gini coefficient of the magnitudes, sum_i (2i - n - 1) x_(i) / (n sum x). Equal magnitudes
        have 0, Gaussian weights sqrt(2) - 1 = 0.4142, Laplacian weights 0.5.
    kurtosis : float
        E[w^4] / E[w^2]^2, with moments about zero: 3 for Gaussian weights, 1.8 for uniform ones.
    beyond_4_rms, beyond_6_rms : float
        Share of the elements beyond 4 and 6 times the root mean square. Gaussian weights have
        6.3e-5 and 2.0e-9.
    zero_share : float
        Share of the elements that are zero.
    code_entropy : float
        Entropy of the stored codes in bits per element, with one bit for the sign of every element
        that is not zero. The best code for independent elements needs that many bits. NaN where
        magnitudes are binned.
    """

    q90_q10: float
    q99_q50: float
    p999_p50: float
    max_q99: float
    gini: float
    kurtosis: float
    beyond_4_rms: float
    beyond_6_rms: float
    zero_share: float
    code_entropy: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the kurtosis and two quotients of quantiles."""
        return (
            f"<Heaviness: kurtosis {self.kurtosis:.4g}, Q99/Q50 {self.q99_q50:.4g}, "
            f"max/Q99 {self.max_q99:.4g}>"
        )


def heaviness(weights: MagnitudeHistogram | ArrayLike) -> Heaviness:
    """Measure tails and sparsity.

    Parameters
    ----------
    weights : MagnitudeHistogram or array_like of float
        The weights, or their histogram.

    Returns
    -------
    Heaviness
        From a histogram that is not exact, quantiles have a relative error of at most 2^-13 and
        all other measures of 1e-6. Measures that do not exist, because no element is finite or all
        are zero, are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from weightgauge.distributions import heaviness
    >>> uniform = (np.arange(10_000, dtype=np.float32) + 0.5) / 10_000
    >>> measured = heaviness(uniform)
    >>> f"{measured.gini:.3f} {measured.kurtosis:.2f} {measured.q90_q10:.1f}"
    '0.333 1.80 9.0'
    """
    histogram = as_histogram(weights)
    finite = histogram.n + histogram.zeros
    zero_share = histogram.zeros / finite if finite else math.nan
    nan = math.nan
    if histogram.n == 0:
        return Heaviness(nan, nan, nan, nan, nan, nan, nan, nan, zero_share, _entropy(histogram))
    q10, q50, q90, q99, q999 = (float(q) for q in histogram.quantiles(_LEVELS))
    # Magnitudes are divided by the largest one, so that no power overflows.
    x = histogram.magnitudes / histogram.max
    counts = histogram.counts.astype(np.float64)
    squares = float(np.sum(counts * x**2))
    fourth = float(np.sum(counts * x**4))
    rms = math.sqrt(squares / finite)
    return Heaviness(
        q90_q10=_ratio(q90, q10),
        q99_q50=_ratio(q99, q50),
        p999_p50=_ratio(q999, q50),
        max_q99=_ratio(histogram.max, q99),
        gini=_gini(x, counts),
        kurtosis=finite * fourth / squares**2 if squares > 0 else nan,
        beyond_4_rms=float(np.sum(counts[x > 4 * rms])) / finite,
        beyond_6_rms=float(np.sum(counts[x > 6 * rms])) / finite,
        zero_share=zero_share,
        code_entropy=_entropy(histogram),
    )


def _ratio(above: float, below: float) -> float:
    ratio = above / below
    return ratio if math.isfinite(ratio) else math.nan


def _gini(x: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """Return one minus twice the area under the Lorenz curve, exact for the counted elements."""
    n = float(np.sum(counts))
    total = float(np.sum(counts * x))
    before = np.cumsum(counts) - counts
    # The mean rank of a group of equal magnitudes is before + (count + 1) / 2.
    ranks = 2 * before + counts - n
    return float(np.sum(ranks * counts * x)) / (n * total)


def _entropy(histogram: MagnitudeHistogram) -> float:
    groups = np.append(
        histogram.counts.astype(np.float64), (histogram.zeros, histogram.nan, histogram.inf)
    )
    total = float(np.sum(groups))
    if not histogram.exact or total == 0:
        return math.nan
    shares = groups[groups > 0] / total
    signed = (histogram.n + histogram.inf) / total
    return float(-np.sum(shares * np.log2(shares))) + signed

"""Other estimates of shape and scale: maximum likelihood, and regression of ln x on y."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weightgauge.magnitudes.given import as_histogram
from weightgauge.magnitudes.plotting_positions import mean_ordinate
from weightgauge.magnitudes.weibull import WeibullFit, fit_weibull
from weightgauge.records import as_dict

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from weightgauge.magnitudes.histogram import MagnitudeHistogram

# The standard errors of maximum likelihood follow from the inverse Fisher information of a Weibull
# sample: k _K_ERROR / sqrt(n) for k, and _LAMBDA_ERROR / (k sqrt(n)) for ln lambda.
_K_ERROR = math.sqrt(6) / math.pi
_LAMBDA_ERROR = math.sqrt(1 + 6 * (1 - np.euler_gamma) ** 2 / math.pi**2)


class Estimate(NamedTuple):
    """Another estimate of shape and scale.

    Attributes
    ----------
    k, lam : float
        Weibull shape, and scale in the unit of the weights; NaN where there is none.
    k_se, ln_lambda_se : float
        Standard errors of k and of ln lambda for independent magnitudes of a Weibull distribution;
        NaN where they are not known.
    """

    k: float
    lam: float
    k_se: float = math.nan
    ln_lambda_se: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_dict(self)


def weibull_mle(weights: MagnitudeHistogram | ArrayLike) -> Estimate:
    """Fit a Weibull distribution to all magnitudes by maximum likelihood.

    k solves sum x^k ln x / sum x^k - 1/k = mean of ln x, and lambda = (mean of x^k)^(1/k) (Johnson,
    Kotz and Balakrishnan, Continuous Univariate Distributions, vol. 1, 1994, ch. 21). Gaussian
    weights are no Weibull sample, and for them this estimate, k = 1.2628, differs from the fit on
    the probability plot: likelihood gives weight to the tails, and the plot's window cuts them off.

    Parameters
    ----------
    weights : MagnitudeHistogram or array_like of float
        The weights, or their histogram. Zeros are left out.

    Returns
    -------
    Estimate
        NaN where fewer than two different magnitudes occur.

    Examples
    --------
    >>> from weightgauge.distributions import Weibull, weibull_mle
    >>> sample = [Weibull(1.2, 0.02).quantile((i + 0.5) / 4000) for i in range(4000)]
    >>> f"{weibull_mle(sample).k:.2f}"
    '1.20'
    """
    from scipy.optimize import brentq  # type: ignore[import-untyped]

    histogram = as_histogram(weights)
    if len(histogram.counts) < 2:
        return Estimate(math.nan, math.nan)
    unit = histogram.max
    counts = histogram.counts.astype(np.float64)
    logs = np.log(histogram.magnitudes) - math.log(unit)  # at most 0, so no power overflows
    n = float(np.sum(counts))
    mean_log = float(np.sum(counts * logs)) / n

    def excess(k: float) -> float:
        powers = counts * np.exp(k * logs)
        return float(np.sum(powers * logs) / np.sum(powers)) - 1 / k - mean_log

    # A Weibull distribution has k = pi / (sqrt(6) sd(ln x)). The search for the root starts there.
    spread = math.sqrt(float(np.sum(counts * (logs - mean_log) ** 2)) / n)
    guess = math.pi / (math.sqrt(6) * spread)
    low, high = guess / 2, guess * 2
    while excess(low) > 0:
        low /= 2
    while excess(high) < 0:
        high *= 2
    k = float(brentq(excess, low, high, xtol=1e-14 * guess, rtol=1e-14))
    log_mean_power = math.log(float(np.sum(counts * np.exp(k * logs))) / n)
    return Estimate(
        k,
        math.exp(math.log(unit) + log_mean_power / k),
        _K_ERROR * k / math.sqrt(n),
        _LAMBDA_ERROR / (k * math.sqrt(n)),
    )


def regression_x_on_y(fit: WeibullFit | ArrayLike) -> Estimate:
    """Return the line that fits ln x to ln(-ln(1 - p)) on the same probability plot.

    The usual fit is the least-squares line of ln(-ln(1 - p)) on ln x. This one has the axes
    exchanged: its slope is 1/k, so that its k is the usual k divided by R2, and both lines go
    through the same centre. The two agree where the plot is straight. Gaussian weights have
    k = 1.2082 and lambda = 0.88673 standard deviations. Textbooks differ on which of the two lines
    they fit.

    Parameters
    ----------
    fit : WeibullFit or array_like of float
        A fit by the order protocol, or the weights, which are then fitted by it.

    Returns
    -------
    Estimate
        NaN where the fit has no numbers.

    Raises
    ------
    ValueError
        If the fit is by the paper's protocol, whose centre does not follow from n.
    """
    if not isinstance(fit, WeibullFit):
        fit = fit_weibull(fit)
    if fit.protocol != "order":
        raise ValueError(f"the fit must be by the order protocol, not {fit.protocol!r}")
    if not (math.isfinite(fit.k) and fit.r2 > 0):
        return Estimate(math.nan, math.nan)
    k = fit.k / fit.r2
    centre = mean_ordinate(fit.n, fit.trim)
    return Estimate(k, fit.lam * math.exp(centre * (1 / fit.k - 1 / k)))

"""Other ways to the same two parameters: maximum likelihood, and regression the other way round."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weightgauge.magnitudes.plotting_positions import mean_ordinate

if TYPE_CHECKING:
    from weightgauge.magnitudes.histogram import MagnitudeHistogram
    from weightgauge.magnitudes.weibull import WeibullFit

# Standard errors of maximum likelihood for a true Weibull sample, times sqrt(n) (the inverse of its
# Fisher information): for k divided by k, for ln lambda multiplied by k.
_K_ERROR = math.sqrt(6) / math.pi
_LAMBDA_ERROR = math.sqrt(1 + 6 * (1 - np.euler_gamma) ** 2 / math.pi**2)


class Estimate(NamedTuple):
    """Another estimate of shape and scale.

    Attributes
    ----------
    k, lam : float
        Weibull shape, and scale in the unit of the weights; NaN where there is none.
    k_se, ln_lambda_se : float
        Standard errors of k and of ln lambda, if the magnitudes are independent and Weibull
        distributed; NaN where they are not known.
    """

    k: float
    lam: float
    k_se: float = math.nan
    ln_lambda_se: float = math.nan


def weibull_mle(histogram: MagnitudeHistogram) -> Estimate:
    """Fit a Weibull distribution to all magnitudes by maximum likelihood.

    k solves sum x^k ln x / sum x^k - 1/k = mean of ln x, and lambda = (mean of x^k)^(1/k). Where
    weights are no Weibull sample, as Gaussian ones are not, this and the fit on the probability
    plot differ: likelihood weighs the tails, the plot's window cuts them off. Gaussian weights have
    k = 1.2628 by likelihood. (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions,
    vol. 1, 1994, ch. 21.)

    Parameters
    ----------
    histogram : MagnitudeHistogram
        Of the slice; zeros are left out.

    Returns
    -------
    Estimate
        NaN where fewer than two different magnitudes occur.

    Examples
    --------
    >>> import numpy as np
    >>> import weightgauge as wg
    >>> from weightgauge.distributions import Weibull, weibull_mle
    >>> sample = [Weibull(1.2, 0.02).quantile((i + 0.5) / 4000) for i in range(4000)]
    >>> f"{weibull_mle(wg.magnitude_histogram(sample)).k:.2f}"
    '1.20'
    """
    from scipy.optimize import brentq  # type: ignore[import-untyped]

    if len(histogram.counts) < 2:
        return Estimate(math.nan, math.nan)
    unit = histogram.max
    counts = histogram.counts.astype(np.float64)
    logs = np.log(histogram.magnitudes) - math.log(unit)  # at most 0: no power overflows
    n = float(np.sum(counts))
    mean_log = float(np.sum(counts * logs)) / n

    def excess(k: float) -> float:
        powers = counts * np.exp(k * logs)
        return float(np.sum(powers * logs) / np.sum(powers)) - 1 / k - mean_log

    # For a Weibull sample k = pi / (sqrt(6) sd(ln x)); the root is looked for from there.
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


def regression_x_on_y(fit: WeibullFit) -> Estimate:
    """Return the line through the same probability plot that is fitted the other way round.

    Least squares of ln x on ln(-ln(1 - p)) instead of the reverse: its slope is 1/k, so k becomes
    k / R2, and the line goes through the same centre. The two agree where the plot is straight.
    Gaussian weights have k = 1.2082 and lambda = 0.88673 standard deviations. (Ordinary least
    squares; which of the two lines is called the Weibull plot's differs between textbooks.)

    Parameters
    ----------
    fit : WeibullFit
        By the order protocol.

    Returns
    -------
    Estimate
        NaN where the fit has no numbers.

    Raises
    ------
    ValueError
        The fit is by another protocol, whose centre is not known from n.
    """
    if fit.protocol != "order":
        raise ValueError(f"the fit must be by the order protocol, not {fit.protocol!r}")
    if not (math.isfinite(fit.k) and fit.r2 > 0):
        return Estimate(math.nan, math.nan)
    k = fit.k / fit.r2
    centre = mean_ordinate(fit.n, fit.trim)
    return Estimate(k, fit.lam * math.exp(centre * (1 / fit.k - 1 / k)))

"""Comparison of Weibull with other distributions of magnitudes, by binned maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.magnitudes.given import as_histogram
from weightgauge.records import Table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weightgauge.magnitudes.histogram import MagnitudeHistogram

_BINS = 512
_FEWEST = 10
_MOST_DECADES = 100
_LEAST_SPREAD = 1e-8

_Tails = Callable[["NDArray[np.float64]", Sequence[float]], "tuple[Any, Any]"]


@dataclass(frozen=True, slots=True, repr=False)
class DistributionFit:
    """One distribution, fitted to the magnitudes of a slice.

    Attributes
    ----------
    distribution : str
        "weibull", "half-normal", "lognormal", "gamma" or "generalised gamma".
    parameters : dict of str to float
        By name; scales have the unit of the weights. Weibull: k, lambda. Half-normal: sigma.
        Lognormal: mu and sigma of ln |w|. Gamma: shape, scale. Generalised gamma: shape, power and
        scale, with P(|w| <= x) = P(shape, (x/scale)^power), where P is the regularised incomplete
        gamma function. Weibull is its case of shape 1, gamma of power 1, and half-normal of
        shape 1/2 and power 2.
    log_likelihood : float
        Natural logarithm of the likelihood of the binned counts. All distributions share the bins.
    aic : float
        Akaike's information criterion, 2 (number of parameters) - 2 log_likelihood: lower is
        better. It takes elements as independent.
    ks : float
        Kolmogorov-Smirnov distance to all magnitudes, on both sides of every jump. Exact where the
        histogram is exact; otherwise the distance to the means of its bins.
    """

    distribution: str
    parameters: dict[str, float]
    log_likelihood: float
    aic: float
    ks: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "distribution": self.distribution,
            "parameters": dict(self.parameters),
            "log_likelihood": self.log_likelihood,
            "aic": self.aic,
            "ks": self.ks,
        }

    def __repr__(self) -> str:
        """Show the distribution, its AIC and its distance."""
        return f"<DistributionFit {self.distribution}: AIC {self.aic:,.1f}, KS {self.ks:.4f}>"


@dataclass(frozen=True, slots=True)
class _Family:
    """A distribution whose parameters are positive, except where `free` is set."""

    name: str
    names: tuple[str, ...]
    free: tuple[bool, ...]
    tails: _Tails  # returns the distribution function and its complement


def compare_distributions(weights: MagnitudeHistogram | ArrayLike) -> Table[DistributionFit]:
    """Fit five distributions to the magnitudes of weights and rank them.

    Magnitudes are grouped into at most 512 bins of about equal counts. The first bin starts at 0,
    the last ends at infinity, and the other edges lie half-way between magnitudes that occur. The
    parameters maximise the likelihood of the counts. The generalised gamma distribution contains
    Weibull, gamma and half-normal as special cases and the lognormal as a limit, so its likelihood
    is the yardstick (Stacy 1962).

    Parameters
    ----------
    weights : MagnitudeHistogram or array_like of float
        The weights, or their histogram. Zeros are left out.

    Returns
    -------
    Table of DistributionFit
        The lowest AIC first. Empty where fewer than 10 different magnitudes occur, where they
        span more than 100 powers of ten, or where their logarithms spread by less than 1e-8.

    Examples
    --------
    >>> import numpy as np
    >>> from weightgauge.distributions import compare_distributions
    >>> weights = np.random.default_rng(0).normal(0.0, 0.02, 20_000).astype(np.float32)
    >>> fits = compare_distributions(weights)
    >>> aic = {fit.distribution: fit.aic for fit in fits}
    >>> aic["half-normal"] < aic["weibull"] < aic["gamma"] < aic["lognormal"]
    True
    """
    histogram = as_histogram(weights)
    x = histogram.magnitudes
    if len(x) < _FEWEST or math.log10(x[-1]) - math.log10(x[0]) > _MOST_DECADES:
        return Table(DistributionFit)
    unit = float(histogram.quantiles([0.5])[0])
    scaled = x / unit  # of order 1, whatever the unit of the weights
    counts = histogram.counts.astype(np.float64)
    edges, binned = _bins(scaled, counts)
    logs = np.log(scaled)
    n = float(np.sum(counts))
    mean_log = float(np.sum(counts * logs)) / n
    spread = math.sqrt(float(np.sum(counts * (logs - mean_log) ** 2)) / n)
    rms = math.sqrt(float(np.sum(counts * scaled**2)) / n)
    if spread < _LEAST_SPREAD:
        return Table(DistributionFit)
    starts = _starts(mean_log, spread, rms)
    found: dict[str, tuple[tuple[float, ...], float]] = {}
    for family in _FAMILIES:
        guesses = starts.get(family.name) or _nested_starts(found)
        best = max(
            (_most_likely(family, guess, edges, binned) for guess in guesses),
            key=lambda each: each[1],
        )
        found[family.name] = best
    fits = [_worded(family, *found[family.name], scaled, counts, unit) for family in _FAMILIES]
    return Table(DistributionFit, sorted(fits, key=lambda fit: fit.aic))


def _starts(mean_log: float, spread: float, rms: float) -> dict[str, list[tuple[float, ...]]]:
    """Return starting points by the moments of ln x. Far from the maximum a likelihood is flat."""
    from scipy.optimize import brentq  # type: ignore[import-untyped]
    from scipy.special import digamma, polygamma  # type: ignore[import-untyped]

    k = math.pi / (math.sqrt(6) * spread)
    # The variance of ln x is trigamma(shape) for a gamma distribution, its mean digamma(shape).
    shape = math.exp(
        brentq(lambda s: math.log(float(polygamma(1, math.exp(s))) / spread**2), -40.0, 40.0)
    )
    return {
        "weibull": [(k, math.exp(mean_log + np.euler_gamma / k))],
        "half-normal": [(rms,)],
        "lognormal": [(mean_log, spread)],
        "gamma": [(shape, math.exp(mean_log - float(digamma(shape))))],
    }


def _bins(
    x: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return edges between magnitudes, and the counts between the edges."""
    running = np.cumsum(counts)
    marks = np.searchsorted(running, running[-1] * np.arange(1, _BINS) / _BINS)
    last = np.unique(np.append(marks, len(x) - 1))  # last magnitude of each bin
    between = (x[last[:-1]] + x[last[:-1] + 1]) / 2
    edges = np.concatenate(([0.0], between, [np.inf]))
    return edges, np.diff(np.concatenate(([0.0], running[last])))


def _most_likely(
    family: _Family,
    start: Sequence[float],
    edges: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> tuple[tuple[float, ...], float]:
    """Return parameters and log-likelihood at the maximum that is reached from `start`."""
    from scipy.optimize import minimize

    n = float(np.sum(counts))

    def natural(point: Sequence[float]) -> tuple[float, ...]:
        with np.errstate(over="ignore"):
            return tuple(
                float(value) if free else float(np.exp(value))
                for value, free in zip(point, family.free, strict=True)
            )

    def loss(point: Sequence[float]) -> float:
        return -_log_likelihood(family, natural(point), edges, counts) / n

    first = [
        value if free else math.log(value) for value, free in zip(start, family.free, strict=True)
    ]
    # The likelihood is nearly flat where shape and power compensate each other, so a method
    # without derivatives is used.
    options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000}
    result = minimize(loss, first, method="Nelder-Mead", options=options)
    return natural(result.x), -float(result.fun) * n


def _log_likelihood(
    family: _Family,
    parameters: Sequence[float],
    edges: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> float:
    with np.errstate(all="ignore"):
        below, above = family.tails(edges, parameters)
        # Each share is a difference on the side where no digits cancel.
        share = np.where(below[1:] < 0.5, np.diff(below), -np.diff(above))
        terms = counts * np.log(np.maximum(share, 1e-300))
    total = float(np.sum(terms))
    return total if math.isfinite(total) else -1e300


def _nested_starts(
    found: dict[str, tuple[tuple[float, ...], float]],
) -> list[tuple[float, ...]]:
    """Return the generalised gamma distributions that equal the fits of its special cases."""
    (k, lam), _ = found["weibull"]
    (sigma,), _ = found["half-normal"]
    (shape, scale), _ = found["gamma"]
    return [(1.0, k, lam), (0.5, 2.0, math.sqrt(2) * sigma), (shape, 1.0, scale)]


def _worded(
    family: _Family,
    parameters: tuple[float, ...],
    log_likelihood: float,
    x: NDArray[np.float64],
    counts: NDArray[np.float64],
    unit: float,
) -> DistributionFit:
    below, _ = family.tails(x, parameters)
    upper = np.cumsum(counts) / np.sum(counts)
    lower = np.concatenate(([0.0], upper[:-1]))
    named = dict(zip(family.names, parameters, strict=True))
    if family.name == "lognormal":
        named["mu"] += math.log(unit)
    else:
        scale = family.names[-1]
        named[scale] *= unit
    return DistributionFit(
        distribution=family.name,
        parameters=named,
        log_likelihood=log_likelihood,
        aic=2 * len(parameters) - 2 * log_likelihood,
        ks=float(max(np.max(np.abs(upper - below)), np.max(np.abs(below - lower)))),
    )


def _weibull(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    k, lam = parameters
    z = (x / lam) ** k
    return -np.expm1(-z), np.exp(-z)


def _half_normal(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    from scipy.special import erf, erfc

    z = x / (parameters[0] * math.sqrt(2))
    return erf(z), erfc(z)


def _lognormal(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    from scipy.special import ndtr

    mu, sigma = parameters
    with np.errstate(divide="ignore"):
        z = (np.log(x) - mu) / sigma
    return ndtr(z), ndtr(-z)


def _gamma(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    shape, scale = parameters
    return _generalised_gamma(x, (shape, 1.0, scale))


def _generalised_gamma(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    from scipy.special import gammainc, gammaincc

    shape, power, scale = parameters
    z = (x / scale) ** power
    return gammainc(shape, z), gammaincc(shape, z)


# The generalised gamma distribution comes last, because it starts from the fits of the others.
_FAMILIES = (
    _Family("weibull", ("k", "lambda"), (False, False), _weibull),
    _Family("half-normal", ("sigma",), (False,), _half_normal),
    _Family("lognormal", ("mu", "sigma"), (True, False), _lognormal),
    _Family("gamma", ("shape", "scale"), (False, False), _gamma),
    _Family(
        "generalised gamma", ("shape", "power", "scale"), (False, False, False), _generalised_gamma
    ),
)

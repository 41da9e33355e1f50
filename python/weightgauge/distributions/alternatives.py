"""Weibull against other distributions of magnitudes, by binned maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.magnitudes.histogram import MagnitudeHistogram

_BINS = 512
_FEWEST = 10
_MOST_DECADES = 100
_LEAST_SPREAD = 1e-8

_Tails = Callable[["NDArray[np.float64]", Sequence[float]], "tuple[Any, Any]"]


@dataclass(frozen=True, slots=True)
class DistributionFit:
    """One distribution, fitted to the magnitudes of a slice.

    Attributes
    ----------
    distribution : str
        "weibull", "half-normal", "lognormal", "gamma" or "generalised gamma".
    parameters : dict of str to float
        By name; scales in the unit of the weights. Weibull: k, lambda. Half-normal: sigma.
        Lognormal: mu and sigma of ln |w|. Gamma: shape, scale. Generalised gamma: shape, power and
        scale, with P(|w| <= x) = P(shape, (x/scale)^power), P the regularised incomplete gamma
        function; Weibull has shape 1, gamma power 1, half-normal shape 1/2 and power 2.
    log_likelihood : float
        Natural logarithm, of the counts in the bins that all distributions here share.
    aic : float
        Akaike's information criterion, 2 (number of parameters) - 2 log_likelihood: lower is
        better. It counts elements as independent.
    ks : float
        Kolmogorov-Smirnov distance to all magnitudes on both sides of every jump: exact where the
        histogram is, else to the means of its bins.
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


@dataclass(frozen=True, slots=True)
class _Family:
    """Distribution with parameters that are all positive, or free where `free` says so."""

    name: str
    names: tuple[str, ...]
    free: tuple[bool, ...]
    tails: _Tails  # distribution function and its complement


def compare_distributions(histogram: MagnitudeHistogram) -> tuple[DistributionFit, ...]:
    """Fit five distributions to the magnitudes of a slice and rank them.

    Magnitudes are grouped into at most 512 bins of about equal counts, the first from 0 and the
    last to infinity, with edges half-way between magnitudes that occur; the parameters make the
    counts most likely. The generalised gamma distribution holds all others but the lognormal as
    special cases (and that one as a limit), so its likelihood is the yardstick (Stacy 1962).

    Parameters
    ----------
    histogram : MagnitudeHistogram
        Of the slice; zeros are left out.

    Returns
    -------
    tuple of DistributionFit
        The lowest AIC first; empty where fewer than 10 different magnitudes occur, or where they
        span more than 100 powers of ten, or their logarithms spread by less than 1e-8.

    Examples
    --------
    >>> import numpy as np
    >>> import weightgauge as wg
    >>> from weightgauge.distributions import compare_distributions
    >>> weights = np.random.default_rng(0).normal(0.0, 0.02, 20_000).astype(np.float32)
    >>> fits = compare_distributions(wg.magnitude_histogram(weights))
    >>> aic = {fit.distribution: fit.aic for fit in fits}
    >>> aic["half-normal"] < aic["weibull"] < aic["gamma"] < aic["lognormal"]
    True
    """
    x = histogram.magnitudes
    if len(x) < _FEWEST or math.log10(x[-1]) - math.log10(x[0]) > _MOST_DECADES:
        return ()
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
        return ()
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
    return tuple(sorted(fits, key=lambda fit: fit.aic))


def _starts(mean_log: float, spread: float, rms: float) -> dict[str, list[tuple[float, ...]]]:
    """Where the moments of ln x would put each distribution: far off, a likelihood is flat."""
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
    """Edges between magnitudes, and the counts between them."""
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
    """Parameters and log-likelihood at the maximum that a climb from `start` reaches."""
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
    # Without derivatives: a likelihood of counts is smooth, but flat where shape and power trade.
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
        # From whichever side nothing cancels.
        share = np.where(below[1:] < 0.5, np.diff(below), -np.diff(above))
        terms = counts * np.log(np.maximum(share, 1e-300))
    total = float(np.sum(terms))
    return total if math.isfinite(total) else -1e300


def _nested_starts(
    found: dict[str, tuple[tuple[float, ...], float]],
) -> list[tuple[float, ...]]:
    """Where a generalised gamma distribution is one of the others, which are fitted already."""
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


# The generalised gamma distribution last: it starts from the others.
_FAMILIES = (
    _Family("weibull", ("k", "lambda"), (False, False), _weibull),
    _Family("half-normal", ("sigma",), (False,), _half_normal),
    _Family("lognormal", ("mu", "sigma"), (True, False), _lognormal),
    _Family("gamma", ("shape", "scale"), (False, False), _gamma),
    _Family(
        "generalised gamma", ("shape", "power", "scale"), (False, False, False), _generalised_gamma
    ),
)

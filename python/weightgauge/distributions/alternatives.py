"""Comparison of Weibull with other distributions of magnitudes, by binned maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weightgauge.magnitudes.given import as_histogram
from weightgauge.records import Table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weightgauge.magnitudes.histogram import MagnitudeHistogram

# Bins of equal counts in the middle. Distributions differ most in the first and the last of these:
# there a bin has at most an eighth of the elements from it outwards, and the outermost magnitudes
# count one by one.
_BINS = 512
_TAIL_SHARE = 1 / 8
_ONE_BY_ONE = 64
_FEWEST = 10
_MOST_DECADES = 100
_LEAST_SPREAD = 1e-8

_Tails = Callable[["NDArray[np.float64]", Sequence[float]], "tuple[Any, Any]"]
_LogDensity = Callable[["NDArray[np.float64]", Sequence[float]], Any]


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
        Natural logarithm of the likelihood: of the counts in bins, and of the logarithms of the
        outermost magnitudes. All distributions share both.
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
    log_density: _LogDensity  # of ln x


class _Sample(NamedTuple):
    """Magnitudes as their likelihood needs them: in bins, and outside of these one by one."""

    edges: NDArray[np.float64]
    binned: NDArray[np.float64]
    outermost: NDArray[np.float64]
    counts: NDArray[np.float64]


def compare_distributions(weights: MagnitudeHistogram | ArrayLike) -> Table[DistributionFit]:
    """Fit five distributions to the magnitudes of weights and rank them.

    Magnitudes are grouped into 512 bins of about equal counts, whose edges lie half-way between
    magnitudes that occur. The first and the last of them are divided further, because a heavy tail
    is told by few elements: each bin there has an eighth of the elements that are farther out, and
    up to 64 magnitudes at each end count with their density. The parameters maximise the
    likelihood of all this. The generalised gamma distribution contains Weibull, gamma and
    half-normal as special cases and the lognormal as a limit, so its likelihood is the yardstick
    (Stacy 1962).

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
    sample = _sample(scaled, counts)
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
            (_most_likely(family, guess, sample) for guess in guesses),
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


def _sample(x: NDArray[np.float64], counts: NDArray[np.float64]) -> _Sample:
    """Put magnitudes into bins, except for the outermost ones."""
    running = np.cumsum(counts)
    n = running[-1]
    # A tail has as many elements as one of the even bins, or a few dozen where these have fewer.
    in_tail = max(n / _BINS, min(_ONE_BY_ONE, n / 8))
    # The bins hold the magnitudes first .. last - 1, and the others lie in the tails.
    first = min(_ONE_BY_ONE, int(np.searchsorted(running, in_tail, side="right")))
    behind = int(np.searchsorted(running, n - in_tail, side="left"))
    last = max(len(x) - _ONE_BY_ONE, behind + 1)
    tail = [in_tail]  # elements farther out than each edge
    while tail[-1] * _TAIL_SHARE > 1:
        tail.append(tail[-1] * (1 - _TAIL_SHARE))
    even = n * np.arange(1, _BINS) / _BINS
    wanted = np.concatenate((tail, even, n - np.array(tail)))
    marks = np.searchsorted(running, np.sort(wanted))
    marks = marks[(marks >= first) & (marks < last - 1)]
    ends = np.unique(np.concatenate((marks, [last - 1])))  # last magnitude of each bin
    before = [first - 1] if first > 0 else []
    inner = np.concatenate((before, ends if last < len(x) else ends[:-1])).astype(np.int64)
    between = (x[inner] + x[inner + 1]) / 2
    edges = np.concatenate(([] if first > 0 else [0.0], between, [] if last < len(x) else [np.inf]))
    below = running[first - 1] if first > 0 else 0.0
    binned = np.diff(np.concatenate(([below], running[ends])))
    outside = np.r_[0:first, last : len(x)]
    return _Sample(edges, binned, x[outside], counts[outside])


def _most_likely(
    family: _Family,
    start: Sequence[float],
    sample: _Sample,
) -> tuple[tuple[float, ...], float]:
    """Return parameters and log-likelihood at the maximum that is reached from `start`."""
    from scipy.optimize import minimize

    n = float(np.sum(sample.binned) + np.sum(sample.counts))

    def natural(point: Sequence[float]) -> tuple[float, ...]:
        with np.errstate(over="ignore"):
            return tuple(
                float(value) if free else float(np.exp(value))
                for value, free in zip(point, family.free, strict=True)
            )

    def loss(point: Sequence[float]) -> float:
        return -_log_likelihood(family, natural(point), sample) / n

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
    sample: _Sample,
) -> float:
    with np.errstate(all="ignore"):
        below, above = family.tails(sample.edges, parameters)
        # Each share is a difference on the side where no digits cancel.
        share = np.where(below[1:] < 0.5, np.diff(below), -np.diff(above))
        terms = sample.binned * np.log(np.maximum(share, 1e-300))
        singly = sample.counts * family.log_density(sample.outermost, parameters)
    total = float(np.sum(terms) + np.sum(singly))
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


def _log_weibull(x: NDArray[np.float64], parameters: Sequence[float]) -> Any:
    k, lam = parameters
    return _log_generalised_gamma(x, (1.0, k, lam))


def _weibull(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    k, lam = parameters
    z = (x / lam) ** k
    return -np.expm1(-z), np.exp(-z)


def _log_half_normal(x: NDArray[np.float64], parameters: Sequence[float]) -> Any:
    return _log_generalised_gamma(x, (0.5, 2.0, math.sqrt(2) * parameters[0]))


def _half_normal(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    from scipy.special import erf, erfc

    z = x / (parameters[0] * math.sqrt(2))
    return erf(z), erfc(z)


def _log_lognormal(x: NDArray[np.float64], parameters: Sequence[float]) -> Any:
    mu, sigma = parameters
    return -0.5 * ((np.log(x) - mu) / sigma) ** 2 - math.log(sigma * math.sqrt(2 * math.pi))


def _lognormal(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    from scipy.special import ndtr

    mu, sigma = parameters
    with np.errstate(divide="ignore"):
        z = (np.log(x) - mu) / sigma
    return ndtr(z), ndtr(-z)


def _log_gamma(x: NDArray[np.float64], parameters: Sequence[float]) -> Any:
    shape, scale = parameters
    return _log_generalised_gamma(x, (shape, 1.0, scale))


def _gamma(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    shape, scale = parameters
    return _generalised_gamma(x, (shape, 1.0, scale))


def _log_generalised_gamma(x: NDArray[np.float64], parameters: Sequence[float]) -> Any:
    from scipy.special import gammaln

    shape, power, scale = parameters
    logs = power * np.log(x / scale)
    return np.log(power) - gammaln(shape) + shape * logs - np.exp(logs)


def _generalised_gamma(x: NDArray[np.float64], parameters: Sequence[float]) -> tuple[Any, Any]:
    from scipy.special import gammainc, gammaincc

    shape, power, scale = parameters
    z = (x / scale) ** power
    return gammainc(shape, z), gammaincc(shape, z)


# The generalised gamma distribution comes last, because it starts from the fits of the others.
_FAMILIES = (
    _Family("weibull", ("k", "lambda"), (False, False), _weibull, _log_weibull),
    _Family("half-normal", ("sigma",), (False,), _half_normal, _log_half_normal),
    _Family("lognormal", ("mu", "sigma"), (True, False), _lognormal, _log_lognormal),
    _Family("gamma", ("shape", "scale"), (False, False), _gamma, _log_gamma),
    _Family(
        "generalised gamma",
        ("shape", "power", "scale"),
        (False, False, False),
        _generalised_gamma,
        _log_generalised_gamma,
    ),
)

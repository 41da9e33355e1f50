"""The fits of freshly initialised weights, from which drift is measured."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weightgauge.choices import TRIMS, check_choice
from weightgauge.records import as_dict

if TYPE_CHECKING:
    from numpy.typing import NDArray

INITS = ("normal", "uniform", "truncated normal", "orthogonal")
"""Initialisations whose anchor is known."""

_NODES = 401


class Anchor(NamedTuple):
    """Fit of infinitely many freshly initialised weights.

    Attributes
    ----------
    k, r2 : float
        Weibull shape and squared correlation of the probability plot.
    lambda_over_rms : float
        Scale lambda, in units of the weights' root mean square.
    """

    k: float
    r2: float
    lambda_over_rms: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_dict(self)


def init_anchor(
    init: str,
    *,
    trim: str = "mid_80",
    cut: float = 2.0,
    size: float | None = None,
    censored: float = 0.0,
) -> Anchor:
    """Return the fit that an initialisation starts from.

    Parameters
    ----------
    init : {"normal", "uniform", "truncated normal", "orthogonal"}
        "uniform" lies on [-a, a], as in PyTorch's Linear; "orthogonal" has `size` rows or columns.
    trim : {"mid_80", "mid_90", "full"}
        Window of the fit.
    cut : float
        Where the truncated normal distribution ends, in standard deviations of the normal one: 0.01
        to 30. PyTorch and JAX use 2.
    size : float, optional
        The longer side of an orthogonal matrix, at least 2. The square of an element has the
        distribution Beta(1/2, (size - 1)/2). Without a size, its limit is used, which is normal.
    censored : float
        Share of the smallest magnitudes that are left-censored, at least 0 and below the window's
        upper end: beyond its lower end, the window begins there.

    Returns
    -------
    Anchor
        To 1e-10. With the quantile function Q of the magnitudes and y = ln(-ln(1 - p)),
        k = cov(ln Q, y) / var(ln Q) by quadrature over probabilities p. The paper
        (arXiv:2605.18898) has only the anchor of normal weights.

    Raises
    ------
    ValueError
        If `init` or `trim` is unknown, `cut` or `censored` is outside its range, or `size` is below
        2.

    Examples
    --------
    >>> from weightgauge.diagnosis import init_anchor
    >>> f"{init_anchor('normal').k:.4f} {init_anchor('uniform').k:.4f}"
    '1.2054 1.3751'
    """
    check_choice("init", init, INITS)
    check_choice("trim", trim, TRIMS)
    if not 0.01 <= cut <= 30:
        raise ValueError(f"cut must lie between 0.01 and 30, not {cut!r}")
    if size is not None and size < 2:
        raise ValueError(f"size must be at least 2, not {size!r}")
    if not 0 <= censored < TRIMS[trim].high:
        raise ValueError(
            f"censored must be at least 0 and below {TRIMS[trim].high:g}, where the window ends, "
            f"not {censored!r}"
        )
    return _anchor(init, trim, float(cut), size, float(censored))


@cache
def _anchor(init: str, trim: str, cut: float, size: float | None, censored: float) -> Anchor:
    p, above, weight = _positions(max(TRIMS[trim].low, censored), TRIMS[trim].high)
    x, rms = _quantiles(init, p, above, cut, size)
    log_above = np.where(p < 0.5, np.log1p(-np.minimum(p, 0.5)), np.log(above))
    log_x, y = np.log(x), np.log(-log_above)
    weight = weight / np.sum(weight)
    x_mean, y_mean = float(np.sum(weight * log_x)), float(np.sum(weight * y))
    sxx = float(np.sum(weight * (log_x - x_mean) ** 2))
    syy = float(np.sum(weight * (y - y_mean) ** 2))
    sxy = float(np.sum(weight * (log_x - x_mean) * (y - y_mean)))
    k = sxy / sxx
    return Anchor(k, sxy**2 / (sxx * syy), math.exp(x_mean - y_mean / k) / rms)


def _positions(
    low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes p, 1 - p and weights of the tanh-sinh rule, which allows singular ends."""
    t = np.linspace(-3.6, 3.6, _NODES)
    u = np.pi * np.sinh(t)
    share, rest = 1 / (1 + np.exp(-u)), 1 / (1 + np.exp(u))
    p = low * rest + high * share
    above = (1 - low) * rest + (1 - high) * share
    return p, above, np.cosh(t) * share * rest


def _quantiles(
    init: str, p: NDArray[np.float64], above: NDArray[np.float64], cut: float, size: float | None
) -> tuple[NDArray[np.float64], float]:
    """Return quantiles of the magnitudes, and their root mean square."""
    from scipy import special  # type: ignore[import-untyped]

    if init == "uniform":
        return p, 1 / math.sqrt(3)
    if init == "truncated normal":
        inside = math.erf(cut / math.sqrt(2))
        density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
        x = math.sqrt(2) * special.erfinv(p * inside)
        return np.asarray(x), math.sqrt(1 - 2 * cut * density / inside)
    if init == "orthogonal" and size is not None:
        squares = special.betaincinv(0.5, (size - 1) / 2, p)
        return np.sqrt(squares), 1 / math.sqrt(size)
    x = np.where(p < 0.5, special.erfinv(np.minimum(p, 0.5)), special.erfcinv(above))
    return math.sqrt(2) * x, 1.0

"""The regime of a matrix by its shape k, and the confidence in that regime."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from weightgauge.choices import POOR_R2, TRIMS
from weightgauge.records import as_dict

TRANSMISSION = (1.18, 1.21)
"""Lowest and highest shape of the paper's Transmission Class, both included."""

STRONG_SELECTION_K = 0.95
"""Shapes below this are what the paper calls strong selection."""

GAUSSIAN_K = TRIMS["mid_80"].gaussian_k
"""Shape of normal weights with the trim `mid_80`."""

_BASELINE = 0.01
_TWO_SIDED_95 = 1.959963984540054


class Regime(NamedTuple):
    """Class of a matrix by its shape.

    Attributes
    ----------
    name : str
        "transmission", "transmission, poor fit", "mild selection", "strong selection",
        "light-tailed", or "init baseline" for a model at step 0.
    verdict : str
        Whether k lies in the Transmission Class: see the function `verdict`.
    """

    name: str
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_dict(self)


def regime(
    k: float,
    r2: float = 1.0,
    k_se: float = math.nan,
    *,
    step: int | None = None,
    k_init: float = GAUSSIAN_K,
) -> Regime:
    """Classify a shape.

    The regimes are those of arXiv:2605.18898. Transmission has 1.18 <= k <= 1.21 and R2 >= 0.95;
    with a lower R2 it is "transmission, poor fit". Mild selection has 0.95 <= k < 1.18, and strong
    selection k < 0.95. The paper has no upper bound; k > 1.21 is called light-tailed here. At
    step 0, |k - k_init| < 0.01 is the init baseline.

    Parameters
    ----------
    k : float
        Weibull shape with the trim `mid_80`, positive.
    r2 : float
        Squared correlation of the probability plot.
    k_se : float
        Standard error of `k`, not negative; NaN where it is not known.
    step : int, optional
        Optimiser steps so far.
    k_init : float
        Shape of the initialisation, see `init_anchor`; by default that of normal weights.

    Returns
    -------
    Regime

    Raises
    ------
    ValueError
        If `k` is not positive and finite, or `r2` lies outside [0, 1].

    Examples
    --------
    >>> from weightgauge.diagnosis import regime
    >>> regime(1.2054, 0.9977, k_se=0.001)
    Regime(name='transmission', verdict='inside')
    >>> regime(1.2054, 0.9977, k_se=0.011)  # 16,384 weights
    Regime(name='transmission', verdict='undecided')
    """
    if not 0 < k < math.inf:
        raise ValueError(f"a shape is positive and finite, not {k!r}")
    if not 0 <= r2 <= 1:
        raise ValueError(f"R2 lies in [0, 1], not {r2!r}")
    low, high = TRANSMISSION
    if step == 0 and abs(k - k_init) < _BASELINE:
        name = "init baseline"
    elif k > high:
        name = "light-tailed"
    elif k >= low:
        name = "transmission" if r2 >= POOR_R2 else "transmission, poor fit"
    else:
        name = "mild selection" if k >= STRONG_SELECTION_K else "strong selection"
    return Regime(name, verdict(k, k_se, TRANSMISSION))


def verdict(k: float, k_se: float, band: tuple[float, float]) -> str:
    """Tell whether a shape lies in a band, at 95 % confidence.

    Parameters
    ----------
    k, k_se : float
        Shape and its standard error. The interval is k +- 1.96 standard errors.
    band : tuple of float
        Lowest and highest shape.

    Returns
    -------
    str
        "inside" if the whole interval lies in the band, "outside" if none of it does, and
        "undecided" if a part of it does or the standard error is NaN.

    Raises
    ------
    ValueError
        A negative standard error, or a band whose ends are the wrong way round.
    """
    low, high = band
    if k_se < 0 or not low <= high:
        raise ValueError(f"there is no verdict with the error {k_se!r} and the band {band!r}")
    reach = _TWO_SIDED_95 * k_se
    if low <= k - reach and k + reach <= high:
        return "inside"
    return "outside" if k + reach < low or k - reach > high else "undecided"

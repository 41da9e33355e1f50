"""How far training has moved a matrix from its initialisation."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from weightgauge.distributions.weibull_forms import std_over_lambda
from weightgauge.records import as_dict

INVARIANT, MILD = 0.01, 0.30
"""Relative changes of k: below the first, drift is invariant; up to the second, it is mild."""


class Drift(NamedTuple):
    """Change of the shape since initialisation.

    Attributes
    ----------
    relative : float
        (k - k_init) / k_init.
    relative_se : float
        Standard error of `relative`; NaN where it is not known.
    severity : str
        "invariant" below 1 %, "mild" up to 30 %, "strong" above 30 %.
    """

    relative: float
    relative_se: float
    severity: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_dict(self)


def drift(k: float, k_init: float, *, k_se: float = math.nan, k_init_se: float = 0.0) -> Drift:
    """Grade the change of a shape since initialisation (arXiv:2605.18898).

    Parameters
    ----------
    k, k_init : float
        Shape now, and shape at step 0, which is measured or comes from `init_anchor`. Positive.
    k_se, k_init_se : float
        Standard errors of the two; that of an anchor is 0.

    Returns
    -------
    Drift
        The standard error takes the two shapes as independent. Weights that moved little are not
        independent of their start, and for them it is too large.

    Raises
    ------
    ValueError
        A shape that is not positive and finite, or a negative standard error.

    Examples
    --------
    >>> from weightgauge.diagnosis import drift, init_anchor
    >>> drift(1.2, init_anchor("normal").k).severity, drift(1.2, init_anchor("uniform").k).severity
    ('invariant', 'mild')
    """
    if k_se < 0 or k_init_se < 0:
        raise ValueError(f"standard errors are not negative: {k_se!r}, {k_init_se!r}")
    if not (0 < k < math.inf and 0 < k_init < math.inf):
        raise ValueError(f"shapes are positive and finite, not {k!r} and {k_init!r}")
    relative = (k - k_init) / k_init
    size = round(abs(relative), 12)  # without rounding, 1.3 times k_init would count as above 30 %
    severity = "invariant" if size < INVARIANT else "mild" if size <= MILD else "strong"
    error = math.hypot(k_se / k_init, k * k_init_se / k_init**2)
    return Drift(relative, error, severity)


class SigmaGrowth(NamedTuple):
    """Growth of sigma = lambda C(k), the standard deviation of the magnitudes, by its two factors.

    Attributes
    ----------
    ln_sigma : float
        ln(sigma_after / sigma_before), the sum of the next two.
    from_lambda, from_k : float
        ln(lambda_after / lambda_before), and ln(C(k_after) / C(k_before)).
    lambda_share : float
        |from_lambda| / (|from_lambda| + |from_k|); NaN where nothing changed.
    ln_rms : float
        ln(rms_after / rms_before); NaN where the measured root mean squares are not given.
    """

    ln_sigma: float
    from_lambda: float
    from_k: float
    lambda_share: float
    ln_rms: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_dict(self)


def sigma_growth(
    k_before: float,
    lambda_before: float,
    k_after: float,
    lambda_after: float,
    *,
    rms_before: float = math.nan,
    rms_after: float = math.nan,
) -> SigmaGrowth:
    """Attribute the growth of the weights to scale and shape (arXiv:2605.18898).

    C(k) = sqrt(Gamma(1 + 2/k) - Gamma(1 + 1/k)^2). Sigma belongs to the fitted distribution, which
    the weights follow only roughly: the measured root mean square can even move in the other
    direction. Give both root mean squares to see whether it does.

    Parameters
    ----------
    k_before, lambda_before, k_after, lambda_after : float
        Shapes and scales of the two fits, all positive. Scales have the unit of the weights.
    rms_before, rms_after : float
        Measured root mean squares of the weights.

    Returns
    -------
    SigmaGrowth

    Raises
    ------
    ValueError
        A shape or scale that is not positive and finite.

    Examples
    --------
    >>> from weightgauge.diagnosis import sigma_growth
    >>> sigma_growth(1.2, 0.02, 1.2, 0.04).lambda_share
    1.0
    """
    for value in (k_before, lambda_before, k_after, lambda_after):
        if not 0 < value < math.inf:
            raise ValueError(f"shapes and scales are positive and finite, not {value!r}")
    from_lambda = math.log(lambda_after / lambda_before)
    from_k = math.log(std_over_lambda(k_after) / std_over_lambda(k_before))
    moved = abs(from_lambda) + abs(from_k)
    measured = rms_before > 0 and rms_after > 0
    return SigmaGrowth(
        ln_sigma=from_lambda + from_k,
        from_lambda=from_lambda,
        from_k=from_k,
        lambda_share=abs(from_lambda) / moved if moved > 0 else math.nan,
        ln_rms=math.log(rms_after / rms_before) if measured else math.nan,
    )

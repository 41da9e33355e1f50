"""Standard errors that allow for rows of different scale: a bootstrap over rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.distributions.plotting import ordinates, window_ranks
from weightgauge.options import TRIMS, check_choice

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Refits of a matrix whose rows were drawn anew.

    Attributes
    ----------
    k_se, ln_lambda_se : float
        Standard deviations (ddof 1) of k and ln lambda over the repetitions.
    k, lam : ndarray of float64, shape (repetitions,)
        The refits; NaN for a drawing without a line.
    """

    k_se: float
    ln_lambda_se: float
    k: NDArray[np.float64]
    lam: NDArray[np.float64]


def row_bootstrap(
    matrix: ArrayLike, *, trim: str = "mid_80", repetitions: int = 200, seed: int = 0
) -> Bootstrap:
    """Estimate the standard errors of k and ln lambda by drawing rows with replacement.

    The standard errors of a fit hold for independent magnitudes. The weights of a row share a
    scale, which makes those too small (with a spread of 0.3 in the logarithms of the row scales,
    256 x 256: 1.3 times too small for k, 5 times for ln lambda). Rows are drawn as wholes here, so
    what they share stays together (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    ch. 8). Transpose the matrix to allow for what columns share.

    Parameters
    ----------
    matrix : array_like of float, shape (rows, columns)
        The weights, in memory. Zeros and what is not finite are left out, as in a fit.
    trim : {"mid_80", "mid_90", "full"}
        Window of the fit.
    repetitions : int
        Drawings, at least 2. The standard error is itself uncertain by 1 / sqrt(2 repetitions).
    seed : int
        Of the drawings.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ValueError
        No matrix, unknown `trim`, or fewer than 2 repetitions.

    Examples
    --------
    >>> import numpy as np
    >>> from weightgauge.distributions import row_bootstrap
    >>> weights = np.random.default_rng(1).normal(size=(200, 100))
    >>> 0.5 < row_bootstrap(weights).k_se / (1.365 / weights.size**0.5) < 2
    True
    """
    check_choice("trim", trim, TRIMS)
    values = np.asarray(matrix)
    if values.ndim != 2:
        raise ValueError(f"a matrix has two dimensions, not {values.ndim}")
    if repetitions < 2:
        raise ValueError(f"repetitions must be at least 2, not {repetitions}")
    flat = np.abs(values.astype(np.float64)).ravel()
    rows = np.repeat(np.arange(values.shape[0]), values.shape[1])
    kept = np.isfinite(flat) & (flat > 0)
    flat, rows = flat[kept], rows[kept]
    order = np.argsort(flat, kind="stable")
    logs, rows = np.log(flat[order]), rows[order]
    rng = np.random.default_rng(seed)
    refits = np.full((2, repetitions), math.nan)
    even = np.full(values.shape[0], 1 / max(values.shape[0], 1))
    for i in range(repetitions if len(logs) else 0):
        drawn = rng.multinomial(values.shape[0], even)
        refits[:, i] = _line(logs, drawn[rows], trim)
    return Bootstrap(
        float(np.std(refits[0], ddof=1)),
        float(np.std(np.log(refits[1]), ddof=1)),
        refits[0],
        refits[1],
    )


def _line(logs: NDArray[np.float64], times: NDArray[np.int64], trim: str) -> tuple[float, float]:
    """Shape and scale of a sample that holds each sorted magnitude so many times."""
    behind = np.cumsum(times)
    n = int(behind[-1])
    first, last = window_ranks(n, trim)
    if last - first < 2:
        return math.nan, math.nan
    sums = np.concatenate(([0.0], np.cumsum(ordinates(first, last, n))))
    until = np.clip(behind, first, last) - first
    since = np.concatenate(([0], until[:-1]))
    weight = (until - since).astype(np.float64)
    inside = weight > 0
    x, weight = logs[inside], weight[inside]
    y = (sums[until] - sums[since])[inside]
    total = float(np.sum(weight))
    x_mean, y_mean = float(np.sum(weight * x)) / total, float(np.sum(y)) / total
    sxx = float(np.sum(weight * (x - x_mean) ** 2))
    sxy = float(np.sum((x - x_mean) * (y - weight * y_mean)))
    if not (sxx > 0 and sxy > 0):
        return math.nan, math.nan
    k = sxy / sxx
    return k, math.exp(x_mean - y_mean / k)

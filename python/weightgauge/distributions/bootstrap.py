"""Standard errors of a matrix whose rows and columns have different scales, by a bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.choices import TRIMS, check_choice
from weightgauge.errors import UnsupportedDtypeError
from weightgauge.magnitudes.plotting_positions import sums_of_ordinates, window_ranks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Magnitudes are put into this many groups of about equal size. Only the spread inside the groups is
# lost, which is a share of about 1/groups^2 of the whole spread.
_GROUPS = 1024
_ROWS_AT_A_TIME = 256

# What is drawn for each choice, and the order by which each has random numbers of its own.
_OVER = {"rows": ("rows",), "columns": ("columns",), "both": ("rows", "columns", "elements")}
_STREAMS = ("rows", "columns", "elements")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Drawings:
    """Fits of a matrix of which parts were drawn with replacement.

    Attributes
    ----------
    of : {"rows", "columns", "elements"}
        What was drawn, as many of them as the matrix has.
    k_se, ln_lambda_se : float
        Standard deviations (ddof 1) of k and ln lambda over the drawings that have a fit; NaN
        where fewer than two have one.
    k, lam : ndarray of float64, shape (repetitions,)
        The fits, to about 1e-4; NaN for a drawing without a fit.
    """

    of: str
    k_se: float
    ln_lambda_se: float
    k: NDArray[np.float64]
    lam: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return the standard errors and the number of drawings, as plain values for JSON."""
        return {"of": self.of, **_errors(self), "repetitions": len(self.k)}

    def __repr__(self) -> str:
        """Show the standard errors and the number of drawings."""
        return (
            f"<{len(self.k):,} drawings of {self.of}: k_se {self.k_se:.4g}, "
            f"ln_lambda_se {self.ln_lambda_se:.4g}>"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bootstrap:
    """Standard errors of k and ln lambda by a bootstrap, and the drawings they come from.

    Attributes
    ----------
    over : {"rows", "columns", "both"}
        What may share a scale.
    k_se, ln_lambda_se : float
        NaN where fewer than two drawings have a fit.
    drawings : tuple of Drawings
        Those of rows or columns; over both those of rows, of columns and of elements.
    """

    over: str
    k_se: float
    ln_lambda_se: float
    drawings: tuple[Drawings, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the standard errors and what they come from, as plain values for JSON."""
        return {
            "over": self.over,
            **_errors(self),
            "drawings": [each.to_dict() for each in self.drawings],
        }

    def __repr__(self) -> str:
        """Show the standard errors and the number of drawings."""
        repetitions = len(self.drawings[0].k)
        return (
            f"<Bootstrap over {self.over}, {repetitions:,} drawings: k_se {self.k_se:.4g}, "
            f"ln_lambda_se {self.ln_lambda_se:.4g}>"
        )


def _errors(found: Drawings | Bootstrap) -> dict[str, float | None]:
    named = {"k_se": found.k_se, "ln_lambda_se": found.ln_lambda_se}
    return {name: None if math.isnan(error) else error for name, error in named.items()}


def matrix_bootstrap(
    matrix: ArrayLike,
    *,
    over: str = "both",
    trim: str = "mid_80",
    repetitions: int = 200,
    seed: int = 0,
) -> Bootstrap:
    """Estimate the standard errors of k and ln lambda by drawing rows and columns again.

    `k_se` and `ln_lambda_se` of a fit hold for independent magnitudes. The weights of a row often
    share a scale, and so do those of a column; then those errors are too small: in a matrix of
    256 x 256 whose row scales spread by 0.3 in their logarithms, they are 1.3 times too small for k
    and 5 times for ln lambda. Whole rows or columns are drawn with replacement, so that weights
    that share a scale stay together (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    ch. 8). Drawings of rows alone do not see the scales of columns, nor the reverse. Over both,
    the variances of the two are added, and that of drawing elements one by one, which each of the
    two contains, is subtracted once (Cameron, Gelbach and Miller, Journal of Business and Economic
    Statistics 29, 2011); no less than that variance itself is taken.

    Parameters
    ----------
    matrix : array_like of float, shape (rows, columns)
        The weights, with at least two of what is drawn. Zeros, NaN and infinities are left out, as
        in a fit.
    over : {"rows", "columns", "both"}
        What may share a scale.
    trim : {"mid_80", "mid_90", "full"}
        Window of the fit.
    repetitions : int
        Number of drawings, at least 2, of each kind. The relative error of their standard
        deviations is 1 / sqrt(2 repetitions).
    seed : int
        Seed of the drawings.

    Returns
    -------
    Bootstrap

    Raises
    ------
    UnsupportedDtypeError
        If the elements are no real numbers.
    ValueError
        If there is no matrix with two rows or columns to draw, `over` or `trim` is unknown, or
        `repetitions` is below 2.

    Examples
    --------
    >>> import numpy as np
    >>> from weightgauge.distributions import matrix_bootstrap
    >>> weights = np.random.default_rng(1).normal(size=(200, 100))
    >>> 0.5 < matrix_bootstrap(weights).k_se / (1.365 / weights.size**0.5) < 2
    True
    """
    check_choice("over", over, _OVER)
    check_choice("trim", trim, TRIMS)
    values = np.asarray(matrix)
    if values.dtype.kind not in "fiuV" or values.dtype.names is not None:
        raise UnsupportedDtypeError(f"elements of {values.dtype} are no real numbers")
    for axis, name in enumerate(("rows", "columns")):
        if values.ndim != 2 or (over in (name, "both") and values.shape[axis] < 2):
            raise ValueError(f"a matrix of two {name} or more is needed, not {values.shape}")
    if repetitions < 2:
        raise ValueError(f"repetitions must be at least 2, not {repetitions}")
    drawings = tuple(_drawings(values, of, trim, repetitions, seed) for of in _OVER[over])
    if over != "both":
        return Bootstrap(over, drawings[0].k_se, drawings[0].ln_lambda_se, drawings)
    of_k = _two_way(*(each.k_se for each in drawings))
    return Bootstrap(over, of_k, _two_way(*(each.ln_lambda_se for each in drawings)), drawings)


def _two_way(of_rows: float, of_columns: float, of_elements: float) -> float:
    return max(math.sqrt(max(of_rows**2 + of_columns**2 - of_elements**2, 0.0)), of_elements)


def _drawings(
    values: NDArray[np.generic], of: str, trim: str, repetitions: int, seed: int
) -> Drawings:
    refits = np.full((2, repetitions), math.nan)
    parts = values.T if of == "columns" else values
    grouped = _grouped(parts)
    if grouped is not None:
        logs, counts = grouped
        rng = np.random.default_rng([seed, _STREAMS.index(of)])
        if of == "elements":
            total = np.sum(counts, axis=0)
            size = int(np.sum(total))
            drawn = rng.multinomial(size, total / size, size=repetitions).astype(np.float64)
        else:
            even = np.full(len(parts), 1 / len(parts))
            times = rng.multinomial(len(parts), even, size=repetitions)
            drawn = times.astype(np.float64) @ counts
        for i, weights in enumerate(drawn):
            refits[:, i] = _line(logs, weights, trim)
    known = refits[:, np.isfinite(refits[0])]
    errors = (math.nan, math.nan)
    if known.shape[1] > 1:
        errors = float(np.std(known[0], ddof=1)), float(np.std(np.log(known[1]), ddof=1))
    return Drawings(of, *errors, refits[0], refits[1])


def _grouped(
    values: NDArray[np.generic],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the mean logarithm of each group of magnitudes, and its count in each row."""
    magnitudes = np.abs(values.astype(np.float64)).ravel()
    ordered = np.sort(magnitudes[np.isfinite(magnitudes) & (magnitudes > 0)])
    if ordered.size == 0:
        return None
    marks = np.arange(1, _GROUPS) * ordered.size // _GROUPS
    # Groups begin at edges. Equal magnitudes are always in one group.
    edges = np.unique(ordered[np.concatenate(([0], marks))])
    sizes = np.diff(np.append(np.searchsorted(ordered, edges), ordered.size))
    logs = np.add.reduceat(np.log(ordered), np.searchsorted(ordered, edges)) / sizes
    counts = np.zeros((values.shape[0], edges.size))
    for first in range(0, values.shape[0], _ROWS_AT_A_TIME):
        rows = np.abs(values[first : first + _ROWS_AT_A_TIME].astype(np.float64))
        group = np.searchsorted(edges, rows, side="right") - 1
        fitted = np.isfinite(rows) & (rows > 0)
        places = group + edges.size * np.arange(rows.shape[0])[:, None]
        found = np.bincount(places[fitted], minlength=rows.shape[0] * edges.size)
        counts[first : first + rows.shape[0]] = found.reshape(rows.shape[0], -1)
    return logs, counts


def _line(logs: NDArray[np.float64], times: NDArray[np.float64], trim: str) -> tuple[float, float]:
    """Return shape and scale of a sample that contains each group of magnitudes `times` times."""
    behind = np.rint(np.cumsum(times)).astype(np.int64)
    n = int(behind[-1])
    first, last = window_ranks(n, trim)
    if last - first < 2:
        return math.nan, math.nan
    until = np.clip(behind, first, last)
    since = np.concatenate(([first], until[:-1]))
    inside = until > since
    x, weight = logs[inside], (until - since)[inside].astype(np.float64)
    y = sums_of_ordinates(since[inside], until[inside], n)
    total = float(np.sum(weight))
    x_mean, y_mean = float(np.sum(weight * x)) / total, float(np.sum(y)) / total
    sxx = float(np.sum(weight * (x - x_mean) ** 2))
    sxy = float(np.sum((x - x_mean) * (y - weight * y_mean)))
    if not (sxx > 0 and sxy > 0):
        return math.nan, math.nan
    k = sxy / sxx
    return k, math.exp(x_mean - y_mean / k)

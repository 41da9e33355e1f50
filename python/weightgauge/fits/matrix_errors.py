"""What the rows and columns of a slice tell of its fit, in words and numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.records import as_dict

if TYPE_CHECKING:
    from weightgauge.anatomy.layouts import MatrixLayout

KEPT_COUNTS = "counts alone: they were fitted anew, without the weights"

# In the order of the core's numbers. The last two are followed by what the samples consist of.
_FROM = (
    "counts alone",
    "counts alone: its elements are not stored row after row",
    "counts alone: too few rows or columns",
    "counts alone: no two rows or columns with weights in the sample",
    "a sample of",
    "all",
)
_SAMPLE = 4


class Spread(NamedTuple):
    """Where the variance of ln |w| comes from.

    Attributes
    ----------
    rows, columns : float
        Variance of the effects of rows, and of columns.
    core : float
        The rest: pi^2/8 = 1.2337 for Gaussian weights.
    """

    rows: float
    columns: float
    core: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None for NaN."""
        return as_dict(self)


class MatrixErrors(NamedTuple):
    """Fields of `SliceFit` that come from rows and columns; see there."""

    k_se: float
    ln_lambda_se: float
    errors_from: str
    fresh_z: float = math.nan
    spread: Spread | None = None
    zero_rows: int | None = None
    zero_columns: int | None = None


def matrix_errors(
    k_se: float,
    ln_lambda_se: float,
    numbers: tuple[float, float, int, float, float, float, float, int, int],
    matrix: MatrixLayout | None,
) -> MatrixErrors:
    """Return what rows and columns tell of a fit.

    Parameters
    ----------
    k_se, ln_lambda_se : float
        Standard errors for independent weights.
    numbers : tuple
        The last of `weightgauge.magnitudes.weibull.Numbers`.
    matrix : MatrixLayout or None
        How the elements form rows and columns.

    Returns
    -------
    MatrixErrors
    """
    k_se_matrix, ln_lambda_se_matrix, basis, fresh_z, rows, columns, core = numbers[:7]
    if math.isnan(k_se):
        return MatrixErrors(math.nan, math.nan, "")
    told = errors_from(basis, matrix)
    if basis < _SAMPLE:
        return MatrixErrors(k_se, ln_lambda_se, told)
    parts = Spread(rows, columns, core)
    return MatrixErrors(k_se_matrix, ln_lambda_se_matrix, told, fresh_z, parts, *numbers[7:])


def errors_from(basis: int, matrix: MatrixLayout | None) -> str:
    """Say what standard errors come from.

    Parameters
    ----------
    basis : int
        The core's number of it.
    matrix : MatrixLayout or None
        How the elements form rows and columns.

    Examples
    --------
    >>> from weightgauge.anatomy.layouts import MatrixLayout
    >>> errors_from(4, MatrixLayout(384, rows_in_cluster=32))
    'a sample of rows in groups of 32, and columns'
    """
    if basis < _SAMPLE:
        return _FROM[basis]
    lines = "rows and columns"
    if matrix is not None and matrix.rows_in_cluster > 1:
        lines = f"rows in groups of {matrix.rows_in_cluster:,}, and columns"
    elif matrix is not None and matrix.columns_in_cluster > 1:
        lines = f"rows, and columns in groups of {matrix.columns_in_cluster:,}"
    return f"{_FROM[basis]} {lines}"

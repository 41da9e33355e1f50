"""What the rows and columns of a slice tell of its fit, in words and numbers."""

from __future__ import annotations

import math
import re
from enum import IntEnum
from math import prod
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


class Basis(IntEnum):
    """What errors rest on at least: their place in the core's list."""

    EMPTY = 3
    SAMPLE = 4


OF_COUNTS = "counts alone"
"""What errors for independent weights come from, whatever the reason."""

OF_PRODUCT = f"{OF_COUNTS}: a product of two matrices"

FEWEST_LINES = 8
"""With fewer rows, or columns, how they differ among themselves cannot be known."""

_SAMPLED = re.compile(
    f"(?:{'|'.join(_FROM[Basis.SAMPLE :])}) "
    "(?:columns|rows|rows and columns|rows in groups of [0-9,]{1,30}, and columns"
    "|rows, and columns in groups of [0-9,]{1,30})"
)


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
    unused_rows: int | None = None
    k_without_unused: float | None = None
    large_rows: int | None = None
    large_columns: int | None = None


def matrix_errors(
    k_se: float,
    ln_lambda_se: float,
    numbers: tuple[
        float, float, int, float, float, float, float, int, int, int, float, int, int, int, int
    ],
    matrix: MatrixLayout | None,
    shape: tuple[int, ...],
    *,
    product: bool,
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
    shape : tuple of int
        Shape of the slice.
    product : bool
        Whether it is the product of two stored tensors.

    Returns
    -------
    MatrixErrors
    """
    k_se_matrix, ln_lambda_se_matrix, basis, fresh_z, rows, columns, core = numbers[:7]
    if math.isnan(k_se):
        return MatrixErrors(math.nan, math.nan, "")
    told = errors_told(basis, matrix, shape, product)
    if basis < Basis.EMPTY:
        return MatrixErrors(k_se, ln_lambda_se, told)
    zero_rows, zero_columns, unused, k_without_unused = numbers[7:11]
    k_of_others = None if math.isnan(k_without_unused) else k_without_unused
    large_rows, large_columns = (None if found < 0 else found for found in numbers[13:15])
    lines = (
        *(zero_rows, zero_columns, None if unused < 0 else unused),
        *(k_of_others, large_rows, large_columns),
    )
    if basis == Basis.EMPTY:
        return MatrixErrors(k_se, ln_lambda_se, told, math.nan, None, *lines)
    parts = None if math.isnan(core) else Spread(rows, columns, core)
    return MatrixErrors(k_se_matrix, ln_lambda_se_matrix, told, fresh_z, parts, *lines)


def errors_told(
    basis: int, matrix: MatrixLayout | None, shape: tuple[int, ...], product: bool
) -> str:
    """Say what standard errors come from, those of products included; see `errors_from`."""
    return OF_PRODUCT if product else errors_from(basis, matrix, shape)


def errors_from(basis: int, matrix: MatrixLayout | None, shape: tuple[int, ...]) -> str:
    """Say what standard errors come from.

    Parameters
    ----------
    basis : int
        The core's number of it.
    matrix : MatrixLayout or None
        How the elements form rows and columns.
    shape : tuple of int
        Shape of the slice.

    Examples
    --------
    >>> from weightgauge.anatomy.layouts import MatrixLayout
    >>> errors_from(4, MatrixLayout(384, rows_in_cluster=32), (384, 384))
    'a sample of rows in groups of 32, and columns'
    >>> errors_from(5, MatrixLayout(384), (2, 384))
    'all columns'
    """
    if basis < Basis.SAMPLE:
        return _FROM[basis]
    lines = "rows and columns"
    if matrix is not None:
        rows = prod(shape) // max(matrix.columns, 1)
        if rows < FEWEST_LINES or matrix.columns < FEWEST_LINES:
            lines = "columns" if rows < FEWEST_LINES else "rows"
        elif _are_clusters(matrix.rows_in_cluster, rows):
            lines = f"rows in groups of {matrix.rows_in_cluster:,}, and columns"
        elif _are_clusters(matrix.columns_in_cluster, matrix.columns):
            lines = f"rows, and columns in groups of {matrix.columns_in_cluster:,}"
    return f"{_FROM[basis]} {lines}"


def is_origin(text: str) -> bool:
    """Whether a text is one of those that say what standard errors come from."""
    whole = (*_FROM[: Basis.SAMPLE], KEPT_COUNTS, OF_PRODUCT)
    return text in whole or _SAMPLED.fullmatch(text) is not None


def _are_clusters(lines: int, of: int) -> bool:
    """Whether so many lines are a part of all, and divide them."""
    return 1 < lines < of and of % lines == 0

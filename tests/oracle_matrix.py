"""Reference for errors of whole matrices, in plain NumPy: rows and columns share scales.

Each element has an influence on k and on ln lambda (`oracle.influences`). In a trained matrix the
influences of one row, one column or one head go together, so their sum varies more than that of
independent elements. Here the variance of that sum is made in two ways:

- `two_way_variance`, from every element (Cameron, Gelbach and Miller 2011);
- `layout_variance`, from some whole rows: the random-effects layout of analysis of variance
  (Searle, Casella and McCulloch, *Variance Components*, 1992), heads nested above rows, columns
  crossed with both. It also tells what each of them contributes.

Nothing here imports the package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import stats

from oracle import independent_errors, influences, magnitudes

FEWEST_SAMPLED = 64
FEWEST_PER_HEAD = 8
SAMPLED_SHARE = 16
# With fewer rows (or columns) than this, how they differ among themselves cannot be known.
FEWEST_LINES = 8
GOLDEN = 0.6180339887498949


def sampled_rows(total: int, heads: int = 1) -> np.ndarray:
    """Numbers of the rows that are looked at: spread over the matrix, as many of each head.

    One row of every stratum, at a place that the golden ratio moves about: places modulo any
    period (of heads, of rotary frequencies) come out evenly.
    """
    size = total // heads
    wanted = max(-(-FEWEST_SAMPLED // heads), -(-size // SAMPLED_SHARE))
    count = min(size, max(wanted, FEWEST_PER_HEAD) if heads > 1 else wanted)
    strata = np.arange(count)
    low, high = strata * size // count, (strata + 1) * size // count
    order = np.arange(heads)[:, None] * count + strata + 1
    offset = np.floor(order * GOLDEN % 1 * (high - low)).astype(int)
    return (np.arange(heads)[:, None] * size + low + offset).ravel()


@lru_cache(maxsize=256)
def widening(freedom: float) -> float:
    """Square of what a normal quantile must be multiplied by when few groups gave the variance."""
    return float((stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975)) ** 2)


@dataclass(frozen=True)
class Layout:
    """What heads, rows, columns and single cells add to the variance of the estimate.

    Each part comes with the degrees of freedom that measured it (`cells` has many).
    """

    heads: float
    rows: float
    columns: float
    cells: float
    head_freedom: float
    row_freedom: float
    column_freedom: float

    def with_scales(self, of_scale: Layout, k: float) -> Layout:
        """Not below what the spread of the heads' scales tells of k, `self` being the layout of k.

        k follows the variance v of ln scale: a Weibull distribution has pi^2 / 6 / k^2 of ln |w|,
        to which v adds, so that k falls by 3 / pi^2 k^3 v. Of normal ln scales the squares have the
        variance 2 v^2.
        """
        groups = of_scale.head_freedom + 1
        least = 2 * (3 / math.pi**2 * k**3 * groups * of_scale.heads) ** 2 / groups
        return replace(self, heads=max(self.heads, least))

    def variance(self, *, of_k: bool, shared: str | None = None) -> float:
        """Variance of k or of ln lambda, widened so that 1.96 errors hold 95 %.

        k follows the spread of the heads' scales rather than their mean: three quarters of the
        degrees of freedom, in halves, tell its head part. `shared` leaves out a part ("rows",
        "columns") that two estimates to be compared have in common, so that it cancels in their
        difference.
        """
        of_heads = self.head_freedom
        head_freedom = max(1.0, math.floor(1.5 * of_heads) / 2) if of_k else of_heads
        parts = {
            "heads": self.heads * widening(head_freedom) if self.heads else 0.0,
            "rows": self.rows * widening(self.row_freedom) if self.rows else 0.0,
            "columns": self.columns * widening(self.column_freedom) if self.columns else 0.0,
            "cells": self.cells,
        }
        return sum(value for name, value in parts.items() if name != shared)


def layout_variance(
    phi: np.ndarray, shape: tuple[int, int], n: int, heads: int = 1
) -> Layout | None:
    """The layout of sampled influences `phi` of a matrix of `shape`, of which `n` were counted.

    `phi` holds whole rows, head after head and as many of each, and 0 where an element was not
    counted. With heads it may be the other way round: all rows, of some columns. None where
    nothing but independent errors can be had: fewer than `FEWEST_LINES` rows and columns, or only
    zeros in the sample.
    """
    rows, columns = shape
    few_rows, few_columns = rows < FEWEST_LINES, columns < FEWEST_LINES
    if (few_rows and few_columns) or min(shape) < 2 or not phi.any():
        return None
    scale = (rows * columns / n) ** 2
    if few_columns or few_rows:
        lines = phi.mean(axis=1 if few_columns else 0)
        one_way = scale * lines.var(ddof=1) / max(shape)
        freedom = float(lines.size - 1)
        if few_columns:
            return Layout(0.0, one_way, 0.0, 0.0, 1.0, freedom, 1.0)
        return Layout(0.0, 0.0, one_way, 0.0, 1.0, 1.0, freedom)
    if heads > 1:
        return _nested(phi, shape, scale, heads)
    sampled = phi.shape[0]
    by_row, by_column, mean = phi.mean(axis=1), phi.mean(axis=0), phi.mean()
    rest = phi - by_row[:, None] - by_column + mean
    cell = (rest**2).sum() / ((sampled - 1) * (columns - 1))
    row = max(by_row.var(ddof=1) - cell / columns, 0.0)
    column = max(by_column.var(ddof=1) - cell / sampled, 0.0)
    return Layout(
        0.0,
        scale * row / rows,
        scale * column / columns,
        scale * cell / (rows * columns),
        1.0,
        float(sampled - 1),
        float(columns - 1),
    )


def _nested(phi: np.ndarray, shape: tuple[int, int], scale: float, heads: int) -> Layout:
    """Rows nested in heads, both crossed with columns; heads have columns of their own too.

    Where `phi` has not all columns, those that it has stand for all.
    """
    rows, columns = shape
    each, seen = phi.shape[0] // heads, phi.shape[1]
    blocks = phi.reshape(heads, each, seen)
    head_column, row_mean = blocks.mean(axis=1), blocks.mean(axis=2)
    head_mean, column_mean, mean = row_mean.mean(axis=1), phi.mean(axis=0), phi.mean()
    own_columns = head_column - head_mean[:, None] - column_mean + mean
    rest = blocks - row_mean[:, :, None] - head_column[:, None, :] + head_mean[:, None, None]
    row_freedom = heads * (each - 1)
    cell = (rest**2).sum() / (row_freedom * (seen - 1))
    row_square = seen * ((row_mean - head_mean[:, None]) ** 2).sum() / row_freedom
    head_square = each * seen * head_mean.var(ddof=1)
    column_square = each * heads * column_mean.var(ddof=1)
    own_square = each * (own_columns**2).sum() / ((heads - 1) * (seen - 1))
    row = max((row_square - cell) / seen, 0.0)
    head = max((head_square - row_square - own_square + cell) / (each * seen), 0.0)
    own = max((own_square - cell) / each, 0.0)
    column = max((column_square - own_square) / (each * heads), 0.0)
    return Layout(
        scale * head / heads,
        scale * row / rows,
        scale * column / columns,
        scale * (own / (heads * columns) + cell / (rows * columns)),
        float(heads - 1),
        float(row_freedom),
        float(seen - 1),
    )


def two_way_variance(phi: np.ndarray, n: int) -> float:
    """Two-way cluster-robust variance of the sum of every element's influence, over n squared."""
    rows, columns = phi.shape
    by_row = rows / (rows - 1) * (phi.sum(axis=1) ** 2).sum()
    by_column = columns / (columns - 1) * (phi.sum(axis=0) ** 2).sum()
    alone = (phi**2).sum()
    return float(max(by_row + by_column - alone, alone) / n**2)


def _sampled_layout(
    phi: np.ndarray, n: int, *, heads: int, heads_of_columns: bool
) -> Layout | None:
    """Layout of sampled rows of `phi`, which holds the influence of every element.

    Heads that do not divide the rows (columns) are not told apart. None as `layout_variance`.
    """
    rows, columns = phi.shape
    divided = columns if heads_of_columns else rows
    if divided % heads or divided // heads < 2:
        heads = 1
    if heads > 1 and heads_of_columns:
        chosen = phi[sampled_rows(rows)].T
        return layout_variance(np.ascontiguousarray(chosen), (columns, rows), n, heads)
    return layout_variance(phi[sampled_rows(rows, heads)], phi.shape, n, heads)


def matrix_errors(
    values: np.ndarray,
    trim: str = "mid_80",
    *,
    heads: int = 1,
    heads_of_columns: bool = False,
    shared: str | None = None,
) -> tuple[float, float]:
    """SE of k and of ln lambda of one matrix, from sampled rows; not below the independent ones.

    `heads` blocks of rows (of columns where `heads_of_columns`) share scales. `shared` names what
    two matrices to be compared have in common ("rows", "columns"; of matrices without heads).
    """
    found = influences(magnitudes(values), trim)
    n = int(found.counts.sum())
    of_shape, of_scale = (
        _sampled_layout(influence, n, heads=heads, heads_of_columns=heads_of_columns)
        for influence in found.of(values)
    )
    alone = independent_errors(found)
    if of_shape is None or of_scale is None:
        return alone[0], alone[1]
    of_shape = of_shape.with_scales(of_scale, found.fit.k)
    return (
        max(math.sqrt(of_shape.variance(of_k=True, shared=shared)), alone[0]),
        max(math.sqrt(of_scale.variance(of_k=False, shared=shared)), alone[1]),
    )


def paired_errors(
    before: np.ndarray, after: np.ndarray, trim: str = "mid_80", *, heads: int = 1
) -> tuple[float, float]:
    """SE of the changes of k and of ln lambda between two states of one matrix.

    What an element had in common before and after cancels in the difference of its influences.
    Not below the error of independent differences.
    """
    first, second = magnitudes(before), magnitudes(after)
    errors = []
    for old, new, of_k in zip(
        influences(first, trim).of(before),
        influences(second, trim).of(after),
        (True, False),
        strict=True,
    ):
        change = new - old
        layout = _sampled_layout(change, second.size, heads=heads, heads_of_columns=False)
        variance = 0.0 if layout is None else layout.variance(of_k=of_k)
        alone = (change**2).sum() / second.size**2
        errors.append(math.sqrt(max(variance, alone)))
    return errors[0], errors[1]


def fresh_z(values: np.ndarray) -> tuple[float, float]:
    """How far rows and columns differ more than those of independent elements do (F tests).

    For matrices without zeros. Near 0 with standard deviation 1 where every element was drawn
    independently from whatever distribution.
    """
    log_w = np.log(np.abs(np.asarray(values, dtype=np.float64)))
    rows, columns = log_w.shape
    by_row, by_column = log_w.mean(axis=1), log_w.mean(axis=0)
    rest = log_w - by_row[:, None] - by_column + log_w.mean()
    square = (rest**2).sum() / ((rows - 1) * (columns - 1))
    return (
        float((columns * by_row.var(ddof=1) / square - 1) / math.sqrt(2 / (rows - 1))),
        float((rows * by_column.var(ddof=1) / square - 1) / math.sqrt(2 / (columns - 1))),
    )


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Variance of ln |w| that rows, columns and the rest (the core) account for."""
    log_w = np.log(np.abs(np.asarray(values, dtype=np.float64)))
    rows, columns = log_w.shape
    by_row, by_column = log_w.mean(axis=1), log_w.mean(axis=0)
    rest = log_w - by_row[:, None] - by_column + log_w.mean()
    core = (rest**2).sum() / ((rows - 1) * (columns - 1))
    return (
        float(max(by_row.var(ddof=1) - core / columns, 0.0)),
        float(max(by_column.var(ddof=1) - core / rows, 0.0)),
        float(core),
    )

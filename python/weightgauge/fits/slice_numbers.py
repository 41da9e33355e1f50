"""The numbers of many slices as arrays, and which of them are matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.anatomy.layouts import Slices
from weightgauge.anatomy.layouts.matrix_layout import matrix_layout
from weightgauge.fits.columns import Columns, columns_of
from weightgauge.fits.slice_fits import SliceFits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit

_COUNTS = (
    *("n", "zeros", "nonfinite", "levels", "at_max", "zero_blocks", "negatives"),
    *("zero_rows", "zero_columns", "unused_rows", "far_out", "row_levels"),
    *("large_rows", "large_columns"),
)
_SIZES = ("max", "second", "lowest", "rms", "k_se")


class SliceNumbers(NamedTuple):
    """What rules ask of slices, an array or list for each question.

    Attributes
    ----------
    columns : Columns
        Names, kinds, and k, lambda and R2.
    shapes : sequence of tuple of int
        Shapes.
    n, zeros, nonfinite, elements : ndarray of int64
        Elements that were fitted, zeros, elements that are NaN or infinite, and their sum.
    zero_rows, zero_columns : ndarray of int64
        Rows and columns of zeros alone; 0 where rows are not known.
    unused_rows : ndarray of int64
        Rows that no token used; 0 or less where there are none, or they were not looked for.
    far_out : ndarray of int64
        Elements above 4,096 lambda; 0 where that was not kept.
    row_levels : ndarray of int64
        Magnitudes of 64 weights of a row where each row has a grid; 0 where they have none.
    large_rows, large_columns : ndarray of int64
        Rows and columns far larger than most; 0 or less where there are none, or they were not
        looked for.
    levels, at_max, zero_blocks, negatives : ndarray of int64
        Different magnitudes, 0 where that is not known; elements of the largest one; blocks of 2
        KiB that are all zero; and elements below zero.
    max, second, lowest, rms, k_se : ndarray of float64
        Largest magnitude, the next one, the smallest one other than zero, root mean square, and
        the standard error of k; NaN where there is none.
    matrix : ndarray of bool
        Whether it is a weight matrix, or of no known kind and of two or more dimensions.
    known : ndarray of bool
        Whether it is a weight matrix of a known kind.
    """

    columns: Columns
    shapes: Sequence[tuple[int, ...]]
    n: NDArray[np.int64]
    zeros: NDArray[np.int64]
    nonfinite: NDArray[np.int64]
    elements: NDArray[np.int64]
    levels: NDArray[np.int64]
    at_max: NDArray[np.int64]
    zero_blocks: NDArray[np.int64]
    negatives: NDArray[np.int64]
    zero_rows: NDArray[np.int64]
    zero_columns: NDArray[np.int64]
    unused_rows: NDArray[np.int64]
    far_out: NDArray[np.int64]
    row_levels: NDArray[np.int64]
    large_rows: NDArray[np.int64]
    large_columns: NDArray[np.int64]
    max: NDArray[np.float64]
    second: NDArray[np.float64]
    lowest: NDArray[np.float64]
    rms: NDArray[np.float64]
    k_se: NDArray[np.float64]
    matrix: NDArray[np.bool_]
    known: NDArray[np.bool_]

    def zeros_in_lines(self) -> NDArray[np.int64]:
        """Return the zeros that fill whole rows or columns; few slices have any."""
        found = np.zeros(len(self.n), np.int64)
        for row in np.flatnonzero((self.zero_rows > 0) | (self.zero_columns > 0)).tolist():
            width = row_length(self.shapes[row], self.columns.kinds[row])
            rows = self.elements[row] // width
            of_columns = self.zero_columns[row] * (rows - self.zero_rows[row])
            found[row] = self.zero_rows[row] * width + of_columns
        return found

    def of(self, *kinds: str) -> NDArray[np.bool_]:
        """Return which slices are of any of these kinds."""
        return self.columns.of(*kinds)


def row_length(shape: tuple[int, ...], kind: str) -> int:
    """Return the elements in each row of a slice, of stacks and kernels too."""
    return max(matrix_layout(shape, stacked=kind in _KNOWN).columns, 1)


def numbers_of(slices: Sequence[SliceFit]) -> SliceNumbers:
    """Return the numbers of records, or of fits that are no records yet."""
    if not isinstance(slices, SliceFits):
        return _numbers_of(slices)
    if slices.sorted_out is None:
        slices.sorted_out = _numbers_of(slices)
    return slices.sorted_out


def _numbers_of(slices: Sequence[SliceFit]) -> SliceNumbers:
    columns = columns_of(slices)
    if isinstance(slices, SliceFits):
        shapes: Sequence[tuple[int, ...]] = Slices.of(slices.slices).shapes
        counts = [slices.numbers[name].astype(np.int64) for name in _COUNTS]
        sizes = [slices.numbers[name] for name in _SIZES]
    else:
        shapes = [item.shape for item in slices]
        counts = [_counts(slices, name) for name in _COUNTS]
        sizes = [np.array([getattr(item, name) for item in slices]) for name in _SIZES]
    n, zeros, nonfinite, levels, at_max, zero_blocks, negatives, *lines = counts
    zero_rows, zero_columns, unused_rows, far_out, row_levels, large_rows, large_columns = lines
    largest, second, lowest, rms, k_se = sizes
    known = columns.of(*_KNOWN)
    other = columns.of("other")
    for row in np.flatnonzero(other).tolist():
        other[row] = len(shapes[row]) > 1
    return SliceNumbers(
        columns=columns,
        shapes=shapes,
        n=n,
        zeros=zeros,
        nonfinite=nonfinite,
        elements=n + zeros + nonfinite,
        levels=levels,
        at_max=at_max,
        zero_blocks=zero_blocks,
        negatives=negatives,
        zero_rows=zero_rows,
        zero_columns=zero_columns,
        unused_rows=unused_rows,
        far_out=far_out,
        row_levels=row_levels,
        large_rows=large_rows,
        large_columns=large_columns,
        max=largest,
        second=second,
        lowest=lowest,
        rms=rms,
        k_se=k_se,
        matrix=known | other,
        known=known,
    )


_KNOWN = frozenset(MATRIX_KINDS)


def _counts(slices: Sequence[SliceFit], name: str) -> NDArray[np.int64]:
    return np.array([getattr(item, name) or 0 for item in slices], np.int64)

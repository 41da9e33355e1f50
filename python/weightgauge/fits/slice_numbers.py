"""The numbers of many slices as arrays, and which of them are matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.anatomy.layouts.matrix_layout import matrix_layout
from weightgauge.fits.columns import columns_of
from weightgauge.fits.slice_fits import SliceFits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit


class _Asked:
    """A field of all slices, whose array is made whenever somebody asks for it.

    Few rules ask, and an array for each of twenty fields is a good part of the memory that a
    million slices take.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name


class _Counts(_Asked):
    def __get__(self, numbers: SliceNumbers, owner: type | None = None) -> NDArray[np.int64]:
        return numbers.counts(self._name)


class _Sizes(_Asked):
    def __get__(self, numbers: SliceNumbers, owner: type | None = None) -> NDArray[np.float64]:
        return numbers.sizes(self._name)


class SliceNumbers:
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

    n, zeros, nonfinite = _Counts(), _Counts(), _Counts()
    zero_rows, zero_columns, unused_rows = _Counts(), _Counts(), _Counts()
    far_out, row_levels, large_rows, large_columns = _Counts(), _Counts(), _Counts(), _Counts()
    levels, at_max, zero_blocks, negatives = _Counts(), _Counts(), _Counts(), _Counts()
    max, second, lowest, rms, k_se = _Sizes(), _Sizes(), _Sizes(), _Sizes(), _Sizes()

    def __init__(self, slices: Sequence[SliceFit]) -> None:
        self._slices = slices
        self.columns = columns_of(slices)
        self.known = self.columns.of(*_KNOWN)
        self.matrix = self.columns.of("other") & (self.columns.ranks > 1)
        self.matrix |= self.known

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """See the class."""
        return self.columns.shapes

    @property
    def elements(self) -> NDArray[np.int64]:
        """See the class."""
        return self.n + self.zeros + self.nonfinite

    def counts(self, name: str) -> NDArray[np.int64]:
        """Return a whole number of every slice, by its name in `SliceFit`; 0 where it has none."""
        if isinstance(self._slices, SliceFits):
            return self._slices.numbers[name]
        return np.array([getattr(item, name) or 0 for item in self._slices], np.int64)

    def sizes(self, name: str) -> NDArray[np.float64]:
        """Return a number of every slice, by its name in `SliceFit`."""
        if isinstance(self._slices, SliceFits):
            return self._slices.numbers[name]
        return np.array([getattr(item, name) for item in self._slices], np.float64)

    def zeros_in_lines(self) -> NDArray[np.int64]:
        """Return the zeros that fill whole rows or columns; few slices have any."""
        zero_rows, zero_columns, elements = self.zero_rows, self.zero_columns, self.elements
        found = np.zeros(len(elements), np.int64)
        for row in np.flatnonzero((zero_rows > 0) | (zero_columns > 0)).tolist():
            width = row_length(self.shapes[row], self.columns.kinds[row])
            rows = elements[row] // width
            of_columns = zero_columns[row] * (rows - zero_rows[row])
            found[row] = zero_rows[row] * width + of_columns
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
        return SliceNumbers(slices)
    if slices.sorted_out is None:
        slices.sorted_out = SliceNumbers(slices)
    return slices.sorted_out


_KNOWN = frozenset(MATRIX_KINDS)

"""The numbers of many slices as arrays, and which of them are matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.fits.columns import Columns, columns_of
from weightgauge.fits.slice_fits import SliceFits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit

_COUNTS = ("n", "zeros", "nonfinite")


class SliceNumbers(NamedTuple):
    """What rules ask of slices, an array or list for each question.

    Attributes
    ----------
    columns : Columns
        Names, kinds, and k, lambda and R2.
    shapes : list of tuple of int
        Shapes.
    n, zeros, nonfinite, elements : ndarray of int64
        Elements that were fitted, zeros, elements that are NaN or infinite, and their sum.
    max, rms : ndarray of float64
        Largest magnitude and root mean square; NaN where there is none.
    matrix : ndarray of bool
        Whether it is a weight matrix, or of no known kind and of two or more dimensions.
    known : ndarray of bool
        Whether it is a weight matrix of a known kind.
    """

    columns: Columns
    shapes: list[tuple[int, ...]]
    n: NDArray[np.int64]
    zeros: NDArray[np.int64]
    nonfinite: NDArray[np.int64]
    elements: NDArray[np.int64]
    max: NDArray[np.float64]
    rms: NDArray[np.float64]
    matrix: NDArray[np.bool_]
    known: NDArray[np.bool_]


def numbers_of(slices: Sequence[SliceFit]) -> SliceNumbers:
    """Return the numbers of records, or of fits that are no records yet."""
    columns = columns_of(slices)
    if isinstance(slices, SliceFits):
        shapes = [item.shape for item in slices.slices]
        counts = [slices.numbers[name].astype(np.int64) for name in _COUNTS]
        sizes = [slices.numbers[name] for name in ("max", "rms")]
    else:
        shapes = [item.shape for item in slices]
        counts = [np.array([getattr(item, name) for item in slices], np.int64) for name in _COUNTS]
        sizes = [np.array([getattr(item, name) for item in slices]) for name in ("max", "rms")]
    n, zeros, nonfinite = counts
    known = np.array([kind in _KNOWN for kind in columns.kinds], np.bool_)
    flat = np.array([len(shape) < 2 for shape in shapes], np.bool_)
    other = np.array([kind == "other" for kind in columns.kinds], np.bool_)
    return SliceNumbers(
        columns=columns,
        shapes=shapes,
        n=n,
        zeros=zeros,
        nonfinite=nonfinite,
        elements=n + zeros + nonfinite,
        max=sizes[0],
        rms=sizes[1],
        matrix=known | (other & ~flat),
        known=known,
    )


_KNOWN = frozenset(MATRIX_KINDS)

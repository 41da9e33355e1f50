"""Outlines of names: what is left where the numbers in them are cut out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NameOutlines(NamedTuple):
    """The outlines of many names, and the numbers that are cut out of these.

    A number is one to nine digits with a dot on either side. Large models have tens of thousands of
    names, but few outlines.

    Attributes
    ----------
    of_names : ndarray of int32
        The number of the outline of each name. Outlines are numbered in the order in which they
        come up. Names that differ in their numbers alone have the same one if they have as many
        zeros before each number; names without numbers have one each.
    first_names : ndarray of int32
        For each outline the place of the first name that has it.
    counts : ndarray of int32
        How many numbers stand in each outline.
    numbers : ndarray of int32
        The numbers of all names, one after the other.
    """

    of_names: NDArray[np.int32]
    first_names: NDArray[np.int32]
    counts: NDArray[np.int32]
    numbers: NDArray[np.int32]


def name_outlines(names: Sequence[str]) -> NameOutlines:
    """Cut names at their numbers.

    Examples
    --------
    >>> found = name_outlines(["h.0.w", "h.1.w", "h.12.w", "norm", "h.01.w"])
    >>> found.of_names.tolist(), found.first_names.tolist()
    ([0, 0, 0, 1, 2], [0, 3, 4])
    >>> found.counts.tolist(), found.numbers.tolist()
    ([1, 0, 1], [0, 1, 12, 1])
    """
    from weightgauge import _core

    return NameOutlines(*_core.name_outlines(list(names)))

"""Numbers of the slices of a scan as the core takes them: a column for each."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.categorical import numbers_of
from weightgauge.dtypes import ITEM_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.anatomy.layouts import MatrixLayout
    from weightgauge.anatomy.storage import Numbers
    from weightgauge.checkpoint import Tensors

FORMATS = tuple(ITEM_BYTES)
"""Element formats in the order in which the columns number them."""

_NUMBER_OF = {name: number for number, name in enumerate(FORMATS)}


class Noted(IntEnum):
    """What the core notes of a slice beside its counts."""

    NEGATIVES = 1
    TENSOR = 2
    DIGEST = 3


class PlanColumns:
    """Where slices lie, as columns of numbers of the types that the core has.

    Attributes
    ----------
    files, formats, offsets, items, noted : array of int
        The file, the place of the format in `FORMATS`, the first byte, how many items there are,
        and what is noted of them.
    columns : array of int
        Elements in a row of the matrix; 0 where there are no rows.
    """

    def __init__(self) -> None:
        self.files = array("I")
        self.formats = array("B")
        self.offsets = array("Q")
        self.items = array("Q")
        self.noted = array("B")
        self.columns = array("Q")

    def __len__(self) -> int:
        return len(self.files)

    def to_core(self) -> dict[str, NDArray[Any]]:
        """Return the columns under the names that the core has for them."""
        return {name: np.asarray(column) for name, column in vars(self).items()}

    def add(self, file: int, dtype: str, offset: int, items: int, noted: Noted) -> int:
        """Add one slice; return its index."""
        self.files.append(file)
        self.formats.append(_NUMBER_OF[dtype])
        self.offsets.append(offset)
        self.items.append(items)
        self.noted.append(noted)
        self.columns.append(0)
        return len(self.files) - 1

    def add_whole(
        self,
        tensors: Tensors,
        files: Mapping[int, int],
        matrices: Sequence[MatrixLayout | None],
    ) -> range:
        """Add whole tensors that hold the values themselves; return their indices.

        Parameters
        ----------
        tensors : Tensors
            The tensors.
        files : mapping of int to int
            The file of each shard.
        matrices : sequence of MatrixLayout or None
            How each of them forms rows and columns.
        """
        item_bytes = numbers_of(tensors.dtypes, ITEM_BYTES.__getitem__, np.uint64)
        columns = numbers_of(matrices, lambda each: each.columns if each else 0, np.uint64)
        first = len(self)
        _extend(self.files, numbers_of(tensors.shards, files.__getitem__, np.uint32))
        _extend(self.formats, numbers_of(tensors.dtypes, _NUMBER_OF.__getitem__, np.uint8))
        _extend(self.offsets, np.asarray(tensors.offsets, np.uint64))
        _extend(self.items, numbers_of(tensors.nbytes, int, np.uint64) // item_bytes)
        _extend(self.noted, np.full(len(tensors), Noted.TENSOR, np.uint8))
        _extend(self.columns, columns)
        return range(first, len(self))

    def add_numbers(self, numbers: Sequence[Numbers], files: Mapping[int, int]) -> range:
        """Add tensors of one number each, of which no digest is noted; return their indices.

        Parameters
        ----------
        numbers : sequence of Numbers
            The tensors, and the formats in which they are read.
        files : mapping of int to int
            The file of each shard.
        """
        first, size = len(self), len(numbers)
        self.files.extend([files[each.tensor.shard] for each in numbers])
        self.formats.extend([_NUMBER_OF[each.dtype] for each in numbers])
        self.offsets.extend([each.tensor.offset for each in numbers])
        _extend(self.items, np.ones(size, np.uint64))
        _extend(self.noted, np.full(size, Noted.NEGATIVES, np.uint8))
        _extend(self.columns, np.zeros(size, np.uint64))
        return range(first, len(self))


def _extend(column: array[int], numbers: NDArray[Any]) -> None:
    """Add numbers of the type that a column has."""
    column.frombytes(numbers.tobytes())

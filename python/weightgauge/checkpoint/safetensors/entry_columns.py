"""Entries of a header as columns, while they are read: few of them differ in format and shape."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.categorical import by_code, constant
from weightgauge.checkpoint.tensors import Tensors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Storage = tuple[str, tuple[int, ...], int]
"""The dtype of a tensor, its shape, and the length of its data in bytes."""


class EntryColumns:
    """Receives the entries of a header, one by one or many at a time."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._offsets = array("q")
        self._storages: dict[Storage, int] = {}
        self._storage_of = array("I")

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, storage: Storage, offset: int) -> None:
        """Add one entry, whose data begin at a byte of the file."""
        self._names.append(name)
        self._offsets.append(offset)
        self._storage_of.append(self._number(storage))

    def add_many(
        self,
        names: Sequence[str],
        storages: Sequence[Storage],
        storage_of: NDArray[np.uint32],
        offsets: NDArray[np.int64],
    ) -> None:
        """Add many entries.

        Parameters
        ----------
        names : sequence of str
            Their names.
        storages : sequence of (str, tuple of int, int)
            The storages that they have.
        storage_of : ndarray of uint32
            For each of them the place of its storage among these.
        offsets : ndarray of int64
            Where in the file their data begin.
        """
        import numpy as np

        numbers = np.array(list(map(self._number, storages)), np.uint32)
        self._names += names
        self._offsets.frombytes(offsets.tobytes())
        self._storage_of.frombytes(numbers[storage_of].tobytes())

    def tensors(self, shard: int) -> Tensors:
        """Return the tensors of all entries, which are those of one shard."""
        dtypes, shapes, lengths = zip(*self._storages, strict=True) if self._storages else [()] * 3
        return Tensors(
            self._names,
            by_code(dtypes, self._storage_of),
            by_code(shapes, self._storage_of),
            constant(shard, len(self)),
            self._offsets,
            by_code(lengths, self._storage_of),
        )

    def _number(self, storage: Storage) -> int:
        return self._storages.setdefault(storage, len(self._storages))

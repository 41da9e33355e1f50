"""A table of the tensors of a checkpoint, with kind, place and format of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components.ordering import in_order, moves
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.columnar import ColumnarRows
from weightgauge.records import taken

if TYPE_CHECKING:
    from weightgauge.anatomy.survey import Survey
    from weightgauge.checkpoint import Checkpoint, TensorInfo

FIELDS = (
    *("tensor", "kind", "block", "tower", "expert", "dtype", "shape", "bytes", "storage"),
    "digest",
)
"""Keys of a row. The digest is None as long as the weights have not been read."""


class Inventory(ColumnarRows):
    """Rows with the keys `FIELDS`.

    Parameters
    ----------
    columns : sequence of sequence
        The values of each field, in the order of `FIELDS`.
    """

    names = FIELDS

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        """Return the number of tensors."""
        return len(self._columns[0])

    def column(self, name: str) -> Sequence[Any]:
        """Return all values of one field; shapes are tuples."""
        return self._columns[FIELDS.index(name)]

    def part(self, start: int, stop: int) -> Inventory:
        """Return the rows from one place on up to another."""
        return Inventory([column[start:stop] for column in self._columns])


def inventory(
    checkpoint: Checkpoint, known: Survey, tensors: Sequence[TensorInfo] | None = None
) -> Inventory:
    """List tensors with their kind, place, format and size.

    Parameters
    ----------
    checkpoint : Checkpoint
        The checkpoint.
    known : Survey
        Its survey.
    tensors : sequence of TensorInfo, optional
        The tensors to list; all by default.

    Returns
    -------
    Inventory
        In the order of tables.
    """
    listed = checkpoint.tensors if tensors is None else Tensors.of(tensors)
    places = known.components
    if listed is not checkpoint.tensors:
        places = places.take(list(map(known.rows.__getitem__, listed.names)))
    note = known.storage.note
    columns: tuple[Sequence[Any], ...] = (
        *(listed.names, places.kinds, places.blocks, places.towers, places.experts),
        *(listed.dtypes, listed.shapes, listed.nbytes),
        [note(name) or None for name in listed.names],
        [None] * len(listed),
    )
    order = in_order(places, listed.names)
    if not moves(order):
        return Inventory(columns)
    return Inventory([taken(column, order) for column in columns])

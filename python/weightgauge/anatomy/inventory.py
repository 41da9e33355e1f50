"""A table of the tensors of a checkpoint, with kind, place and format of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from weightgauge.anatomy.components.ordering import in_order
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.records import taken

if TYPE_CHECKING:
    from weightgauge.anatomy.survey import Survey
    from weightgauge.checkpoint import Checkpoint, TensorInfo

FIELDS = (
    *("tensor", "kind", "block", "tower", "expert", "dtype", "shape", "bytes", "storage"),
    "digest",
)
"""Keys of a row. The digest is None as long as the weights have not been read."""


class Inventory(Sequence[dict[str, Any]]):
    """Rows with the keys `FIELDS`, held as columns: a million rows are no million dictionaries.

    Parameters
    ----------
    columns : sequence of sequence
        The values of each field, in the order of `FIELDS`.
    """

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        """Return the number of tensors."""
        return len(self._columns[0])

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Inventory: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Inventory:
        """Return one row, of plain values, or several."""
        if isinstance(index, slice):
            return Inventory([column[index] for column in self._columns])
        return _row(column[index] for column in self._columns)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield row by row."""
        return map(_row, zip(*self._columns, strict=True))

    def column(self, field: str) -> Sequence[Any]:
        """Return all values of one field; shapes are tuples."""
        return self._columns[FIELDS.index(field)]


def _row(values: Iterable[Any]) -> dict[str, Any]:
    row = dict(zip(FIELDS, values, strict=True))
    row["shape"] = list(row["shape"])  # as in JSON, where it comes from or goes to
    return row


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
    order = in_order(places, listed.names)
    note = known.storage.note
    columns = (
        *(listed.names, places.kinds, places.blocks, places.towers, places.experts),
        *(listed.dtypes, listed.shapes, listed.nbytes),
        [note(name) or None for name in listed.names],
        [None] * len(listed),
    )
    return Inventory([taken(column, order) for column in columns])

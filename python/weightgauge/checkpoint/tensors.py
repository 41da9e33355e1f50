"""The tensors of a checkpoint as columns, of which a record is made when somebody asks for it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, overload

from weightgauge.categorical import joined, plain_if_short
from weightgauge.checkpoint.name_outlines import NameOutlines, name_outlines
from weightgauge.checkpoint.types import TensorInfo
from weightgauge.frames import InPolars, TypedRows
from weightgauge.records import named_tuples, taken, to_frame, typed

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from numpy.typing import NDArray


class Tensors(Sequence[TensorInfo], InPolars):
    """A sequence of `TensorInfo` that compares, hashes and is cut like a tuple of them.

    Large checkpoints have tens of thousands of tensors. What looks at all of them looks at columns.

    Attributes
    ----------
    names, dtypes, shapes, shards, offsets, nbytes : sequence
        The fields of `TensorInfo`, all of one length.

    Examples
    --------
    >>> tensors = Tensors.of([TensorInfo("w", "F32", (2, 3), 0, 96, 24)])
    >>> tensors
    <1 tensor>
    >>> tensors[0]
    TensorInfo('w', F32 [2, 3], shard 0, bytes 96..120)
    >>> tensors.shapes
    [(2, 3)]
    """

    __slots__ = ("_outlines", "dtypes", "names", "nbytes", "offsets", "shapes", "shards")

    def __init__(
        self,
        names: Sequence[str],
        dtypes: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        shards: Sequence[int],
        offsets: Iterable[int],
        nbytes: Sequence[int],
    ) -> None:
        self.names = names
        self.dtypes = dtypes
        self.shapes = shapes
        self.shards = shards
        self.offsets = array("q", offsets)
        self.nbytes = nbytes
        self._outlines: NameOutlines | None = None

    @classmethod
    def of(cls, tensors: Iterable[TensorInfo]) -> Tensors:
        """Return tensors as columns, in which they may be already."""
        if isinstance(tensors, Tensors):
            return tensors
        columns = list(map(list, zip(*tensors, strict=True))) or [[] for _ in TensorInfo._fields]
        return cls(*columns)

    @classmethod
    def joined(cls, parts: Sequence[Tensors]) -> Tensors:
        """Put the tensors of several files one after the other."""
        if len(parts) == 1:
            columns = parts[0].columns()
        else:
            names, dtypes, shapes, shards, offsets, nbytes = (
                zip(*(part.columns() for part in parts), strict=True) if parts else [()] * 6
            )
            columns = (
                list(chain(*names)),
                joined(dtypes),
                joined(shapes),
                joined(shards),
                array("q", b"".join(each.tobytes() for each in offsets)),
                joined(nbytes),
            )
        return cls(*(plain_if_short(each) for each in columns))

    def columns(self) -> tuple[Any, ...]:
        """Return the columns in the order of the fields of `TensorInfo`."""
        return self.names, self.dtypes, self.shapes, self.shards, self.offsets, self.nbytes

    @property
    def outlines(self) -> NameOutlines:
        """The names, cut at their numbers, which is kept; see `forget_outlines`."""
        if self._outlines is None:
            self._outlines = name_outlines(self.names)
        return self._outlines

    def forget_outlines(self) -> None:
        """Give the memory of `outlines` back, which is an eighth of that of the names."""
        self._outlines = None

    def unlike_names(self) -> list[str]:
        """Return one name of each outline: what numbers have no part in shows in these."""
        return [self.names[row] for row in self.outlines.first_names.tolist()]

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Tensors:
        """Return those in the given places."""
        return Tensors(*(taken(column, rows) for column in self.columns()))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per tensor."""
        return [each.to_dict() for each in self]

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with one row per tensor; see `weightgauge.records.to_frame`.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return to_frame(TensorInfo, self.to_dicts())

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return typed(TensorInfo, self.to_dicts())

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> TensorInfo: ...
    @overload
    def __getitem__(self, index: slice) -> Tensors: ...
    def __getitem__(self, index: int | slice) -> TensorInfo | Tensors:
        """Return one record, or the columns of several."""
        if isinstance(index, slice):
            return Tensors(*(column[index] for column in self.columns()))
        return TensorInfo(
            *(self.names[index], self.dtypes[index], self.shapes[index]),
            *(self.shards[index], self.offsets[index], self.nbytes[index]),
        )

    def __iter__(self) -> Iterator[TensorInfo]:
        return iter(named_tuples(TensorInfo, *self.columns()))

    def __eq__(self, other: object) -> bool:
        """Compare the records, with those of a tuple too."""
        if isinstance(other, Tensors):
            return self.columns() == other.columns()
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"<{len(self):,} {'tensor' if len(self) == 1 else 'tensors'}>"

"""What is fitted together: a tensor, or a piece of it, as a record and as columns of many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from weightgauge.anatomy.components import Component, Components
from weightgauge.anatomy.layouts.layout import Cut
from weightgauge.anatomy.layouts.matrix_layout import MatrixLayout
from weightgauge.anatomy.slice_key import SliceKey
from weightgauge.categorical import constant, different, extended
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.records import named_tuples, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.anatomy.storage import Stored
    from weightgauge.checkpoint import TensorInfo


class Slice(NamedTuple):
    """The elements that are fitted together.

    Attributes
    ----------
    tensor : TensorInfo
        Tensor that holds them.
    place : Component
        Kind and place of the slice.
    shape : tuple of int
        Shape of the slice.
    cut : Cut or None
        The piece of the tensor that the slice is; None for the whole tensor.
    note : str
        Why a tensor that may hold several matrices is not cut; "" for every other slice.
    stored : Stored or None
        How the values are decoded from the tensor; None where the tensor holds the values.
    matrix : MatrixLayout or None
        How its elements form rows and columns; None where nobody asked.
    """

    tensor: TensorInfo
    place: Component
    shape: tuple[int, ...]
    cut: Cut | None = None
    note: str = ""
    stored: Stored | None = None
    matrix: MatrixLayout | None = None

    @property
    def key(self) -> SliceKey:
        """The key by which the slice is found in its model."""
        place = self.place
        return SliceKey(self.tensor.name, place.part, place.expert, place.head)


class Slices(Sequence[Slice]):
    """Slices as columns. A record is made when somebody asks for one.

    Parameters
    ----------
    tensors, places, shapes, cuts, notes, sources, matrices : sequence
        The fields of `Slice` as columns, `sources` for its `stored`. Where cuts, notes and sources
        are left out, the slices are whole tensors that hold the values.
    """

    __slots__ = ("cuts", "matrices", "notes", "places", "shapes", "sources", "tensors")

    def __init__(
        self,
        tensors: Tensors,
        places: Components,
        shapes: Sequence[tuple[int, ...]],
        cuts: Sequence[Cut | None] | None = None,
        notes: Sequence[str] | None = None,
        sources: Sequence[Stored | None] | None = None,
        matrices: Sequence[MatrixLayout | None] | None = None,
    ) -> None:
        self.tensors = tensors
        self.places = places
        self.shapes = shapes
        none = constant(None, len(tensors))
        self.cuts = none if cuts is None else cuts
        self.notes = constant("", len(tensors)) if notes is None else notes
        self.sources = none if sources is None else sources
        self.matrices = none if matrices is None else matrices

    @classmethod
    def of(cls, slices: Sequence[Slice]) -> Slices:
        """Return slices as columns, in which they may be already."""
        if isinstance(slices, Slices):
            return slices
        if not slices:
            return cls(Tensors.of(()), Components.of(()), ())
        tensors, places, *others = zip(*slices, strict=True)
        return cls(Tensors.of(tensors), Components.of(places), *others)

    @property
    def whole(self) -> bool:
        """Whether each is a whole tensor that holds the values, so that no two are of one."""
        return not any(different(self.cuts)) and not any(different(self.sources))

    def plus(self, others: Slices) -> Slices:
        """Return these slices and, behind them, others."""
        pairs = zip(self._columns()[2:], others._columns()[2:], strict=True)
        return Slices(
            Tensors.joined([self.tensors, others.tensors]),
            self.places.plus(others.places),
            *(extended(column, more) for column, more in pairs),
        )

    def with_pieces(self, pieces: Mapping[int, Sequence[Slice]]) -> Slices:
        """Return these slices with one or more others in the place of those in some rows.

        Parameters
        ----------
        pieces : mapping of int to sequence of Slice
            The others by row, rows ascending.
        """
        import numpy as np

        if not pieces:
            return self
        others = Slices.of([item for each in pieces.values() for item in each])
        sizes = np.ones(len(self), np.intp)
        sizes[list(pieces)] = [len(each) for each in pieces.values()]
        replaced = np.zeros(len(self), np.bool_)
        replaced[list(pieces)] = True
        order = np.repeat(np.arange(len(self)), sizes)
        order[np.repeat(replaced, sizes)] = len(self) + np.arange(len(others))
        return self.plus(others).take(order)

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Slices:
        """Return those in the given places."""
        _, _, *others = self._columns()
        return Slices(
            self.tensors.take(rows),
            self.places.take(rows),
            *(taken(column, rows) for column in others),
        )

    def _columns(self) -> tuple[Sequence[Any], ...]:
        beside = self.cuts, self.notes, self.sources, self.matrices
        return self.tensors, self.places, self.shapes, *beside

    def __len__(self) -> int:
        return len(self.tensors)

    @overload
    def __getitem__(self, index: int) -> Slice: ...
    @overload
    def __getitem__(self, index: slice) -> Slices: ...
    def __getitem__(self, index: int | slice) -> Slice | Slices:
        """Return one record, or the columns of several."""
        chosen: list[Any] = [column[index] for column in self._columns()]
        return Slices(*chosen) if isinstance(index, slice) else Slice(*chosen)

    def __iter__(self) -> Iterator[Slice]:
        return iter(named_tuples(Slice, *self._columns()))

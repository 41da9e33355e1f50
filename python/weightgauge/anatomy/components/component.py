"""What a tensor or a slice is: the kind of weight, and its place in the model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from weightgauge.categorical import categorical, constant, extended, numbers_of
from weightgauge.records import as_dict, named_tuples, taken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Component(NamedTuple):
    """The kind of a weight and its place in a transformer.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    block : int or None
        Number of the block; None outside the blocks.
    tower : str or None
        "encoder", "decoder", "vision", "text" or "audio" where the name says so, else None.
    expert : int or None
        Number of the expert.
    head : int or None
        Number of the attention head, for a slice that is one head.
    part : str or None
        Which part of a fused tensor, for a slice that is one.
    """

    kind: str
    block: int | None = None
    tower: str | None = None
    expert: int | None = None
    head: int | None = None
    part: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_dict(self)


class Components(Sequence[Component]):
    """Components as columns. A record is made when somebody asks for one.

    Parameters
    ----------
    kinds, blocks, towers, experts, heads, parts : sequence
        The fields of `Component`; `heads` and `parts` are None throughout where they are left out.
    """

    __slots__ = ("blocks", "experts", "heads", "kinds", "parts", "towers")

    def __init__(
        self,
        kinds: Sequence[str],
        blocks: Sequence[int | None],
        towers: Sequence[str | None],
        experts: Sequence[int | None],
        heads: Sequence[int | None] | None = None,
        parts: Sequence[str | None] | None = None,
    ) -> None:
        none = constant(None, len(kinds))
        self.kinds = kinds
        self.blocks = blocks
        self.towers = towers
        self.experts = experts
        self.heads = none if heads is None else heads
        self.parts = none if parts is None else parts

    @classmethod
    def of(cls, components: Sequence[Component]) -> Components:
        """Return components as columns, in which they may be already."""
        if isinstance(components, Components):
            return components
        return cls(*zip(*components, strict=True)) if components else cls((), (), (), ())

    def take(self, rows: Sequence[int] | Any) -> Components:
        """Return those in the given places."""
        return Components(*(taken(column, rows) for column in self._columns()))

    def plus(self, others: Components) -> Components:
        """Return these components and, behind them, others."""
        return Components(*map(extended, self._columns(), others._columns()))

    def with_kind(self, rows: Sequence[int], kind: str) -> Components:
        """Return the same components but for the kind of those in the given places."""
        kinds = list(self.kinds)
        for row in rows:
            kinds[row] = kind
        return Components(categorical(kinds), *self._columns()[1:])

    def in_blocks(self) -> NDArray[np.bool_]:
        """Return which of them are in a block."""
        return numbers_of(self.blocks, lambda block: block is not None, "bool")

    def of_kinds(self, kinds: Collection[str]) -> NDArray[np.bool_]:
        """Return which of them are of one of some kinds."""
        return numbers_of(self.kinds, kinds.__contains__, "bool")

    def _columns(self) -> tuple[Sequence[Any], ...]:
        return self.kinds, self.blocks, self.towers, self.experts, self.heads, self.parts

    def __len__(self) -> int:
        return len(self.kinds)

    @overload
    def __getitem__(self, index: int) -> Component: ...
    @overload
    def __getitem__(self, index: slice) -> Components: ...
    def __getitem__(self, index: int | slice) -> Component | Components:
        """Return one record, or the columns of several."""
        if isinstance(index, slice):
            return Components(*(column[index] for column in self._columns()))
        return Component(
            *(self.kinds[index], self.blocks[index], self.towers[index]),
            *(self.experts[index], self.heads[index], self.parts[index]),
        )

    def __iter__(self) -> Iterator[Component]:
        return iter(named_tuples(Component, *self._columns()))

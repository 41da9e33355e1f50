"""The layout of a tensor that holds several matrices, and the strided pieces that follow from it.

One dimension of the tensor, in most families its rows, is divided into equal groups, and every
group into the same fields. GPT-NeoX has one group per head with the fields q, k and v. A
concatenation is a single group. Interleaved rows are groups with one row per field. Experts may be
stacked along the first dimension. Nothing is copied: a piece is a first element and three strides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

MOST_PIECES = 4_096
"""More pieces than this in one tensor follow from a mistake in names or configuration."""


class NotCut(Exception):
    """A tensor stays whole.

    Parameters
    ----------
    reason : str
        The reason, in a clause without the tensor's name, so that it fits many tensors at once.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Field(NamedTuple):
    """The lines at one place of every group.

    Attributes
    ----------
    part : str or None
        Name of the part; None where the tensor is a single matrix.
    kind : str
        One of `weightgauge.anatomy.components.KINDS`.
    length : int
        Rows (or columns) in each group.
    heads : int or None
        Number of attention heads among them; None if there are none, or if it is not known.
    """

    part: str | None
    kind: str
    length: int
    heads: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a tensor is divided into fields.

    Attributes
    ----------
    shape : tuple of int
        The tensor's shape, with the experts as a dimension of their own if it holds several.
    axis : int
        The dimension of `shape` that is divided.
    fields : tuple of Field
        Fields of every group, in the order of storage.
    groups : int
        Number of equal groups into which the dimension is divided.
    stacked : bool
        Whether the first dimension of `shape` counts experts.
    headless : str
        Why heads are missing although the kind of matrix has some; "" where they are not missing.

    Raises
    ------
    NotCut
        If groups and fields do not fill the dimension exactly.
    """

    shape: tuple[int, ...]
    axis: int
    fields: tuple[Field, ...]
    groups: int = 1
    stacked: bool = False
    headless: str = ""

    def __post_init__(self) -> None:
        """Check that the fields fill the dimension."""
        lines = "rows" if self.axis < len(self.shape) - 1 else "columns"
        length, block = self.shape[self.axis], sum(field.length for field in self.fields)
        if self.groups < 1 or any(field.length < 1 for field in self.fields):
            raise NotCut("a part of it would be empty")
        if self.groups * block != length:
            raise NotCut(f"{self.groups * block:,} {lines} are expected, but it has {length:,}")
        if any(field.heads and field.length % field.heads for field in self.fields):
            raise NotCut("its heads would be of unequal size")
        experts = self.shape[0] if self.stacked else 1
        pieces = experts * sum(self.groups * (field.heads or 0) or 1 for field in self.fields)
        if pieces > MOST_PIECES:
            raise NotCut(f"it would fall into {pieces:,} pieces")

    def turned(self) -> Layout:
        """Return the same division of the transposed matrix."""
        return replace(self, shape=self.shape[::-1], axis=1 - self.axis)


class Cut(NamedTuple):
    """One piece of a tensor.

    Attributes
    ----------
    part, kind, expert, head : str or None, str, int or None, int or None
        Kind and place of the piece.
    shape : tuple of int
        Shape of the piece.
    first : int
        Place of its first element in the tensor, in the order of storage.
    dims : tuple of (int, int)
        Extent and stride, in elements, of each dimension along which its elements lie.
    heads : (int, int)
        Rows and columns of each of the heads that it consists of, in the order of storage; (1, 1)
        where it is one head, or has none.
    """

    part: str | None
    kind: str
    expert: int | None
    head: int | None
    shape: tuple[int, ...]
    first: int
    dims: tuple[tuple[int, int], ...]
    heads: tuple[int, int] = (1, 1)


def cuts(layout: Layout, *, by_head: bool = False) -> tuple[Cut, ...]:
    """Cut a tensor into its parts and experts, and these into heads on request.

    Parameters
    ----------
    layout : Layout
        How the tensor is divided.
    by_head : bool
        Whether fields with heads are cut into heads.

    Returns
    -------
    tuple of Cut
        Ordered by expert, field and head.

    Examples
    --------
    >>> fused = Layout((12, 4), 0, (Field("q", "q", 2), Field("k", "k", 2)), groups=3)
    >>> [(cut.part, cut.shape, cut.first) for cut in cuts(fused)]
    [('q', (6, 4), 0), ('k', (6, 4), 8)]
    """
    experts = range(layout.shape[0]) if layout.stacked else (None,)
    return tuple(cut for expert in experts for cut in _of_expert(layout, expert, by_head))


def lines_of_head(field: Field, axis: int) -> tuple[int, int]:
    """Return the rows and columns of a head of the field; (1, 1) where it has none.

    Examples
    --------
    >>> lines_of_head(Field("q", "q", 768, heads=12), axis=0)
    (64, 1)
    """
    if not field.heads:
        return 1, 1
    lines = field.length // field.heads
    return (lines, 1) if axis == 0 else (1, lines)


def _of_expert(layout: Layout, expert: int | None, by_head: bool) -> Iterator[Cut]:
    matrix = layout.shape[1:] if layout.stacked else layout.shape
    axis = layout.axis - layout.stacked
    before, length, after = matrix[:axis], matrix[axis], matrix[axis + 1 :]
    line = prod(after)
    over = (prod(before), length * line)
    block = length // layout.groups
    start = (expert or 0) * prod(matrix)
    for field in layout.fields:
        if by_head and field.heads:
            size = field.length // field.heads
            shape = (*before, size, *after)
            within = (over, (size * line, 1))
            for group in range(layout.groups):
                for i in range(field.heads):
                    head = group * field.heads + i
                    first = start + (group * block + i * size) * line
                    yield Cut(field.part, field.kind, expert, head, shape, first, within)
        else:
            shape = (*before, layout.groups * field.length, *after)
            dims = (over, (layout.groups, block * line), (field.length * line, 1))
            heads = lines_of_head(field, axis)
            yield Cut(field.part, field.kind, expert, None, shape, start, dims, heads)
        start += field.length * line

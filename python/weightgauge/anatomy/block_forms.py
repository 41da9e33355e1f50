"""Tensors in blocks, sorted by what is the same in all of these: their form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.components import Components
from weightgauge.categorical import alike, numbers_of, rows_alike
from weightgauge.records import taken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class BlockForm(NamedTuple):
    """The tensors of one form that lie in blocks.

    Attributes
    ----------
    first : int
        The row of the first of them.
    number : Counter of int
        How many there are in each block.
    last : sequence of int
        The row of the last one in each of these blocks.
    experts : list of ndarray of int
        The numbers of their experts in each of these blocks; empty where they belong to none.
    """

    first: int
    number: Counter[int]
    last: Sequence[int]
    experts: list[NDArray[np.int64]]


def block_forms(places: Components, forms: Sequence[int]) -> Iterator[BlockForm]:
    """Sort the tensors that lie in blocks by form and block.

    Parameters
    ----------
    places : Components
        What all tensors of a model are.
    forms : sequence of int
        Which tensors are of one form: see `weightgauge.anatomy.components.Classified`.

    Yields
    ------
    BlockForm
        Forms that begin first come first.
    """
    import numpy as np

    inside = places.in_blocks().nonzero()[0]
    if not len(inside):
        return
    # All are sorted at once: a form may have one tensor in each of few blocks, or the matrices of
    # thousands of experts.
    pairs = np.asarray(alike(np.asarray(forms)[inside], taken(places.blocks, inside)))
    rows = inside[np.argsort(pairs, kind="stable")]
    sizes = np.bincount(pairs)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    firsts, lasts = rows[starts].tolist(), rows[ends - 1].tolist()
    numbers = list(zip(taken(places.blocks, firsts), sizes.tolist(), strict=True))
    experts = numbers_of(places.experts, lambda each: -1 if each is None else each, np.int64)[rows]
    for at in rows_alike(np.asarray(forms)[firsts]):
        first = at[0]
        yield BlockForm(
            firsts[first],
            Counter({block: size for block, size in taken(numbers, at) if block is not None}),
            taken(lasts, at),
            [experts[starts[i] : ends[i]] for i in at] if experts[starts[first]] >= 0 else [],
        )

"""Slices by the block that they are in, and within a block by kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.columns import Columns


class BlockGroup(NamedTuple):
    """The slices of one kind in one block.

    Attributes
    ----------
    tower, block, kind
        As in `weightgauge.SliceFit`.
    rows : ndarray of int64
        Places of the slices, ascending.
    """

    tower: str | None
    block: int
    kind: str
    rows: NDArray[np.int64]


def block_groups(columns: Columns, rows: NDArray[np.int64]) -> list[BlockGroup]:
    """Group slices by tower, block and kind.

    Parameters
    ----------
    columns : Columns
        All slices.
    rows : ndarray of int64
        Places of those that are grouped, ascending. Those in no block are left out.

    Returns
    -------
    list of BlockGroup
        In the order in which the first slice of each comes.
    """
    rows = rows[columns.in_block[rows]]
    if not rows.size:
        return []
    towers = {tower: number for number, tower in enumerate(dict.fromkeys(columns.towers))}
    numbers = np.fromiter(map(towers.__getitem__, columns.towers), np.int16, len(columns))
    keys = columns.kind_numbers[rows], columns.block_numbers[rows], numbers[rows]
    order = np.lexsort(keys)  # stable, so that rows of one group stay ascending
    sorted_keys = [key[order] for key in keys]
    changes = np.logical_or.reduce([key[1:] != key[:-1] for key in sorted_keys])
    members = np.split(rows[order], np.flatnonzero(changes) + 1)
    members.sort(key=lambda group: int(group[0]))
    return list(_named(columns, members))


def _named(columns: Columns, members: list[NDArray[np.int64]]) -> Iterator[BlockGroup]:
    for group in members:
        first = int(group[0])
        block = columns.blocks[first]
        if block is not None:
            yield BlockGroup(columns.towers[first], block, columns.kinds[first], group)

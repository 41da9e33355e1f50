"""Matrices by block and kind: the grid of a heatmap, one for each tower."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from weightgauge.anatomy.components import KINDS, TOWERS
from weightgauge.choices import check_choice
from weightgauge.pictures.quantity import QUANTITIES, Quantity


class Cell(NamedTuple):
    """All slices of one kind in one block.

    Attributes
    ----------
    slices : tuple of SliceFit, or of other records about slices
        All of them, those without a number too.
    value : float
        The number of the one that has one, or the median of several, such as experts; NaN if none
        has.
    error : float
        Standard error of the value; NaN where there is none, or several slices.
    low, high : float
        One standard error below and above the value of one slice; the smallest and the largest of
        several. The value itself where it has no error.
    """

    slices: tuple[Any, ...]
    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BlockGrid:
    """One number for each kind in each block of a tower.

    Attributes
    ----------
    tower : str or None
        As in `weightgauge.SliceFit`.
    quantity : str
        What the number is: a name in `weightgauge.pictures.QUANTITIES`, or the label of another
        quantity.
    kinds : tuple of str
        Kinds that occur, in the order of `weightgauge.anatomy.components.KINDS`.
    blocks : tuple of int
        Blocks that occur, ascending; numbers may be missing.
    cells : mapping of (str, int) to Cell
        By kind and block; without the pairs that do not occur.
    """

    tower: str | None
    quantity: str
    kinds: tuple[str, ...]
    blocks: tuple[int, ...]
    cells: Mapping[tuple[str, int], Cell]

    def row(self, kind: str) -> list[float]:
        """Return the values of a kind, one for each of `blocks`; NaN where there is none."""
        found = (self.cells.get((kind, block)) for block in self.blocks)
        return [math.nan if cell is None else cell.value for cell in found]


def block_grids(slices: Sequence[Any], quantity: str | Quantity = "k") -> list[BlockGrid]:
    """Sort matrices by tower, kind and block.

    Parameters
    ----------
    slices : sequence of SliceFit, or of other records about slices
        The matrices to show, such as `weightgauge.ModelFit.matrices`. Those in no block are left
        out.
    quantity : str or Quantity
        A name in `weightgauge.pictures.QUANTITIES`, or a quantity of the records that are given.

    Returns
    -------
    list of BlockGrid
        One for each tower, in the order of tables; none if no slice is in a block.

    Raises
    ------
    ValueError
        If there is no such quantity.
    """
    if isinstance(quantity, str):
        check_choice("quantity", quantity, QUANTITIES)
        name, quantity = quantity, QUANTITIES[quantity]
    else:
        name = quantity.label
    towers: dict[str | None, dict[tuple[str, int], list[Any]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for item in slices:
        if item.block is not None:
            towers[item.tower][item.kind, item.block].append(item)
    return [
        BlockGrid(
            tower,
            name,
            tuple(sorted({kind for kind, _ in towers[tower]}, key=KINDS.index)),
            tuple(sorted({block for _, block in towers[tower]})),
            {place: _cell(group, quantity) for place, group in towers[tower].items()},
        )
        for tower in sorted(towers, key=TOWERS.index)
    ]


def _cell(group: Sequence[Any], quantity: Quantity) -> Cell:
    known = [(value, item) for item in group if not math.isnan(value := quantity.value(item))]
    if len(known) != 1:
        values = [value for value, _ in known]
        middle = median(values) if values else math.nan
        return Cell(
            tuple(group),
            *(middle, math.nan, min(values, default=math.nan), max(values, default=math.nan)),
        )
    value, item = known[0]
    error = quantity.error(item)
    reach = 0.0 if math.isnan(error) else error
    return Cell(tuple(group), value, error, value - reach, value + reach)

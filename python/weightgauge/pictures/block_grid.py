"""Matrices by block and kind: the grid of a heatmap, one for each tower."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
    values = [quantity.value(item) for item in group]
    return Cell(tuple(group), *middle_and_reach(values, lambda place: quantity.error(group[place])))


def middle_and_reach(
    values: Sequence[float], error_of: Callable[[int], float]
) -> tuple[float, float, float, float]:
    """Return value, error, low and high of a `Cell`.

    Parameters
    ----------
    values : sequence of float
        The numbers of its slices, NaN for none.
    error_of : callable
        Returns the standard error of the number in a place.
    """
    known = [(value, place) for place, value in enumerate(values) if not math.isnan(value)]
    if len(known) != 1:
        there = [value for value, _ in known]
        middle = median(there) if there else math.nan
        return middle, math.nan, min(there, default=math.nan), max(there, default=math.nan)
    value, place = known[0]
    error = error_of(place)
    reach = 0.0 if math.isnan(error) else error
    return value, error, value - reach, value + reach

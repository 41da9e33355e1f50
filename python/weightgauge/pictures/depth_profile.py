"""How a number goes from block to block, kind by kind, with the ribbon around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weightgauge.pictures.block_grid import block_grids
from weightgauge.pictures.quantity import Quantity


@dataclass(frozen=True, slots=True)
class DepthProfile:
    """One kind of matrix through the blocks of a tower.

    Attributes
    ----------
    tower : str or None
        As in `weightgauge.SliceFit`.
    kind : str
        Which matrices.
    quantity : str
        What the numbers are, as in `weightgauge.pictures.BlockGrid`.
    blocks : tuple of int
        Blocks in which one of them has the number, ascending.
    values : tuple of float
        The number in each of them; the median of several matrices, such as experts.
    low, high : tuple of float
        The ribbon: see `weightgauge.pictures.Cell`.
    """

    tower: str | None
    kind: str
    quantity: str
    blocks: tuple[int, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def depth_profiles(slices: Sequence[Any], quantity: str | Quantity = "k") -> list[DepthProfile]:
    """Return the course of every kind over the blocks of its tower.

    Parameters
    ----------
    slices, quantity
        As for `weightgauge.pictures.block_grids`.

    Returns
    -------
    list of DepthProfile
        By tower and kind, in the order of tables. Kinds without a number are left out.

    Raises
    ------
    ValueError
        If there is no such quantity.
    """
    found = []
    for grid in block_grids(slices, quantity):
        for kind in grid.kinds:
            row = [
                (block, cell)
                for block in grid.blocks
                if (cell := grid.cells.get((kind, block))) and cell.value == cell.value
            ]
            if row:
                found.append(
                    DepthProfile(
                        *(grid.tower, kind, grid.quantity),
                        blocks=tuple(block for block, _ in row),
                        values=tuple(cell.value for _, cell in row),
                        low=tuple(cell.low for _, cell in row),
                        high=tuple(cell.high for _, cell in row),
                    )
                )
    return found

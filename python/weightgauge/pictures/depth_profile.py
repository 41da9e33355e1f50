"""How a number goes from block to block, kind by kind, with the ribbon around it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import KINDS, TOWERS
from weightgauge.fits.block_groups import block_groups
from weightgauge.pictures.block_grid import block_grids, middle_and_reach
from weightgauge.pictures.quantity import Quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightgauge.fits.columns import Columns

_Reach = tuple[float, float, float]
"""The number of a cell, and the ends of the ribbon."""


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
    grids = block_grids(slices, quantity)
    cells = (
        ((grid.tower, kind), block, (cell.value, cell.low, cell.high))
        for grid in grids
        for (kind, block), cell in grid.cells.items()
    )
    return _profiles(cells, grids[0].quantity if grids else "")


def depth_profiles_of_k(columns: Columns, rows: NDArray[np.int64]) -> list[DepthProfile]:
    """Return what `depth_profiles` does for k, and make no record.

    Parameters
    ----------
    columns : Columns
        All slices.
    rows : ndarray of int64
        Places of those that are shown, ascending.
    """
    cells = []
    for tower, block, kind, members in block_groups(columns, rows):
        errors: list[float] = columns.k_se_matrix[members].tolist()
        value, _, low, high = middle_and_reach(columns.k[members].tolist(), errors.__getitem__)
        cells.append(((tower, kind), block, (value, low, high)))
    return _profiles(cells, "k")


def _profiles(
    cells: Iterable[tuple[tuple[str | None, str], int, _Reach]], quantity: str
) -> list[DepthProfile]:
    """Join the cells of each tower and kind that have a number, block by block."""
    courses: dict[tuple[str | None, str], list[tuple[int, float, float, float]]] = defaultdict(list)
    for key, block, reach in cells:
        if not math.isnan(reach[0]):
            courses[key].append((block, *reach))
    in_order = sorted(courses, key=lambda key: (TOWERS.index(key[0]), KINDS.index(key[1])))
    return [
        DepthProfile(*key, quantity, *zip(*sorted(courses[key]), strict=True)) for key in in_order
    ]

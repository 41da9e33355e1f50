"""How a number goes from block to block, kind by kind, with the ribbon around it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
    found: list[DepthProfile] = []
    for grid in block_grids(slices, quantity):
        for kind in grid.kinds:
            row = [
                (block, (cell.value, cell.low, cell.high))
                for block in grid.blocks
                if (cell := grid.cells.get((kind, block)))
            ]
            found += _profile(grid.tower, kind, grid.quantity, row)
    return found


def depth_profiles_of_k(columns: Columns, rows: NDArray[np.int64]) -> list[DepthProfile]:
    """Return what `depth_profiles` does for k, and make no record.

    Parameters
    ----------
    columns : Columns
        All slices.
    rows : ndarray of int64
        Places of those that are shown, ascending.
    """
    courses: dict[tuple[str | None, str], list[tuple[int, _Reach]]] = defaultdict(list)
    for tower, block, kind, members in block_groups(columns, rows):
        errors: list[float] = columns.k_se_matrix[members].tolist()
        value, _, low, high = middle_and_reach(columns.k[members].tolist(), errors.__getitem__)
        courses[tower, kind].append((block, (value, low, high)))
    return [
        profile
        for tower, kind in sorted(
            courses, key=lambda key: (TOWERS.index(key[0]), KINDS.index(key[1]))
        )
        for profile in _profile(tower, kind, "k", sorted(courses[tower, kind]))
    ]


def _profile(
    tower: str | None, kind: str, quantity: str, row: Iterable[tuple[int, _Reach]]
) -> Iterator[DepthProfile]:
    """Yield the profile of a kind, unless no block has a number."""
    known = [(block, *reach) for block, reach in row if not math.isnan(reach[0])]
    if known:
        yield DepthProfile(tower, kind, quantity, *zip(*known, strict=True))

"""The map of a fit: k of every kind in every block, by its distance from Gaussian weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from weightgauge.choices import TRIMS
from weightgauge.reporting.document import Line, Section
from weightgauge.reporting.heatmap import Heatmap

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits import ModelFit
    from weightgauge.pictures import BlockGrid, Cell

LIMITS = (0.01, 0.03, 0.1, 0.3)
"""Distances from the k of Gaussian weights at which another shade begins. The first is about the
range of published models like Gaussian weights; heavy-tailed ones are in the last two."""

_ENDS = ("heavier tails than Gaussian weights", "lighter ones")
_UNFITTED, _WITHHELD = "x", "~"
_MARKS = {
    _UNFITTED: "no fit",
    _WITHHELD: "on a grid or pruned, so that k says nothing of the training",
}


def map_sections(result: ModelFit) -> Iterator[Section]:
    """Yield a map of k for each tower of a fit, or a sentence where no matrix is in a block.

    Parameters
    ----------
    result : ModelFit
        What is shown.
    """
    from weightgauge.fits.withheld import withheld
    from weightgauge.pictures import block_grids

    grids = block_grids(result.matrices)
    reasons = withheld(result.slices, zeros=result.zero_handling, trim=result.trim)
    for grid in grids:
        tower = f"{grid.tower}: " if len(grids) > 1 else ""
        centre = TRIMS[result.trim].gaussian_k
        heading = f"{tower}k by kind and block, from that of Gaussian weights ({centre:.4f})"
        yield Section(heading, (_heatmap(grid, centre, reasons),))
    if not grids:
        yield Section("", (Line("There is no map: no matrix is in a block."),))


def _heatmap(grid: BlockGrid, centre: float, reasons: Mapping[SliceKey, str]) -> Heatmap:
    return Heatmap(
        rows=grid.kinds,
        columns=tuple(map(str, grid.blocks)),
        values=[
            [_shown(grid.cells.get((kind, block)), reasons) for block in grid.blocks]
            for kind in grid.kinds
        ],
        centre=centre,
        limits=LIMITS,
        ends=_ENDS,
        marks=_MARKS,
        across="block",
        form=".4f",
    )


def _shown(cell: Cell | None, reasons: Mapping[SliceKey, str]) -> float | str | None:
    if cell is None:
        return None
    if math.isnan(cell.value):
        return _UNFITTED
    return _WITHHELD if all(item.key in reasons for item in cell.slices) else cell.value

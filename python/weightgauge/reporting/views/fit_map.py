"""The map of a fit: k of every kind in every block, by its distance from Gaussian weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import TRIMS
from weightgauge.reporting.document import Line, Section
from weightgauge.reporting.heatmap import Heatmap

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits import SliceFit
    from weightgauge.pictures import BlockGrid, Cell

LIMITS = (0.01, 0.03, 0.1, 0.3)
"""Distances from the k of Gaussian weights at which another shade begins. The first is about the
range of published models like Gaussian weights; heavy-tailed ones are in the last two."""

ENDS = ("heavier tails than Gaussian weights", "lighter ones")
_NOTE = (
    "A shade is that of k alone: where k is not further from Gaussian weights than its standard "
    "error (--format csv has it), the shade says nothing."
)
UNFITTED, WITHHELD = "x", "~"
MARKS = {
    UNFITTED: "no fit",
    WITHHELD: "on a grid or pruned, so that k says nothing of the training",
}


def map_sections(slices: Sequence[SliceFit], *, trim: str, zeros: str) -> Iterator[Section]:
    """Yield a map of k for each tower, or a sentence where no matrix is in a block.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of a model.
    trim, zeros : str
        How they were fitted.
    """
    from weightgauge.fits.pieces import counted
    from weightgauge.fits.withheld import withheld
    from weightgauge.pictures import block_grids

    grids = block_grids([item for item in counted(slices) if item.kind in MATRIX_KINDS])
    reasons = withheld(slices, zeros=zeros, trim=trim)
    for number, grid in enumerate(grids):
        tower = f"{grid.tower}: " if len(grids) > 1 else ""
        centre = TRIMS[trim].gaussian_k
        heading = f"{tower}k by kind and block, from that of Gaussian weights ({centre:.4f})"
        yield Section(heading, (_heatmap(grid, centre, reasons),), () if number else (_NOTE,))
    if not grids:
        yield Section("", (Line("There is no map: no matrix that was measured is in a block."),))


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
        ends=ENDS,
        marks=MARKS,
        across="block",
        form=".4f",
    )


def _shown(cell: Cell | None, reasons: Mapping[SliceKey, str]) -> float | str | None:
    if cell is None:
        return None
    if math.isnan(cell.value):
        return UNFITTED
    return WITHHELD if all(item.key in reasons for item in cell.slices) else cell.value

"""The map of a fit: k of every kind in every block, by its distance from Gaussian weights."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import TRIMS
from weightgauge.reporting.document import Line, Section
from weightgauge.reporting.heatmap import Heatmap

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.findings import Finding
    from weightgauge.fits import ModelFit, SliceFit
    from weightgauge.pictures import BlockGrid, Cell

LIMITS = (0.01, 0.03, 0.1, 0.3)
"""Distances from the k of Gaussian weights at which another shade begins. The first is about the
range of published models like Gaussian weights; heavy-tailed ones are in the last two."""

ENDS = ("heavier tails than Gaussian weights", "lighter ones")
_NOTE = (
    "A shade is that of k alone: where k is not further from Gaussian weights than its standard "
    "error (--format csv has it), the shade says nothing."
)
FAULT, UNFITTED, WITHHELD = "!", "x", "~"
MARKS = {
    FAULT: "a fault was found, which is told above",
    UNFITTED: "no fit",
    WITHHELD: "on a grid or pruned, so that k says nothing of the training",
}


def fit_maps(result: ModelFit) -> Iterator[Section]:
    """Return the maps of a fit; see `map_sections`."""
    return map_sections(
        *(result.slices, result.findings), trim=result.trim, zeros=result.zero_handling
    )


def map_sections(
    slices: Sequence[SliceFit], findings: Sequence[Finding], *, trim: str, zeros: str
) -> Iterator[Section]:
    """Yield a map of k for each tower, or a sentence where no matrix is in a block.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of a model.
    findings : sequence of Finding
        What was found of them: cells with a fault show that, not k.
    trim, zeros : str
        How they were fitted.
    """
    from weightgauge.fits.pieces import counted
    from weightgauge.fits.withheld import withheld
    from weightgauge.pictures import block_grids, faulty

    grids = block_grids([item for item in counted(slices) if item.kind in MATRIX_KINDS])
    reasons = withheld(slices, zeros=zeros, trim=trim)
    faults = faulty(slices, findings)
    for number, grid in enumerate(grids):
        tower = f"{grid.tower}: " if len(grids) > 1 else ""
        centre = TRIMS[trim].gaussian_k
        heading = f"{tower}k by kind and block, from that of Gaussian weights ({centre:.4f})"
        heatmap = _heatmap(grid, centre, reasons, faults)
        yield Section(heading, (heatmap,), () if number else (_NOTE,))
    if not grids:
        yield Section("", (Line("There is no map: no matrix that was measured is in a block."),))


def _heatmap(
    grid: BlockGrid, centre: float, reasons: Mapping[SliceKey, str], faults: Collection[SliceKey]
) -> Heatmap:
    return Heatmap(
        rows=grid.kinds,
        columns=tuple(map(str, grid.blocks)),
        values=[
            [_shown(grid.cells.get((kind, block)), reasons, faults) for block in grid.blocks]
            for kind in grid.kinds
        ],
        centre=centre,
        limits=LIMITS,
        ends=ENDS,
        marks=MARKS,
        never_lost=FAULT,
        across="block",
        form=".4f",
    )


def _shown(
    cell: Cell | None, reasons: Mapping[SliceKey, str], faults: Collection[SliceKey]
) -> float | str | None:
    if cell is None:
        return None
    if any(item.key in faults for item in cell.slices):
        return FAULT
    if math.isnan(cell.value):
        return UNFITTED
    return WITHHELD if all(item.key in reasons for item in cell.slices) else cell.value

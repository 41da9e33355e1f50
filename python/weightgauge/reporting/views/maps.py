"""Maps of results that are no fits: of what moved between two models, and of a run over steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import TRIMS
from weightgauge.reporting.document import Section
from weightgauge.reporting.heatmap import Heatmap
from weightgauge.reporting.views.fit_map import ENDS, LIMITS, MARKS, UNFITTED, WITHHELD

if TYPE_CHECKING:
    from weightgauge.comparison.model_comparison import Comparison
    from weightgauge.pictures import Cell
    from weightgauge.trajectory.record import Trajectory

_LIMITS_OF_CHANGES = (0.003, 0.01, 0.03, 0.1)


def comparison_maps(found: Comparison) -> Iterator[Section]:
    """Yield a map of the change of k for each tower; nothing if no pair of matrices is in a block.

    Parameters
    ----------
    found : Comparison
        What is shown.
    """
    from weightgauge.pictures import CHANGES, block_grids

    grids = block_grids([pair for pair in found.pairs if pair.kind in MATRIX_KINDS], CHANGES["k"])
    for grid in grids:
        heatmap = Heatmap(
            rows=grid.kinds,
            columns=tuple(map(str, grid.blocks)),
            values=[
                [_change(grid.cells.get((kind, block))) for block in grid.blocks]
                for kind in grid.kinds
            ],
            centre=0.0,
            limits=_LIMITS_OF_CHANGES,
            ends=("k became smaller: heavier tails", "k became larger"),
            marks=MARKS,
            across="block",
            form="+.4f",
        )
        name = f"{grid.tower}: " if len(grids) > 1 else ""
        yield Section(f"{name}Change of k by kind and block", (heatmap,))


def _change(cell: Cell | None) -> float | str | None:
    """Return the median change of several pairs, such as experts, or why there is none."""
    if cell is None:
        return None
    if not math.isnan(cell.value):
        return cell.value
    return WITHHELD if any(pair.withheld is not None for pair in cell.slices) else UNFITTED


def trajectory_map(found: Trajectory) -> Iterator[Section]:
    """Yield a map of the median k by kind and step; nothing without kinds of matrices.

    Parameters
    ----------
    found : Trajectory
        What is shown.
    """
    kinds = [kind for kind in found.kinds if kind.kind in MATRIX_KINDS]
    if not kinds:
        return
    towers = {kind.tower for kind in kinds}
    names: Mapping[str | None, str] = {
        tower: f"{tower} " if tower and len(towers) > 1 else "" for tower in towers
    }
    centre = TRIMS[found.trim].gaussian_k
    heatmap = Heatmap(
        rows=[f"{names[kind.tower]}{kind.kind}" for kind in kinds],
        columns=tuple(map(str, found.steps)),
        values=[[UNFITTED if math.isnan(k) else k for k in kind.k] for kind in kinds],
        centre=centre,
        limits=LIMITS,
        ends=ENDS,
        marks=MARKS,
        across="step",
        form=".4f",
    )
    heading = f"Median k by kind and step, from that of Gaussian weights ({centre:.4f})"
    yield Section(heading, (heatmap,))

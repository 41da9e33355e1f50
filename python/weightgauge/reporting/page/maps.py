"""Heatmaps and profiles over depth, as a page carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.pictures import QUANTITIES, block_grids, depth_profiles
from weightgauge.reporting.page.short_numbers import rounded, rounded_all

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits import SliceFit


def maps_of(matrices: Sequence[SliceFit], rows: Mapping[SliceKey, int]) -> list[dict[str, Any]]:
    """Return a heatmap for each tower.

    Parameters
    ----------
    matrices : sequence of SliceFit
        What is shown, such as `weightgauge.ModelFit.matrices`.
    rows : mapping of SliceKey to int
        The row of each slice in the table of the page.

    Returns
    -------
    list of dict
        With `tower`, `kinds` and `blocks`; a table, kind by kind, of the numbers of each quantity
        under its name; and such a table of the rows of each cell's slices under "rows".
    """
    found: list[dict[str, Any]] = []
    for grid in block_grids(matrices):
        cells = [[grid.cells.get((kind, block)) for block in grid.blocks] for kind in grid.kinds]
        found.append(
            {
                "tower": grid.tower,
                "kinds": list(grid.kinds),
                "blocks": list(grid.blocks),
                "rows": [
                    [cell and [rows[item.key] for item in cell.slices] for cell in line]
                    for line in cells
                ],
            }
        )
    for name in QUANTITIES:
        for entry, grid in zip(found, block_grids(matrices, name), strict=True):
            entry[name] = [rounded_all(grid.row(kind)) for kind in grid.kinds]
    return found


def profiles_of(matrices: Sequence[SliceFit]) -> list[dict[str, Any]]:
    """Return the course of k and of ln lambda over the blocks, for each kind of each tower."""
    found = []
    for name in ("k", "ln_lambda"):
        for each in depth_profiles(matrices, name):
            found.append(
                {
                    **{"tower": each.tower, "kind": each.kind, "quantity": name},
                    "blocks": list(each.blocks),
                    "values": rounded_all(each.values),
                    "low": rounded_all(each.low),
                    "high": rounded_all(each.high),
                }
            )
    return found


def reach_of(values: Sequence[float], middle: float) -> float | None:
    """Return how far from the middle a scale of colours reaches.

    It is the largest distance, but no more than three times that which nine in ten stay below, so
    that one broken matrix does not take the colour from all others.
    """
    distances = sorted(abs(value - middle) for value in values)
    if not distances:
        return None
    most = distances[(9 * len(distances) - 1) // 10]
    return rounded(max(min(distances[-1], 3 * most), 0.01))

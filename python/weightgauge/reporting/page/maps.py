"""Heatmaps and profiles over depth, as a page carries them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from weightgauge.pictures import Quantity, block_grids, depth_profiles
from weightgauge.reporting.page.short_numbers import rounded_all

NO_MAP = (
    "No matrix that was measured is in a numbered block, so there is no map; the table below has "
    "all that there is."
)
NO_ROWS = "There is nothing to draw."

Map = dict[str, Any]


def maps_of(
    items: Sequence[Any],
    quantities: Mapping[str, Quantity],
    row_of: Callable[[Any], int],
    *,
    of: str = "",
    scales: Mapping[str, str] | None = None,
    withheld: Callable[[Any], bool] | None = None,
) -> list[Map]:
    """Return a heatmap for each tower.

    Parameters
    ----------
    items : sequence
        What is shown: slices, or other records with `kind`, `block` and `tower`.
    quantities : mapping of str to Quantity
        What can be shown of them.
    row_of : callable
        Returns the row of an item in the table of the page.
    of : str
        What the heatmaps are of, where a page has several for each tower.
    scales : mapping of str to str
        Names of the scales of colours of quantities, where they are not those of the quantities.
    withheld : callable, optional
        Whether the k of an item says nothing of the training. Cells of such items have no k.

    Returns
    -------
    list of dict
        With `of`, `tower`, `kinds` and `blocks`; a table, kind by kind, of the numbers of each
        quantity under its name; such a table of the rows of each cell's items under "rows"; and
        the places [kind, block] of cells whose k is withheld under "withheld".
    """
    names = list(quantities)
    found: list[Map] = []
    for grid in block_grids(items, quantities[names[0]]):
        cells = [[grid.cells.get((kind, block)) for block in grid.blocks] for kind in grid.kinds]
        found.append(
            {
                **{"of": of, "tower": grid.tower, "kinds": list(grid.kinds)},
                **{"blocks": list(grid.blocks), "scales": dict(scales or {})},
                "rows": [
                    [cell and [row_of(item) for item in cell.slices] for cell in line]
                    for line in cells
                ],
                "withheld": [
                    [i, j]
                    for i, line in enumerate(cells)
                    for j, cell in enumerate(line)
                    if withheld and cell and all(map(withheld, cell.slices))
                ],
            }
        )
    for name in names:
        for entry, grid in zip(found, block_grids(items, quantities[name]), strict=True):
            entry[name] = [rounded_all(grid.row(kind)) for kind in grid.kinds]
    for entry in found:
        for i, j in entry["withheld"]:
            entry[names[0]][i][j] = None
    return found


def profiles_of(items: Sequence[Any], quantities: Mapping[str, Quantity]) -> list[dict[str, Any]]:
    """Return the course of each quantity over the blocks, for each kind of each tower."""
    return [
        {
            **{"tower": each.tower, "kind": each.kind, "quantity": name},
            "blocks": list(each.blocks),
            "values": rounded_all(each.values),
            "low": rounded_all(each.low),
            "high": rounded_all(each.high),
        }
        for name, quantity in quantities.items()
        for each in depth_profiles(items, quantity)
    ]


def among_of(maps: Sequence[Map]) -> dict[int, list[int]]:
    """Return, for each row that shares its cell with others, all rows of the cell."""
    return {row: cell for cell in _cells(maps) if len(cell) > 1 for row in cell}


def _cells(maps: Sequence[Map]) -> Iterator[list[int]]:
    for each in maps:
        for line in each["rows"]:
            yield from (cell for cell in line if cell is not None)

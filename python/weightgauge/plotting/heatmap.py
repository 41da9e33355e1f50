"""A number of every kind in every block, by colour."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from weightgauge.choices import TRIMS
from weightgauge.errors import NothingToDrawError, printable
from weightgauge.fits.withheld import withheld
from weightgauge.pictures import LEAST_REACH, BlockGrid, block_grids, faulty, round_step
from weightgauge.plotting.depth import NO_BLOCKS, ONE_TENSOR
from weightgauge.plotting.figure import axes_to_draw_in
from weightgauge.plotting.labels import LABELS
from weightgauge.plotting.style import kind_label, plain_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits import ModelFit

_COLOURS = (
    *("#af5f00", "#d78700", "#ffaf00", "#ffd787"),
    "#f4f4f4",  # nearly the white of the paper, which is no value
    *("#afd7ff", "#5fafff", "#0087d7", "#005faf"),
)
"""Orange below and blue above, each darker with the distance, as in print."""
_WRITTEN = 200
"""Most cells whose numbers are written into them, and blocks that have the room for that."""
_WRITTEN_BLOCKS = 16
_FAULT, _NO_FIT, _WITHHELD = "×", "–", "~"
_MEANINGS = {
    _FAULT: "a fault was found",
    _NO_FIT: "no fit",
    _WITHHELD: "on a grid or pruned: k says nothing of the training",
}
_MARKERS = {_FAULT: "x", _NO_FIT: "_", _WITHHELD: r"$\sim$"}
_PIXELS = 4000
"""From so many cells on they are pixels, because as many outlines make a file of megabytes."""


def draw(fit: ModelFit, *, quantity: str = "k", ax: Axes | None = None) -> Axes:
    """Draw kinds against blocks; see `weightgauge.ModelFit.plot_heatmap`."""
    import numpy as np

    grids = block_grids(fit.matrices, quantity)
    if not grids:
        raise NothingToDrawError(NO_BLOCKS, hint=ONE_TENSOR)
    towers = [grid.tower for grid in grids]
    rows = [(grid, kind) for grid in grids for kind in grid.kinds]
    blocks = sorted({block for grid in grids for block in grid.blocks})
    places = {block: i for i, block in enumerate(blocks)}
    values = np.full((len(rows), len(blocks)), np.nan)
    for y, (grid, kind) in enumerate(rows):
        values[y, [places[block] for block in grid.blocks]] = grid.row(kind)
    if not np.isfinite(values).any():
        raise NothingToDrawError(NO_BLOCKS, hint=ONE_TENSOR)
    faults = faulty(fit.slices, fit.findings)
    reasons = (
        withheld(fit.slices, zeros=fit.zero_handling, trim=fit.trim) if quantity == "k" else {}
    )
    marks = np.array(
        [[_mark_of(grid, kind, block, faults, reasons) for block in blocks] for grid, kind in rows]
    )
    values[marks == _WITHHELD] = np.nan
    width = min(
        10.0, max(4.0, 2.2 + (0.5 if len(blocks) <= _WRITTEN_BLOCKS else 0.14) * len(blocks))
    )
    axes = axes_to_draw_in(ax, (width, 1.3 + 0.3 * max(len(rows), 2)))
    label = LABELS[quantity] + ("\n(line: Gaussian)" if quantity == "k" else "")
    mesh = axes.pcolormesh(
        np.arange(len(blocks) + 1) - 0.5,
        np.arange(len(rows) + 1) - 0.5,
        np.ma.masked_invalid(values),
        rasterized=values.size >= _PIXELS,
        **_colours(values, quantity, fit.trim),
    )
    bar = axes.figure.colorbar(mesh, ax=axes, label=label, pad=0.02)
    bar.outline.set_visible(False)
    if values.size <= _WRITTEN and len(blocks) <= _WRITTEN_BLOCKS:
        _write(axes, mesh, np.where(marks == _FAULT, np.nan, values))
    if quantity == "k":
        bar.ax.axhline(TRIMS[fit.trim].gaussian_k, color="black", linewidth=1.2)
    names = [kind_label(grid.tower, kind, towers) for grid, kind in rows]
    axes.set_yticks(range(len(rows)), names, usetex=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _name_blocks(axes, blocks)
    axes.set_xlabel("\n".join(("block", *_mark(axes, marks))))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    plain_title(axes, printable(fit.model, limit=1000))
    return axes


def _mark_of(
    grid: BlockGrid,
    kind: str,
    block: int,
    faults: Collection[SliceKey],
    reasons: Collection[SliceKey],
) -> str:
    """Return the mark of a cell: of a fault, of a number that is missing or withheld, or ""."""
    cell = grid.cells.get((kind, block))
    if cell is None:
        return ""
    if any(item.key in faults for item in cell.slices):
        return _FAULT
    if math.isnan(cell.value):
        return _NO_FIT
    return _WITHHELD if reasons and all(item.key in reasons for item in cell.slices) else ""


def _mark(axes: Axes, marks: Any) -> Iterator[str]:
    """Draw the marks, and say what those mean that occur."""
    import numpy as np

    for mark, meaning in _MEANINGS.items():
        rows, columns = np.nonzero(marks == mark)
        if len(rows):
            look = {"color": "black", "markersize": 5, "linestyle": "none"}
            axes.plot(columns, rows, marker=_MARKERS[mark], **look)
            yield f"{mark} {meaning}"


def _colours(values: Any, quantity: str, trim: str) -> dict[str, Any]:
    """Return the colours: from both sides of Gaussian weights for k, else from low to high."""
    import numpy as np

    known = values[np.isfinite(values)]
    if quantity == "ln_lambda":
        middle = float(np.median(known))
        ends = (min(known.min(), middle - LEAST_REACH), max(known.max(), middle + LEAST_REACH))
        return {"cmap": "cividis", "vmin": ends[0], "vmax": ends[1]}
    if quantity != "k":
        return {"cmap": "cividis"}
    from matplotlib.colors import CenteredNorm, LinearSegmentedColormap

    centre = TRIMS[trim].gaussian_k
    half = max(LEAST_REACH, *(abs(known - centre).tolist() or [0.0]))
    return {
        "cmap": LinearSegmentedColormap.from_list("gaussian", _COLOURS),
        "norm": CenteredNorm(centre, half),
    }


def _write(axes: Axes, mesh: Any, values: Any) -> None:
    """Write the numbers into their cells, black or white, whichever is read more easily."""
    shades = mesh.cmap(mesh.norm(values))
    for (y, x), value in ((place, values[place]) for place in _places(values)):
        if math.isfinite(value):
            red, green, blue, _ = shades[y, x]
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
            axes.text(
                *(x, y, f"{value:.3f}"),
                ha="center",
                va="center",
                fontsize="x-small",
                color="black" if light else "white",
            )


def _places(values: Any) -> list[tuple[int, int]]:
    rows, columns = values.shape
    return [(y, x) for y in range(rows) for x in range(columns)]


def _name_blocks(axes: Axes, blocks: list[int]) -> None:
    """Name every block, or one of several where there are many."""
    step = round_step(len(blocks) / 20)
    axes.set_xticks(range(0, len(blocks), step), [str(block) for block in blocks[::step]])

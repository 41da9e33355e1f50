"""A heatmap as lines of text: blocks of colour on a terminal that has colours, else letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weightgauge.errors import harmless
from weightgauge.pictures import round_step
from weightgauge.reporting.heatmap import PALETTE, Heatmap, Shade
from weightgauge.reporting.terminal_text import cells, padded, wrapped

_USUAL_WIDTH = 80
"""Columns of a map that goes to a file or a pipe."""

_GAP = 2
_TOGETHER = 10
"""Columns of a map that continues below come in multiples of this, so that its rulers agree."""


def heatmap_lines(heatmap: Heatmap, width: int | None, *, colour: bool = False) -> list[str]:
    """Lay a heatmap out: a ruler of columns, a line for each row, and the scale of the shades.

    A column takes two cells of the terminal, or one where they do not fit otherwise. What does not
    fit then continues below.

    Parameters
    ----------
    heatmap : Heatmap
        What to lay out.
    width : int or None
        Columns of the terminal; None without a terminal, where it is 80.
    colour : bool
        Whether shades are blocks of colour; letters otherwise.

    Returns
    -------
    list of str
        Lines without spaces at their ends. Names are harmless; with `colour` there are terminal
        escapes around blocks.
    """
    width = width or _USUAL_WIDTH
    names = [harmless(row) for row in heatmap.rows]
    label = max(map(cells, names), default=0)
    room = max(1, width - label - _GAP)
    cell = 2 if 2 * len(heatmap.columns) <= room else 1
    together = max(1, room // cell)
    if _TOGETHER < together < len(heatmap.columns):
        together -= together % _TOGETHER
    lines: list[str] = []
    for first in range(0, len(heatmap.columns), together):
        several = slice(first, first + together)
        ruler = _ruler(heatmap.columns[several], cell)
        lines += [*([""] if first else []), f"{'':{label + _GAP}}{ruler}".rstrip()]
        for name, row in zip(names, heatmap.values, strict=True):
            shown = "".join(_cell(heatmap, value, cell, colour) for value in row[several])
            lines.append(f"{padded(name, label + _GAP)}{shown}".rstrip())
    return [*lines, "", *_legend(heatmap, width, colour)]


def _ruler(columns: Sequence[str], cell: int) -> str:
    """Return the names of columns above their cells, as many as have room."""
    longest = max(map(cells, columns))
    step = round_step((longest + 1) / cell)
    return "".join(padded(columns[i], step * cell) for i in range(0, len(columns), step))


def _cell(heatmap: Heatmap, value: float | str | None, cell: int, colour: bool) -> str:
    if value is None:
        return " " * cell
    if isinstance(value, str):
        return value.ljust(cell)
    shade = heatmap.shade(value)
    return _block(shade, cell) if colour else shade.letter.ljust(cell)


def _block(shade: Shade, cell: int) -> str:
    if shade.terminal is None:
        return shade.letter.ljust(cell)
    return f"\x1b[48;5;{shade.terminal}m{' ' * cell}\x1b[0m"


def _legend(heatmap: Heatmap, width: int, colour: bool) -> Iterator[str]:
    """Yield the shades with the limits between them, then what ends and marks mean."""
    shades = [_block(shade, 2) if colour else shade.letter for shade in PALETTE]
    size = 2 if colour else 1
    line, taken = "", 0
    for shade, limit in zip(shades, ("", *heatmap.scale()), strict=True):
        more = size + (len(limit) + 2 if limit else 0)
        if taken and taken + more > width:
            yield line
            line, taken = "", 0
        if taken:
            line, taken = f"{line} {limit} {shade}", taken + more
        else:
            line = f"{limit} {shade}" if limit else shade
            taken = more - (1 if limit else 0)
    yield line
    below, above = heatmap.ends
    meaning = f"Left: {below}. Right: {above}."
    for mark, what in heatmap.used_marks():
        meaning += f" {mark}: {what}."
    yield from wrapped(meaning, width)

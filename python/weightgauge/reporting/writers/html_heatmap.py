"""A heatmap as a table of HTML with coloured cells: no script, no style sheet, no identifiers.

It is the same on a page of its own and in the cell of a notebook, which is why every style stands
at its cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from weightgauge.errors import harmless
from weightgauge.pictures import round_step
from weightgauge.reporting.heatmap import PALETTE, Heatmap, Shade

_CELL = "height:1.3em;padding:0;text-align:center;border:1px solid transparent"
_CELL_EM = 1.1
_CELL_DIGITS = 2.4
"""Digits of a column's name that have room above one cell."""
_FEW = 12
"""Columns that are so wide that each has its name above it; of more, some are named."""
_NAME = "padding:0 .5em 0 0;text-align:left;font-weight:normal;white-space:nowrap"
_RULER = "padding:0;text-align:{};font-weight:normal;font-size:80%;white-space:nowrap"
_TABLE = "border-collapse:collapse;width:auto;font:13px/1.3 system-ui,sans-serif"


def heatmap_html(heatmap: Heatmap) -> Iterator[str]:
    """Yield the lines of a heatmap: its cells, which tell their number, and the scale of shades.

    Parameters
    ----------
    heatmap : Heatmap
        What is shown.
    """
    names = [escape(harmless(name)) for name in heatmap.columns]
    longest = max(map(len, names), default=1)
    few = len(names) <= _FEW
    step = 1 if few else round_step((longest + 1) / _CELL_DIGITS)
    width = _CELL_EM * max(1.0, (longest + 2) / _CELL_DIGITS if few and longest > 1 else 1.0)
    # Of a table that is wider than its place, cells would be narrower without the least width.
    style = f"{_CELL};width:{width:.1f}em;min-width:{width:.1f}em"
    yield f'<div class="wide" style="overflow-x:auto"><table style="{_TABLE}"><thead><tr>'
    yield f'<th style="{_NAME}">{escape(harmless(heatmap.across))}</th>{_ruler(names, step)}'
    yield "</tr></thead><tbody>"
    for row, values in zip(heatmap.rows, heatmap.values, strict=True):
        name = escape(harmless(row))
        cells = "".join(
            _cell(heatmap, value, f"{name}, {escape(heatmap.across)} {column}", style)
            for value, column in zip(values, names, strict=True)
        )
        yield f'<tr><th scope="row" style="{_NAME}">{name}</th>{cells}</tr>'
    yield "</tbody></table></div>"
    yield f"<p>{_scale(heatmap)}</p>"


def _ruler(names: list[str], step: int) -> str:
    """Name the columns above their cells, one for several where there are many."""
    style = _RULER.format("center" if step == 1 else "left")
    return "".join(
        f'<th style="{style}" colspan="{min(step, len(names) - i)}">{names[i]}</th>'
        for i in range(0, len(names), step)
    )


def _cell(heatmap: Heatmap, value: float | str | None, place: str, style: str) -> str:
    if value is None:
        return f'<td style="{style}"></td>'
    if isinstance(value, str):
        meaning = escape(heatmap.marks.get(value, ""))
        return f'<td style="{style}" title="{place}: {meaning}">{escape(value)}</td>'
    number = format(value, heatmap.form)
    return _shaded("td", heatmap.shade(value), f'title="{place}: {number}"', style)


def _shaded(tag: str, shade: Shade, title: str, style: str) -> str:
    colours = f"background:{shade.colour};color:{shade.ink}"
    return f'<{tag} style="{style};{colours}" {title}>{shade.letter}</{tag}>'


def _scale(heatmap: Heatmap) -> str:
    """Write the shades with the limits between them, and what ends and marks mean."""
    style = "display:inline-block;width:1.3em;text-align:center"
    shades = [_shaded("span", shade, "", style) for shade in PALETTE]
    limits = [f" {limit} " for limit in heatmap.scale()]
    line = shades[0] + "".join(f"{a}{b}" for a, b in zip(limits, shades[1:], strict=True))
    below, above = map(escape, heatmap.ends)
    marks = "".join(f" {escape(mark)}: {escape(what)}." for mark, what in heatmap.used_marks())
    return f"{line}<br>Left: {below}. Right: {above}.{marks}"

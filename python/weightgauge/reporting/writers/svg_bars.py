"""Counts by size as a small picture in SVG: bars, and the line of what would be expected."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightgauge.pictures import MagnitudeCounts

_WIDTH, _HEIGHT, _FOOT = 360, 110, 18
_BAR = "#56b4e9"


def bars_svg(counts: MagnitudeCounts, said: str) -> str:
    """Draw bars for the weights of each size on a logarithmic axis, and a line for Gaussian ones.

    Parameters
    ----------
    counts : MagnitudeCounts
        At least one bin.
    said : str
        What a reader hears who does not see it.
    """
    top = max(*counts.counts, *counts.gaussian)
    step = _WIDTH / len(counts.counts)
    bars = "".join(
        f"M{i * step:.1f} {_HEIGHT}v{-_HEIGHT * count / top:.1f}h{step:.1f}V{_HEIGHT}z"
        for i, count in enumerate(counts.counts)
        if count
    )
    low, high = counts.edges[0], counts.edges[-1]
    foot = f'y="{_HEIGHT + _FOOT - 4}" font-size="11" fill="currentColor"'
    return (
        f'<svg role="img" aria-label="{escape(said)}" width="{_WIDTH}" height="{_HEIGHT + _FOOT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT + _FOOT}" xmlns="http://www.w3.org/2000/svg">'
        f'<path d="{bars}" fill="{_BAR}"/>'
        f'<path d="{_line(counts.gaussian, step, top)}" fill="none" stroke="currentColor"/>'
        f'<text x="0" {foot}>{low:.3g}</text>'
        f'<text x="{_WIDTH / 2:g}" text-anchor="middle" {foot}>|w|; line: Gaussian</text>'
        f'<text x="{_WIDTH}" text-anchor="end" {foot}>{high:.3g}</text></svg>'
    )


def _line(expected: Sequence[float], step: float, top: float) -> str:
    points = " ".join(
        f"{(i + 0.5) * step:.1f},{_HEIGHT - _HEIGHT * count / top:.1f}"
        for i, count in enumerate(expected)
    )
    return f"M{points}"

"""What moved between two models, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import check_choice
from weightgauge.errors import NothingToDrawError, printable
from weightgauge.plotting.figure import axes_to_draw_in
from weightgauge.plotting.labels import LABELS
from weightgauge.plotting.style import (
    REFERENCE,
    Look,
    kind_label,
    legend_beside,
    looks,
    open_frame,
    plain_title,
    reference_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from weightgauge.comparison.model_comparison import Comparison
    from weightgauge.comparison.pair import Pair

QUANTITIES = ("dk", "dln_lambda", "difference_rms")
_SIZE = (6.4, 3.6)
_ALONE = Look(REFERENCE, "o", "none")
"""A kind in no block has no course, and its place on the axis is named."""


def draw(found: Comparison, *, quantity: str = "dk", ax: Axes | None = None) -> Axes:
    """Draw the change of each matrix against its block; see `Comparison.plot`."""
    check_choice("quantity", quantity, QUANTITIES)
    pairs = [
        pair
        for pair in found.pairs
        if pair.kind in MATRIX_KINDS and math.isfinite(getattr(pair, quantity))
    ]
    groups: dict[tuple[str | None, str], list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: MATRIX_KINDS.index(pair.kind)):
        groups.setdefault((pair.tower, pair.kind), []).append(pair)
    if not groups:
        raise NothingToDrawError(
            _why_nothing(found, quantity),
            hint="'weightgauge compare' of the two says what they have",
        )
    axes = axes_to_draw_in(ax, _SIZE)
    blocks = [pair.block for pair in pairs if pair.block is not None]
    outside = [key for key, members in groups.items() if members[0].block is None]
    courses = [key for key in groups if key not in outside]
    beside = {key: max(blocks, default=-1) + 1 + i for i, key in enumerate(outside)}
    looks_of = dict(zip(courses, looks(courses), strict=True))
    for key, members in groups.items():
        look = looks_of.get(key, _ALONE)
        members.sort(key=lambda pair: -1 if pair.block is None else pair.block)
        axes.errorbar(
            [beside.get(key, pair.block) for pair in members],
            [getattr(pair, quantity) for pair in members],
            yerr=_errors(members, quantity),
            label=kind_label(*key, [tower for tower, _ in groups]) if key in looks_of else None,
            elinewidth=0.8,
            **look.line(len(members)),
        )
    reference_line(axes, 0.0)
    axes.set_xlabel("block")
    axes.set_ylabel(LABELS[quantity])
    _name_places(axes, blocks, {place: kind for (_, kind), place in beside.items()})
    a, b = (printable(name, limit=1000) for name in (found.a, found.b))
    plain_title(axes, f"a: {a}", f"b: {b}")
    open_frame(axes)
    legend_beside(axes)
    return axes


def _why_nothing(found: Comparison, quantity: str) -> str:
    number = sum(pair.kind in MATRIX_KINDS for pair in found.pairs)
    if not number:
        return "the two models have no matrix of a known kind in common, so nothing can be drawn"
    pairs = "the pair of matrices" if number == 1 else f"any of the {number:,} pairs of matrices"
    return f"{quantity} is not known of {pairs}, so nothing can be drawn"


def _errors(pairs: Sequence[Pair], quantity: str) -> list[float] | None:
    """Return standard errors, 0 where they are not known; None for what has none."""
    if quantity == "difference_rms":
        return None
    errors = [getattr(pair, f"{quantity}_se") for pair in pairs]
    return [error if math.isfinite(error) else 0.0 for error in errors]


def _name_places(axes: Axes, blocks: Sequence[int], beside: dict[int, str]) -> None:
    """Name some blocks, and behind them the kinds that lie in none."""
    last = max(blocks, default=-1)
    step = max(1, math.ceil((last + 1) / 12))
    named = {block: str(block) for block in range(0, last + 1, step)} | beside
    axes.set_xticks(list(named), list(named.values()), usetex=False)

"""A number of every kind over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import check_choice
from weightgauge.errors import NothingToDrawError
from weightgauge.plotting.figure import axes_to_draw_in
from weightgauge.plotting.labels import LABELS
from weightgauge.plotting.style import (
    draw_course,
    gaussian_line,
    kind_label,
    legend_beside,
    looks,
    open_frame,
    plain_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from weightgauge.trajectory.record import Trajectory
    from weightgauge.trajectory.series import KindSeries

QUANTITIES = ("k", "ln_lambda")
_SIZE = (6.4, 3.6)


def draw(found: Trajectory, *, quantity: str = "k", ax: Axes | None = None) -> Axes:
    """Draw the medians of each kind over steps; see `weightgauge.trajectory` `Trajectory.plot`."""
    check_choice("quantity", quantity, QUANTITIES)
    kinds = [kind for kind in found.kinds if kind.kind in MATRIX_KINDS]
    if not kinds:
        raise NothingToDrawError("the run has no matrix of a known kind, so nothing can be drawn")
    axes = axes_to_draw_in(ax, _SIZE)
    towers = [kind.tower for kind in kinds]
    seen = looks([(kind.tower, kind.kind) for kind in kinds])
    for kind, look in zip(kinds, seen, strict=True):
        values, errors = _course(kind, quantity)
        low = [value - error for value, error in zip(values, errors, strict=True)]
        high = [value + error for value, error in zip(values, errors, strict=True)]
        label = kind_label(kind.tower, kind.kind, towers)
        draw_course(axes, found.steps, values, (low, high), look, label)
    if quantity == "k":
        gaussian_line(axes, found.trim)
    axes.set_xlabel("step")
    axes.set_ylabel(f"median {LABELS[quantity]}")
    plain_title(axes, found.run)
    open_frame(axes)
    legend_beside(axes)
    return axes


def _course(kind: KindSeries, quantity: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return the numbers at each step and their standard errors, 0 where there are none."""
    if quantity == "k":
        values, errors = kind.k, kind.k_se
    else:
        values = tuple(math.log(lam) if lam > 0 else math.nan for lam in kind.lam)
        errors = kind.ln_lambda_se
    return values, [error if math.isfinite(error) else 0.0 for error in errors]

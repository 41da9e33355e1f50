"""Lambda of every kind over sqrt(learning rate / weight decay), run by run, with the law."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.errors import NothingToDrawError, printable
from weightgauge.plotting.figure import axes_to_draw_in
from weightgauge.plotting.style import kind_label, legend_beside, looks, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from weightgauge.trajectory.laws import Scaling

_SIZE = (5.6, 3.8)


def draw(found: Scaling, *, ax: Axes | None = None) -> Axes:
    """Draw the runs and the proportional law of each kind; see `Scaling.plot`."""
    if not found.laws:
        raise NothingToDrawError(
            _why_no_law(found), hint="settings are in the files of a run or given: see '--help'"
        )
    axes = axes_to_draw_in(ax, _SIZE)
    towers = [law.tower for law in found.laws]
    seen = looks([(law.tower, law.kind) for law in found.laws])
    furthest = max((run.ratio for run in found.runs if run.asked), default=0.0)
    for law, look in zip(found.laws, seen, strict=True):
        points = found.points(law)
        label = f"{kind_label(law.tower, law.kind, towers)}: {law.slope_origin:.3g}"
        axes.plot(
            *zip(*points, strict=True),
            color=look.color,
            marker=look.marker,
            markersize=4.5,
            linestyle="none",
            label=label,
        )
        axes.plot(
            *((0.0, furthest), (0.0, law.slope_origin * furthest)),
            color=look.color,
            linestyle=look.linestyle,
            linewidth=1,
        )
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(r"$\sqrt{\eta/\mathrm{wd}}$")
    axes.set_ylabel(r"median $\lambda$")
    open_frame(axes)
    legend_beside(axes, title="kind: slope of the law")
    return axes


def _why_no_law(found: Scaling) -> str:
    left_out = [run for run in found.runs if not run.asked]
    if not left_out:
        return "there is no law to draw: the runs share no kind of matrix"
    several = "no run" if len(left_out) == len(found.runs) else "too few runs"
    first = left_out[0]
    name = printable(str(first.run), limit=200)
    return f"there is no law to draw, for which {several} can be asked; {name}: {first.reason}"

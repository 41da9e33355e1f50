"""A number of every kind of matrix from block to block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.errors import NothingToDrawError, printable
from weightgauge.pictures import depth_profiles
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

    from weightgauge.fits import ModelFit

_SIZE = (6.4, 3.6)
NO_BLOCKS = "no matrix that is fitted is in a block, so there is nothing to draw by block"
ONE_TENSOR = (
    "'weightgauge plot weibull' draws one tensor by itself, and 'weightgauge ls' lists them"
)


def draw(fit: ModelFit, *, quantity: str = "k", ax: Axes | None = None) -> Axes:
    """Draw a line with a ribbon for each kind; see `weightgauge.ModelFit.plot_depth`."""
    profiles = depth_profiles(fit.matrices, quantity)
    if not profiles:
        raise NothingToDrawError(NO_BLOCKS, hint=ONE_TENSOR)
    axes = axes_to_draw_in(ax, _SIZE)
    towers = [profile.tower for profile in profiles]
    seen = looks([(profile.tower, profile.kind) for profile in profiles])
    for profile, look in zip(profiles, seen, strict=True):
        label = kind_label(profile.tower, profile.kind, towers)
        ribbon = (profile.low, profile.high)
        draw_course(axes, profile.blocks, profile.values, ribbon, look, label)
    if quantity == "k":
        gaussian_line(axes, fit.trim)
    axes.set_xlabel("block")
    axes.set_ylabel(LABELS[quantity])
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len({block for profile in profiles for block in profile.blocks}) == 1:
        axes.set_xticks(profiles[0].blocks[:1])
    plain_title(axes, printable(fit.model, limit=1000))
    open_frame(axes)
    legend_beside(axes)
    return axes

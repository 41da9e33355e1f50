"""The Weibull probability plot of one slice: its magnitudes, the fitted line and its window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from weightgauge.errors import NothingToDrawError, printable
from weightgauge.findings import slice_name
from weightgauge.pictures import weibull_points
from weightgauge.plotting.figure import axes_to_draw_in
from weightgauge.plotting.one_slice import counts_of, slice_of
from weightgauge.plotting.style import REFERENCE, open_frame, plain_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from weightgauge.fits import ModelFit, SliceFit
    from weightgauge.pictures import WeibullPoints

_SIZE = (6.4, 4.2)
_BODY, _TAIL = "#0072b2", "#d55e00"
_SHARES = (1e-6, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999, 0.999999)
"""Shares of the weights that the axis on the right names, those in the middle first."""
_APART = 0.05
"""How far apart they are at least, in parts of the axis."""


def draw(
    fit: ModelFit, tensor: str | SliceFit, *, source: Any = None, ax: Axes | None = None
) -> Axes:
    """Draw magnitudes against their ranks; see `weightgauge.ModelFit.plot_weibull`."""
    item = slice_of(fit, tensor)
    points = weibull_points(
        counts_of(fit, item, source),
        k=item.k,
        lam=item.lam,
        trim=fit.trim,
        zeros=fit.zero_handling,
    )
    axes = axes_to_draw_in(ax, _SIZE)
    if not points.x:
        raise NothingToDrawError(
            f"'{printable(slice_name(item))}' has no weights but zeros and NaN"
        )
    _draw_points(axes, points)
    if item.fitted:
        _draw_line(axes, points, item)
    axes.set_xlabel(r"$\ln\,|w|$")
    axes.set_ylabel(r"$\ln(-\ln(1-p))$")
    _name_shares(axes)
    plain_title(axes, slice_name(item))
    open_frame(axes)
    # On white, because the end of the window runs behind it.
    axes.legend(loc="upper left", fontsize="small", edgecolor="none", framealpha=0.9)
    return axes


def _draw_points(axes: Axes, points: WeibullPoints) -> None:
    first, last = points.window
    # The tails are drawn over the line, hollow: a line must not hide how far they stray from it.
    marks: dict[str, Any] = {"linestyle": "none", "markersize": 3.0}
    axes.plot(
        *(points.x[first:last], points.y[first:last], "o"),
        label="fitted weights",
        color=_BODY,
        **marks,
    )
    axes.plot(
        *((*points.x[:first], *points.x[last:]), (*points.y[:first], *points.y[last:]), "o"),
        label="tails, not fitted",
        color=_TAIL,
        markerfacecolor="none",
        zorder=2.2,
        **marks,
    )


def _draw_line(axes: Axes, points: WeibullPoints, item: SliceFit) -> None:
    ends = (points.y[0], points.y[-1])
    axes.plot(
        *(tuple(map(points.line, ends)), ends),
        color="black",
        linewidth=1,
        zorder=2.1,
        label=rf"$k$ = {item.k:.4f} ± {item.k_se_matrix:.4f},  $\lambda$ = {item.lam:.4g}",
    )
    for y in points.y_window:
        if math.isfinite(y):
            axes.axhline(y, color=REFERENCE, linewidth=0.7, linestyle=(0, (1, 3)), zorder=1)
    numbers = f"$R^2$ = {item.r2:.5f}\n$n$ = {item.n:,}"
    axes.text(0.98, 0.05, numbers, transform=axes.transAxes, ha="right", fontsize="small")


def _name_shares(axes: Axes) -> None:
    """Say on the right which share of the weights is smaller."""
    low, high = axes.get_ylim()
    ordinates = {share: math.log(-math.log1p(-share)) for share in _SHARES}
    shown: dict[float, float] = {}
    for share in sorted(_SHARES, key=lambda each: abs(each - 0.5)):
        near = any(abs(ordinates[share] - y) < _APART * (high - low) for y in shown.values())
        if low <= ordinates[share] <= high and not near:
            shown[share] = ordinates[share]
    right = axes.secondary_yaxis("right")
    right.set_yticks(
        list(shown.values()), [f"{100 * share:.7g} %" for share in shown], usetex=False
    )
    right.set_ylabel("share of smaller weights $p$")
    right.spines["right"].set_visible(False)
    axes.set_ylim(low, high)

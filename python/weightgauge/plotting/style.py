"""What all figures have in common: colours, marks, the line of Gaussian weights, plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.choices import TRIMS
from weightgauge.errors import harmless
from weightgauge.reporting.terminal_text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# M. Okabe and K. Ito, "Color Universal Design" (2008): told apart by the colour-blind. Their yellow
# is too pale for a line on white, and black is kept for what is not measured. The last four are of
# P. Tol's scheme "muted" ("Colour Schemes", 2021).
_BLUE, _VERMILION, _GREEN, _PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
_ORANGE, _SKY, _GREY = "#e69f00", "#56b4e9", "#666666"
_WINE, _INDIGO, _OLIVE, _TEAL = "#882255", "#332288", "#999933", "#44aa99"
_COLOURS = (
    *(_BLUE, _VERMILION, _GREEN, _PURPLE, _ORANGE, _SKY, _GREY),
    *(_WINE, _INDIGO, _OLIVE, _TEAL),
)
_OF_KINDS = {
    **{"q": _BLUE, "k": _VERMILION, "v": _GREEN, "o": _PURPLE},
    **{"gate": _ORANGE, "up": _SKY, "down": _GREY, "ffn_in": _ORANGE, "ffn_out": _GREY},
    **{"qkv": _BLUE, "gate_up": _ORANGE, "embed": _WINE, "head": _INDIGO},
}
_FEW, _MOST_MARKED = 40, 200
"""Points of a line that have large marks, and small ones; more have none."""
_MARKERS = "os^DvPX<>*"
_DASHES = ("-", "--", ":", "-.")

REFERENCE = "#404040"
"""Colour of what is not measured: Gaussian weights, zero."""

_LEAST_ROOM, _PER_INCH = 20, 12
"""Characters of a name that are shown at least, and that an inch has room for: at 10 points, they
are 0.6 times as wide as high."""


class Look(NamedTuple):
    """How the points of one kind look, in colour and without.

    Attributes
    ----------
    color, marker, linestyle : str
        As matplotlib spells them.
    """

    color: str
    marker: str
    linestyle: str

    def line(self, points: int) -> dict[str, Any]:
        """Return the options of a line through so many points."""
        if points > _MOST_MARKED:
            return {"color": self.color, "linestyle": self.linestyle, "linewidth": 0.6}
        size = 4.5 if points <= _FEW else 2.5
        return {**self._asdict(), "markersize": size, "linewidth": 1.3}


def looks(kinds: Sequence[tuple[str | None, str]]) -> list[Look]:
    """Give each kind of each tower a look; usual kinds always have the same colour.

    Parameters
    ----------
    kinds : sequence of (str or None, str)
        Tower and kind, in the order in which they are shown.
    """
    names = list(dict.fromkeys(kind for _, kind in kinds))
    towers = list(dict.fromkeys(tower for tower, _ in kinds))
    taken = {_OF_KINDS[name] for name in names if name in _OF_KINDS}
    free = [colour for colour in _COLOURS if colour not in taken] or list(_COLOURS)
    others = [name for name in names if name not in _OF_KINDS]
    colours = {**_OF_KINDS, **{name: free[i % len(free)] for i, name in enumerate(others)}}
    return [
        Look(
            colours[kind],
            _MARKERS[names.index(kind) % len(_MARKERS)],
            _DASHES[towers.index(tower) % len(_DASHES)],
        )
        for tower, kind in kinds
    ]


def draw_course(
    ax: Axes,
    places: Sequence[int],
    values: Sequence[float],
    ribbon: tuple[Sequence[float], Sequence[float]],
    look: Look,
    label: str,
) -> None:
    """Draw a line, and the ribbon from the lower to the upper of two others around it."""
    ax.plot(places, values, label=label, **look.line(len(places)))
    ax.fill_between(places, *ribbon, color=look.color, alpha=0.18, linewidth=0)


def kind_label(tower: str | None, kind: str, towers: Iterable[str | None]) -> str:
    """Name a kind, with its tower where there are several."""
    return f"{tower} {kind}" if len(set(towers)) > 1 else kind


def gaussian_line(ax: Axes, trim: str) -> None:
    """Draw where the k of Gaussian weights lies."""
    k = TRIMS[trim].gaussian_k
    reference_line(ax, k, label=f"Gaussian\n{k:.4f}")


def reference_line(ax: Axes, y: float, **options: Any) -> None:
    """Draw a broken line from side to side, behind what was measured."""
    dashes = (0, (5, 3))
    ax.axhline(y, color=REFERENCE, linewidth=1, linestyle=dashes, zorder=1.5, **options)


def plain_title(ax: Axes, *names: str) -> None:
    """Write names above the axes, each on its line and as it is.

    No dollar sign in them begins a formula. Of long ones the middle is left out.

    Parameters
    ----------
    ax : Axes
        What they are about.
    *names : str
        Names that have passed through `weightgauge.errors.printable`.
    """
    inches = ax.figure.get_figwidth() * ax.get_position().width
    room = max(_LEAST_ROOM, int(inches * _PER_INCH))
    lines = [shortened(harmless(name), room) for name in names]
    ax.set_title(
        "\n".join(lines),
        parse_math=False,
        usetex=False,
        fontsize="medium",
        loc="left",
    )


def open_frame(ax: Axes) -> None:
    """Take the two sides of the frame away that measure nothing."""
    ax.spines[["top", "right"]].set_visible(False)


def legend_beside(ax: Axes, *, title: str = "") -> None:
    """Explain the lines: beside the axes where the figure's layout makes room, else in them.

    Parameters
    ----------
    ax : Axes
        What was drawn in.
    title : str
        What stands above the entries.
    """
    entries = len(ax.get_legend_handles_labels()[0])
    if entries == 0:
        return
    place: dict[str, Any] = {"loc": "best"}
    if ax.figure.get_layout_engine() is not None:
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    legend = ax.legend(
        title=title or None,
        title_fontsize="small",
        alignment="left",
        frameon=False,
        fontsize="small",
        ncols=1 + (entries - 1) // 16,
        **place,
    )
    for text in legend.get_texts():
        text.set_usetex(False)  # where LaTeX sets all text, the _ of a kind would be an error

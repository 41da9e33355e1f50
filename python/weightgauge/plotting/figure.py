"""Axes to draw in, and figures as files."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from weightgauge.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PACKAGE, EXTRA = "matplotlib", "plot"

SUFFIXES = (".svg", ".pdf", ".png")
"""Endings of the files that figures are written to."""

_METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {},
}
"""What would make two files of one figure differ, taken out."""

_TEXT = {
    "svg.fonttype": "none",  # text stays text, to be searched, read aloud and edited
    "svg.hashsalt": "weightgauge",  # identifiers are otherwise drawn at random
    "pdf.fonttype": 42,  # TrueType: journals refuse the outlines of Type 3
    "text.parse_math": True,
}
_DOTS_PER_INCH = 300


def axes_to_draw_in(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes that the caller gives, or those of a new figure.

    A new figure is one of pyplot if the caller has imported pyplot, so that it is shown where those
    are, as in a notebook. Otherwise it is a figure of its own, and nothing global is touched.

    Parameters
    ----------
    ax : Axes or None
        What the caller gives.
    size : (float, float)
        Width and height of a new figure in inches.

    Returns
    -------
    Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    if ax is not None:
        return ax
    pyplot = sys.modules.get("matplotlib.pyplot")
    figure = new_figure(size) if pyplot is None else pyplot.figure(figsize=size)
    figure.set_layout_engine("constrained")
    axes: Axes = figure.add_subplot()
    return axes


def new_figure(size: tuple[float, float]) -> Figure:
    """Return an empty figure that belongs to nobody.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(PACKAGE, EXTRA) from error
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    return figure


def figure_bytes(figure: Figure, suffix: str) -> bytes:
    """Return a figure as the content of a file: the same bytes for the same figure.

    Parameters
    ----------
    figure : Figure
        What was drawn.
    suffix : str
        One of `SUFFIXES`.
    """
    import matplotlib

    content = io.BytesIO()
    with matplotlib.rc_context(_TEXT), warnings.catch_warnings():
        # A name in another script than the font has is shown as boxes, which is no fault.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(content, format=suffix[1:], dpi=_DOTS_PER_INCH, metadata=_METADATA[suffix])
    return content.getvalue()


def suffix_of(path: str) -> str | None:
    """Return the one of `SUFFIXES` that a file's name ends in; None if it ends in none."""
    ending = os.path.splitext(path)[1].lower()
    return ending if ending in SUFFIXES else None

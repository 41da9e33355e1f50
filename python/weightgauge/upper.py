"""What can be done with a result by packages that stand above it: figures, pages for notebooks.

A result knows them by name alone, and they are imported when somebody asks: data goes up the
layers, and what stands below never depends on what stands above.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Any

_PLACES = MappingProxyType(
    {
        "notebook_html": "reporting.notebook:notebook_html",
        "plot_depth": "plotting.depth:draw",
        "plot_heatmap": "plotting.heatmap:draw",
        "plot_weibull": "plotting.weibull:draw",
        "plot_trajectory": "plotting.trajectory:draw",
        "plot_comparison": "plotting.comparison:draw",
        "plot_scaling": "plotting.scaling:draw",
    }
)


def done_above(what: str, *arguments: Any, **options: Any) -> Any:
    """Call a function of an upper package.

    Parameters
    ----------
    what : str
        A name in the table of this module.
    *arguments, **options
        What the function is called with.
    """
    module, _, name = _PLACES[what].partition(":")
    return getattr(import_module(f"weightgauge.{module}"), name)(*arguments, **options)


class InNotebook:
    """Results that a notebook shows as a page, with a small map."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return what the cell of a notebook shows: verdict, map and the main table."""
        html: str = done_above("notebook_html", self)
        return html

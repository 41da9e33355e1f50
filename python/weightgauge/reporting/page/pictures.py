"""What the pictures of every page have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weightgauge.choices import TRIMS
from weightgauge.reporting.page.maps import NO_MAP, NO_ROWS, Map, among_of
from weightgauge.reporting.page.plots import gaussian_curve
from weightgauge.reporting.page.rows import findings_of
from weightgauge.reporting.page.short_numbers import rounded

if TYPE_CHECKING:
    from weightgauge.findings import Finding

_QUANTITIES = (("k", "shape k"), ("ln_lambda", "scale, ln lambda"), ("k_error", "error of k"))
"""What the heatmaps of a page can show, and what the choice calls it."""


def pictures(
    *,
    rows: Mapping[str, Sequence[Any]],
    findings: Sequence[Finding],
    maps: Sequence[Map],
    maps_note: str,
    profiles: Sequence[Mapping[str, Any]],
    profiles_title: str,
    scales: Mapping[str, Mapping[str, Any]],
    all_of: str,
    labels: Mapping[str, str] = MappingProxyType({"these": "these weights"}),
    **more: Any,
) -> dict[str, Any]:
    """Put together what the scripts of a page draw.

    Parameters
    ----------
    rows : mapping of str to sequence
        The columns of the table.
    findings : sequence of Finding
        What was found.
    maps, profiles : sequence
        Heatmaps, and courses over the blocks.
    maps_note, profiles_title : str
        How to read the heatmaps, and what stands above the courses.
    scales : mapping of str to mapping
        Scales of colours by name.
    all_of : str
        What the rows of the table are.
    labels : mapping of str to str
        What the plots of a matrix call `these` weights, and those `before`.
    **more
        What only some pages have.

    Returns
    -------
    dict
        Plain values for JSON.
    """
    trim = TRIMS["mid_80"]
    return {
        "gaussian": rounded(trim.gaussian_k),
        "window": [rounded(math.log(-math.log1p(-p))) for p in (trim.low, trim.high)],
        "curve": gaussian_curve(),
        "quantities": _QUANTITIES,
        "rows": rows,
        "findings": findings_of(findings),
        "maps": maps,
        "maps_note": maps_note if maps else NO_MAP if rows["name"] else NO_ROWS,
        "profiles": profiles,
        "profiles_title": profiles_title,
        "scales": scales,
        "among": among_of(maps),
        "all_of": all_of,
        "labels": dict(labels),
        **more,
    }

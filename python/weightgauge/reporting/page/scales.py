"""Scales of colours: the same for all heatmaps of a page that show the same."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from weightgauge.choices import TRIMS
from weightgauge.pictures import CHANGES, LEAST_REACH, QUANTITIES
from weightgauge.reporting.page.maps import Map
from weightgauge.reporting.page.short_numbers import rounded

CHANGE_SCALES = MappingProxyType({"k": "dk", "ln_lambda": "dln_lambda", "k_error": "dk_error"})
"""Names of the scales of `weightgauge.pictures.CHANGES`."""


def scales_of(maps: Sequence[Map]) -> dict[str, dict[str, Any]]:
    """Return the scales of heatmaps of models; that of k is centred on Gaussian weights."""
    gaussian = TRIMS["mid_80"].gaussian_k
    return {
        "k": _centred(
            *(QUANTITIES["k"].label, _values(maps, "k"), gaussian, "Gaussian weights"), LEAST_REACH
        ),
        "ln_lambda": _running(
            QUANTITIES["ln_lambda"].label, _values(maps, "ln_lambda"), LEAST_REACH
        ),
        "k_error": _running(QUANTITIES["k_error"].label, _values(maps, "k_error")),
    }


def change_scales_of(maps: Sequence[Map]) -> dict[str, dict[str, Any]]:
    """Return the scales of heatmaps of changes, which are centred on none."""
    name = "k_error"
    return {
        **{
            CHANGE_SCALES[each]: _centred(
                CHANGES[each].label, _values(maps, each), 0.0, "no change"
            )
            for each in ("k", "ln_lambda")
        },
        CHANGE_SCALES[name]: _running(CHANGES[name].label, _values(maps, name)),
    }


def _values(maps: Sequence[Map], name: str) -> list[float]:
    return [value for each in maps for line in each[name] for value in line if value is not None]


def _centred(
    label: str, values: Sequence[float], middle: float, words: str, least: float = 0.0
) -> dict[str, Any]:
    reach = reach_of(values, middle)
    reach = None if reach is None else max(reach, least)
    return {"label": label, "middle": rounded(middle), "middle_label": words, "reach": reach}


def _running(label: str, values: Sequence[float], least: float = 0.0) -> dict[str, Any]:
    scale: dict[str, Any] = {"label": label, "middle": None}
    if values:
        median = sorted(values)[len(values) // 2]
        reach = reach_of(values, median) or 0.0
        scale["low"] = rounded(min(max(min(values), median - reach), median - least))
        scale["high"] = rounded(max(min(max(values), median + reach), median + least))
    return scale


def reach_of(values: Sequence[float], middle: float) -> float | None:
    """Return how far from the middle a scale of colours reaches.

    It is the largest distance, but no more than three times that which nine in ten stay below, so
    that one broken matrix does not take the colour from all others.
    """
    distances = sorted(abs(value - middle) for value in values)
    if not distances:
        return None
    most = distances[(9 * len(distances) - 1) // 10]
    return rounded(max(min(distances[-1], 3 * most), 0.01))

"""The page of one model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.choices import TRIMS
from weightgauge.errors import printable
from weightgauge.findings import grouped
from weightgauge.pictures import QUANTITIES
from weightgauge.reporting.page.content import PageContent
from weightgauge.reporting.page.maps import maps_of, profiles_of, reach_of
from weightgauge.reporting.page.plots import LEAST_WEIGHTS, gaussian_curve, plot_of
from weightgauge.reporting.page.provenance import made_with, settings_of, weights_of
from weightgauge.reporting.page.published import medians_of, published_of
from weightgauge.reporting.page.rows import findings_by_row, findings_of, rows_of
from weightgauge.reporting.page.short_numbers import rounded

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.findings import Finding
    from weightgauge.fits import ModelFit, SliceFit
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.reporting.document import Document
    from weightgauge.scanning import ModelHistograms

MOST_PLOTS = 2000
"""Matrices of one page that have plots: each takes about 2 kB."""

_MAPS_NOTE = (
    "Of k, the colour in the middle of the scale is that of Gaussian weights, 1.2054; orange is "
    "below it (heavier tails, or rows and columns of unequal scale), blue above it. A cross marks "
    "a fault, a triangle a warning, a dash a matrix without a fit. Point at a cell for its "
    "numbers; click it for its probability plot. The table below opens the same."
)
_NO_MAP = "No matrix is in a numbered block, so there is no map; the table below has all of them."


def model_page(kept: ModelHistograms, options: FitOptions, *, command: str = "") -> PageContent:
    """Show one model.

    Parameters
    ----------
    kept : ModelHistograms
        Its counts.
    options : FitOptions
        How to fit.
    command : str
        What was typed; "" for a call from Python.
    """
    from weightgauge.diagnosis.model_diagnosis import diagnose, diagnosed
    from weightgauge.reporting.views.diagnose import diagnose_document
    from weightgauge.reporting.views.fit import fit_document
    from weightgauge.scanning.fit_model import model_fit

    whole = kept.per == "tensor"
    found = diagnose(kept, threads=options.threads) if whole else diagnosed(kept, options)
    fit = model_fit(kept, found.slices, options)
    document = diagnose_document(found) if whole else fit_document(fit, per=kept.per)
    number = 2 if whole and found.summary else 1
    near = [each.id for each in found.nearest]
    return PageContent(
        document=document,
        first=document.sections[1:number],
        then=document.sections[number:],
        places=places_of(document, fit.slices),
        pictures={
            **pictures_of(fit, document.findings or ()),
            "published": published_of([medians_of(found, "this model")], near),
            "rows": {
                **rows_of(fit.slices, document.findings or ()),
                "plots": plots_of(kept, options, fit, document.findings or ()),
            },
        },
        provenance=[*made_with(command), *weights_of(kept), *settings_of(kept.per)],
    )


def places_of(document: Document, slices: Sequence[SliceFit]) -> list[list[int]]:
    """Return the rows that each group of findings is about."""
    groups = grouped(document.findings or ())
    members = [each for group in groups for each in group.findings]
    rows: dict[int, list[int]] = {}
    for row, numbers in findings_by_row(slices, members).items():
        for number in numbers:
            rows.setdefault(number, []).append(row)
    places, first = [], 0
    for group in groups:
        own = range(first, first + len(group.findings))
        places.append(list(dict.fromkeys(row for each in own for row in rows.get(each, ()))))
        first += len(group.findings)
    return places


def pictures_of(fit: ModelFit, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what is drawn of a fit, but for the plots of single matrices."""
    keys = {item.key: row for row, item in enumerate(fit.slices)}
    maps = maps_of(fit.matrices, keys)
    low, high = TRIMS[fit.trim].low, TRIMS[fit.trim].high
    gaussian = TRIMS[fit.trim].gaussian_k
    return {
        "gaussian": rounded(gaussian),
        "window": [
            None if p in (0, 1) else rounded(math.log(-math.log1p(-p))) for p in (low, high)
        ],
        "curve": gaussian_curve(),
        "maps": maps,
        "maps_note": _MAPS_NOTE if maps else _NO_MAP,
        "profiles": profiles_of(fit.matrices),
        "quantities": [
            ("k", "shape k"),
            ("ln_lambda", "scale, ln lambda"),
            ("k_error", "error of k"),
        ],
        "scales": scales_of(maps, gaussian),
        "findings": findings_of(findings),
        "all_of": "tensors and their parts",
        "among": _among(maps),
    }


def scales_of(maps: Sequence[Mapping[str, Any]], gaussian: float) -> dict[str, dict[str, Any]]:
    """Return the scale of colours of each quantity, the same for all heatmaps of a page."""
    scales: dict[str, dict[str, Any]] = {}
    for name, quantity in QUANTITIES.items():
        values = [each for map_ in maps for line in map_[name] for each in line if each is not None]
        scales[name] = {"label": quantity.label, "middle": None}
        if name == "k":
            reach = reach_of(values, gaussian)
            middle = {"middle": rounded(gaussian), "middle_label": "Gaussian", "reach": reach}
            scales[name] |= middle
        elif values:
            middle_value = sorted(values)[len(values) // 2]
            reach = reach_of(values, middle_value) or 0.0
            scales[name] |= {
                "low": rounded(max(min(values), middle_value - reach)),
                "high": rounded(min(max(values), middle_value + reach)),
            }
    return scales


def _among(maps: Sequence[Mapping[str, Any]]) -> dict[int, list[int]]:
    """Return, for each row that shares its cell with others, all rows of the cell."""
    found: dict[int, list[int]] = {}
    for map_ in maps:
        for line in map_["rows"]:
            for cell in line:
                if cell is not None and len(cell) > 1:
                    found |= dict.fromkeys(cell, cell)
    return found


def plots_of(
    kept: ModelHistograms, options: FitOptions, fit: ModelFit, findings: Sequence[Finding]
) -> list[dict[str, Any] | None]:
    """Return the plots of the matrices, those that something was found of first.

    Returns
    -------
    list of dict or None
        One for each slice of the fit; None for vectors, small and empty tensors, and what is more
        than a page holds.
    """
    told = findings_by_row(fit.slices, findings)
    serious = {
        row
        for row, numbers in told.items()
        if any(findings[number].level != "note" for number in numbers)
    }
    able = [
        row
        for row, item in enumerate(fit.slices)
        if len(item.shape) >= 2 and item.n >= LEAST_WEIGHTS
    ]
    able.sort(key=lambda row: row not in serious)
    rows: dict[SliceKey, int] = {fit.slices[row].key: row for row in able[:MOST_PLOTS]}
    plots: list[dict[str, Any] | None] = [None] * len(fit.slices)
    for each in kept.measure(options):
        row = rows.get(each.fit.key)
        if row is not None and each.histogram is not None:
            plots[row] = plot_of(each.fit, each.histogram, each.scale)
    return plots


def shown_name(model: str) -> str:
    """Return what to call a model on a page."""
    return printable(model, limit=1000)

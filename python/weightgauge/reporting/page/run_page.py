"""The page of a run: how k and lambda went over its steps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.findings import grouped
from weightgauge.pictures import CHANGES, Quantity, findings_by_row, key_of
from weightgauge.reference import models, nearest
from weightgauge.reporting.document import Points, Section
from weightgauge.reporting.page.content import PageContent
from weightgauge.reporting.page.maps import maps_of, profiles_of
from weightgauge.reporting.page.pictures import pictures
from weightgauge.reporting.page.plots import MOST_PLOTS, plots_of
from weightgauge.reporting.page.provenance import made_with, settings_of
from weightgauge.reporting.page.published import Medians, published_of
from weightgauge.reporting.page.rows import places_in, rows_of_groups, serious_rows
from weightgauge.reporting.page.scales import (
    CHANGE_SCALES,
    change_scales_of,
    scales_of,
)
from weightgauge.reporting.page.short_numbers import rounded, rounded_all

if TYPE_CHECKING:
    from weightgauge.findings import Finding
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import ModelHistograms
    from weightgauge.trajectory.record import Trajectory
    from weightgauge.trajectory.series import KindSeries, SliceSeries

_LAST = {
    "k": Quantity("shape k", lambda item: item.k[-1], lambda item: item.k_se[-1]),
    "ln_lambda": Quantity(
        "ln lambda", lambda item: _ln(item.lam[-1]), lambda item: item.ln_lambda_se[-1]
    ),
    "k_error": Quantity("standard error of k", lambda item: item.k_se[-1], lambda item: math.nan),
}
_COLUMNS = (
    *(("first k", "k_first", "shape"), ("change of k", "dk", "change")),
    *(("change of ln lambda", "dln_lambda", "change"), ("onset", "onset", "whole")),
)
_COLOURS = (
    "Of k at the last step, the colour in the middle of the scale is that of Gaussian weights, "
    "1.2054."
)
_CHANGES = "Below it what changed since the first step: orange fell, blue rose."
_POINT = "Point at a cell for its numbers; click it for its course over the steps"


def run_page(
    found: Trajectory,
    counts: Mapping[int, ModelHistograms],
    options: FitOptions,
    *,
    per: str = "tensor",
    command: str = "",
) -> PageContent:
    """Show a run over its steps.

    Parameters
    ----------
    found : Trajectory
        What to show.
    counts : mapping of int to ModelHistograms
        Counts of steps; matrices have plots of the last step, and of the first, if these are there.
    options : FitOptions
        How they are fitted.
    per : {"tensor", "head", "expert"}
        What one slice is.
    command : str
        What was typed; "" for a call from Python.
    """
    from weightgauge.reporting.views.track import track_document

    document = track_document(found)
    slices, findings = found.slices, found.findings
    told = findings_by_row(slices, findings)
    rows = {key_of(item): row for row, item in enumerate(slices)}
    matrices = [item for item in slices if item.kind in MATRIX_KINDS]
    draw = partial(maps_of, matrices, row_of=lambda item: rows[key_of(item)])
    last = draw(quantities=_LAST, of=_step(found.steps[-1]))
    changes = draw(quantities=CHANGES, of="since the first step", scales=CHANGE_SCALES)
    maps = [each for pair in zip(last, changes, strict=True) for each in pair]
    plots = _plots(found, counts, options, serious_rows(findings, told))
    return PageContent(
        document=document,
        first=_left_out(findings),
        then=document.sections[1:],
        places=rows_of_groups(grouped(findings), findings, told),
        pictures=pictures(
            rows={
                **places_in(slices, told),
                **_columns(slices),
                **plots,
            },
            labels={"these": _step(found.steps[-1]), "before": _step(found.steps[0])},
            columns=_COLUMNS,
            findings=findings,
            maps=maps if len(found.steps) > 1 else last,
            maps_note=_maps_note(len(found.steps), plots),
            profiles=profiles_of(matrices, {name: _LAST[name] for name in ("k", "ln_lambda")}),
            profiles_title=f"From block to block, at {_step(found.steps[-1])}",
            scales={**scales_of(last), **change_scales_of(changes)},
            all_of="tensors and their parts",
            courses={
                "steps": list(found.steps),
                "kinds": [
                    {"tower": kind.tower, "kind": kind.kind, **_course(kind)}
                    for kind in found.kinds
                ],
            },
            published=_published(found),
        ),
        provenance=[
            *made_with(command),
            ("run", found.run),
            ("steps", ", ".join(f"{step:,}" for step in found.steps)),
            *settings_of(per),
        ],
    )


def _maps_note(steps: int, plots: Collection[str]) -> str:
    """Say how the maps are read, and what a click opens."""
    if not plots:
        shown = ""
    elif len(plots) == 1:
        shown = ", and for its probability plot at the last"
    else:
        shown = ", and for its probability plots at the first and at the last"
    return " ".join([_COLOURS, *([_CHANGES] if steps > 1 else []), f"{_POINT}{shown}."])


def _left_out(findings: Sequence[Finding]) -> tuple[Section, ...]:
    """Say above the pictures what of the run they do not show."""
    told = [each.message for each in findings if each.id == "step-unknown"]
    return (Section("Not shown", (Points(told),)),) if told else ()


def _step(step: int) -> str:
    return f"step {step:,}"


def _ln(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def _course(item: SliceSeries | KindSeries) -> dict[str, Any]:
    return {
        "k": rounded_all(item.k, 5),
        "k_error": rounded_all(item.k_se, 3),
        "ln_lambda": rounded_all(map(_ln, item.lam), 5),
        "ln_lambda_error": rounded_all(item.ln_lambda_se, 3),
    }


def _columns(slices: Sequence[SliceSeries]) -> dict[str, list[Any]]:
    """Return the columns of the table: numbers at the last step, and changes since the first."""
    last = {"k": "k", "k_se": "k_se", "lambda": "lam", "r2": "r2", "rms": "rms"}
    return {
        **{
            key: [rounded(getattr(item, field)[-1]) for item in slices]
            for key, field in last.items()
        },
        "k_first": [
            rounded(next((k for k in item.k if math.isfinite(k)), math.nan)) for item in slices
        ],
        "dk": [rounded(item.dk, 5) for item in slices],
        "dk_se": [rounded(item.dk_se, 5) for item in slices],
        "dln_lambda": [rounded(item.dln_lambda, 5) for item in slices],
        "onset": [item.onset for item in slices],
        "why": ["" if math.isfinite(item.k[-1]) else "no fit" for item in slices],
        "courses": [_course(item) for item in slices],
    }


def _plots(
    found: Trajectory,
    counts: Mapping[int, ModelHistograms],
    options: FitOptions,
    serious: Collection[int],
) -> dict[str, list[dict[str, Any] | None]]:
    """Return the plots of the last step, and as those before it the plots of the first."""
    first, last = found.steps[0], found.steps[-1]
    if last not in counts:
        return {}
    steps = {"plots": last}
    if first != last and first in counts:
        steps["plots_before"] = first
    plots = {}
    for name, step in steps.items():
        fits = {each.fit.key: each.fit for each in counts[step].slices}
        rows = [fits.get(key_of(item)) for item in found.slices]
        most = MOST_PLOTS // len(steps)
        plots[name] = plots_of(counts[step], options, rows, serious, most=most)
    return plots


def _published(found: Trajectory) -> dict[str, Any] | None:
    """Set the first and the last step before published models, by the tower most like these."""
    known = {kind for entry in models().values() for kind in entry.kinds}
    towers = Counter(kind.tower for kind in found.kinds if kind.kind in known)
    tower = max(towers, key=towers.__getitem__, default=None)
    kinds = [kind for kind in found.kinds if kind.tower == tower and kind.kind in known]
    medians = [
        Medians(
            _step(found.steps[i]),
            {kind.kind: kind.k[i] for kind in kinds},
            {kind.kind: kind.k_se[i] for kind in kinds},
        )
        for i in sorted({0, len(found.steps) - 1})
    ]
    return published_of(medians, [each.id for each in nearest(medians[-1].k)])

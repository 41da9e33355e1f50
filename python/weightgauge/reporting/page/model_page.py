"""The page of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.findings import grouped
from weightgauge.pictures import QUANTITIES, findings_by_row, key_of
from weightgauge.reporting.page.content import PageContent
from weightgauge.reporting.page.maps import maps_of, profiles_of
from weightgauge.reporting.page.pictures import pictures
from weightgauge.reporting.page.plots import plots_of
from weightgauge.reporting.page.provenance import made_with, settings_of, weights_of
from weightgauge.reporting.page.published import medians_of, published_of
from weightgauge.reporting.page.rows import (
    rows_of,
    rows_of_groups,
    serious_rows,
)
from weightgauge.reporting.page.scales import scales_of

if TYPE_CHECKING:
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import ModelHistograms

MAPS_NOTE = (
    "Of k, the colour in the middle of the scale is that of Gaussian weights, 1.2054; orange is "
    "below it (heavier tails, or rows and columns of unequal scale), blue above it. A cross marks "
    "a fault, a triangle a warning, a dash a matrix without a fit, a hash one on a grid or "
    "pruned, whose k says nothing of the training. Point at a cell for its numbers; click it for "
    "its probability plot. The table below opens the same."
)


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
    from weightgauge.fits.withheld import withheld
    from weightgauge.reporting.views.diagnose import diagnose_document
    from weightgauge.reporting.views.fit import fit_document
    from weightgauge.scanning.fit_model import model_fit

    whole = kept.per == "tensor"
    found = diagnose(kept, threads=options.threads) if whole else diagnosed(kept, options)
    fit = model_fit(kept, found.slices, options)
    document = diagnose_document(found) if whole else fit_document(fit, per=kept.per)
    findings = document.findings or ()
    told = findings_by_row(fit.slices, findings)
    serious = serious_rows(findings, told)
    row_of = {item.key: row for row, item in enumerate(fit.slices)}
    reasons = withheld(fit.slices, zeros=fit.zero_handling, trim=fit.trim)
    maps = maps_of(
        *(fit.matrices, QUANTITIES, lambda item: row_of[key_of(item)]),
        withheld=lambda item: key_of(item) in reasons,
    )
    return PageContent(
        document=document,
        first=(),
        then=document.sections[1:],
        places=rows_of_groups(grouped(findings), findings, told),
        pictures=pictures(
            rows={
                **rows_of(fit.slices, findings, told),
                "plots": plots_of(kept, options, fit.slices, serious),
            },
            findings=findings,
            maps=maps,
            maps_note=MAPS_NOTE,
            profiles=profiles_of(
                fit.matrices, {name: QUANTITIES[name] for name in ("k", "ln_lambda")}
            ),
            profiles_title="From block to block",
            scales=scales_of(maps),
            all_of="tensors and their parts",
            published=published_of(
                [medians_of(found, "this model")], [each.id for each in found.nearest]
            ),
        ),
        provenance=[*made_with(command), *weights_of(kept), *settings_of(kept.per)],
    )

"""The document of `weightgauge fit` for several models: medians of their kinds side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import KINDS
from weightgauge.errors import printable
from weightgauge.findings import Finding, by_importance, verdict
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Section,
    metadata,
    plain_columns,
)
from weightgauge.reporting.views.fit_furthest import furthest_section
from weightgauge.reporting.views.fit_map import fit_maps

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit

_MODEL = (
    Column(key="model", identifies=True, may_shorten=True),
    Column(key="step", form=",", right=True, hide_empty=True, identifies=True),
)
_NOTE = Paragraph(
    "Medians over the slices of a kind. --json and --format csv have every slice of every model "
    "with all its numbers; 'weightgauge track' follows the steps of one run."
)


def fit_models_document(
    names: Sequence[str],
    results: Sequence[ModelFit],
    *,
    as_map: bool = False,
    top: int | None = None,
) -> Document:
    """Show the medians of several models by kind; for programs, every slice of each.

    Parameters
    ----------
    names : sequence of str
        What the user calls the models: two files of histograms may be of models of one name.
    results : sequence of ModelFit
        The fits in the order to show them, all made with the same options.
    as_map : bool
        Whether a map of k of each model is shown too.
    top : int or None
        How many matrices of each model are shown that are furthest from Gaussian weights; None for
        none.
    """
    from weightgauge.fits.model_fit import SCHEMA_VERSION
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.records import columns, flat
    from weightgauge.trajectory.candidates import step_of_model

    steps = [step_of_model(name) for name in names]
    marked = [{"model": name, "step": step} for name, step in zip(names, steps, strict=True)]
    first = results[0]
    head = metadata(
        SCHEMA_VERSION,
        models=list(names),
        steps=steps,
        protocol=first.protocol,
        trim=first.trim,
        zero_handling=first.zero_handling,
        exact=first.exact,
    )
    kinds = [kind for kind in KINDS if any(kind in _names(result) for result in results)]
    verdicts = [
        Line(f"{printable(name, limit=1000)}: {verdict(result.findings)}")
        for name, result in zip(names, results, strict=True)
    ]
    censored = ", zeros left-censored" if first.zero_handling == "censor" else ""
    options = f"Weibull fits, protocol {first.protocol}, trim {first.trim}{censored}"
    return Document(
        title=f"{len(results):,} models",
        sections=(
            Section("", verdicts),
            Section("", (Line(options),)),
            *_of_each(names, results, as_map, top),
            Section("Median k", (_medians(results, marked, kinds, "k_median", ".3f"),)),
            Section("Median lambda", (_medians(results, marked, kinds, "lambda_median", "#.4g"),)),
        ),
        findings=_findings(names, results),
        notes=(_NOTE,),
        warnings=tuple(
            f"{printable(name, limit=1000)}: {warning}"
            for name, result in zip(names, results, strict=True)
            for warning in result.warnings
        ),
        metadata=head,
        data=lambda: {
            "verdict": verdict(_findings(names, results)),
            "verdicts": [verdict(result.findings) for result in results],
            "findings": [each.to_dict() for each in _findings(names, results)],
            "kinds": [
                {**mark, **kind.to_dict()}
                for mark, result in zip(marked, results, strict=True)
                for kind in result.kinds
            ],
            "slices": _slices(results, marked),
        },
        records=lambda: DocumentTable(
            plain_columns({"model": "str", "step": "int | None", **columns(SliceFit)}),
            flat(SliceFit, _slices(results, marked)),
        ),
        provenance=lambda: {"protocol": first.protocol},
    )


def _of_each(
    names: Sequence[str], results: Sequence[ModelFit], as_map: bool, top: int | None
) -> Iterator[Section]:
    """Yield what is shown of single matrices, the name of the model above each."""
    for name, result in zip(names, results, strict=True):
        for section in (
            *(fit_maps(result) if as_map else ()),
            *(furthest_section(result, top) if top is not None else ()),
        ):
            heading = printable(name, limit=1000)
            yield replace(section, heading=f"{heading}: {section.heading}".rstrip(": "))


def _findings(names: Sequence[str], results: Sequence[ModelFit]) -> Sequence[Finding]:
    """Return the findings of all models, each with the name of its model."""
    return by_importance(
        replace(each, model=printable(name))
        for name, result in zip(names, results, strict=True)
        for each in result.findings
    )


def _names(result: ModelFit) -> set[str]:
    return {kind.kind for kind in result.kinds}


def _medians(
    results: Sequence[ModelFit],
    marked: Sequence[dict[str, Any]],
    kinds: Sequence[str],
    field: str,
    form: str,
) -> DocumentTable:
    """Make a table of medians with one row a model and one column a kind."""
    of_kinds = [Column(key=kind, form=form, right=True, hide_empty=True) for kind in kinds]
    rows = [
        {
            "model": printable(mark["model"], limit=1000),
            "step": mark["step"],
            **{kind.kind: kind.to_dict()[field] for kind in result.kinds},
        }
        for mark, result in zip(marked, results, strict=True)
    ]
    return DocumentTable((*_MODEL, *of_kinds), rows)


def _slices(results: Sequence[ModelFit], marked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**mark, **row}
        for mark, result in zip(marked, results, strict=True)
        for row in result.to_dicts()
    ]

"""The page of two models: side by side, what changed between them, and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.errors import printable
from weightgauge.findings import grouped
from weightgauge.fits.pieces import counted
from weightgauge.pictures import CHANGES, QUANTITIES, Told, findings_by_row, key_of
from weightgauge.reporting.document import Points, Section
from weightgauge.reporting.page.changes import changes_in_words, lost_in_words
from weightgauge.reporting.page.content import PageContent
from weightgauge.reporting.page.maps import Map, maps_of, profiles_of
from weightgauge.reporting.page.pictures import pictures
from weightgauge.reporting.page.plots import MOST_PLOTS, plots_of
from weightgauge.reporting.page.provenance import made_with, settings_of, weights_of
from weightgauge.reporting.page.published import medians_of, published_of
from weightgauge.reporting.page.rows import (
    rows_of,
    rows_of_groups,
    serious_rows,
)
from weightgauge.reporting.page.scales import (
    CHANGE_SCALES,
    change_scales_of,
    scales_of,
)
from weightgauge.reporting.page.short_numbers import rounded_all

if TYPE_CHECKING:
    from weightgauge.comparison.matching import Match
    from weightgauge.comparison.pair import Pair
    from weightgauge.findings import Finding
    from weightgauge.fits import SliceFit
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Measurable, ModelHistograms

_MAPS_NOTE = (
    "Side by side, both in the same colours: of k, their middle is that of Gaussian weights, "
    "1.2054. Below them b less a: orange fell, blue rose. A cross marks a fault, a triangle a "
    "warning, a dash a pair without two fits, a hash one on a grid or pruned. Point "
    "at a cell for its numbers; click it for the probability plots of both."
)
_COLUMNS = (
    *(("k of a", "k_a", "shape"), ("change of k", "dk", "change"), ("z", "z", "z")),
    ("change of ln lambda", "dln_lambda", "change"),
    *(("changed", "changed", "share"), ("|b-a|/|a|", "difference", "share")),
)


def pair_page(
    subjects: tuple[Measurable, Measurable],
    kept: tuple[ModelHistograms, ModelHistograms],
    options: FitOptions,
    *,
    command: str = "",
) -> PageContent:
    """Show two models and what changed from the first to the second.

    Parameters
    ----------
    subjects : (Measurable, Measurable)
        The two models, whose elements are compared if both have weights.
    kept : (ModelHistograms, ModelHistograms)
        Their counts.
    options : FitOptions
        How to fit.
    command : str
        What was typed; "" for a call from Python.
    """
    from weightgauge.comparison.matching import matched
    from weightgauge.comparison.model_comparison import compared, kept_of
    from weightgauge.reporting.views.compare import compare_document

    of_a, of_b = (kept_of(each, options) for each in kept)
    both = matched(of_a, of_b)
    found = compared(subjects, (of_a, of_b), both, options)
    matches = both.pairs
    pairs = {key_of(pair): pair for pair in found.pairs}
    in_order = [pairs[match.a.fit.key] for match in matches]
    document = compare_document(found)
    findings = found.findings
    told = _told(matches, findings)
    serious = serious_rows(findings, told)
    fits = [match.b.fit for match in matches]
    maps = _maps(matches, in_order, options)
    words = (
        *lost_in_words(found.only_a, [each.fit for each in of_a], "a", "b"),
        *lost_in_words(found.only_b, [each.fit for each in of_b], "b", "a"),
        *changes_in_words(in_order, whole=not (found.only_a or found.only_b)),
    )
    return PageContent(
        document=document,
        first=(Section("What changed from a to b", (Points(words),)),) if words else (),
        then=document.sections[1:],
        places=rows_of_groups(grouped(findings), findings, told),
        pictures=pictures(
            rows={
                **rows_of(fits, findings, told),
                **_columns(in_order),
                "plots": plots_of(kept[1], options, fits, serious, most=MOST_PLOTS // 2),
                "plots_before": _plots_before(kept[0], options, matches, serious),
            },
            columns=_COLUMNS,
            sort=_COLUMNS[-1][0],
            findings=findings,
            maps=maps,
            maps_note=_MAPS_NOTE,
            side_by_side=True,
            labels={"these": "b", "before": "a"},
            profiles=profiles_of(
                _matrices(matches, in_order), {name: CHANGES[name] for name in ("k", "ln_lambda")}
            ),
            profiles_title="What changed, from block to block",
            scales={
                **scales_of([each for each in maps if not each["scales"]]),
                **change_scales_of([each for each in maps if each["scales"]]),
            },
            all_of="pairs of tensors and their parts",
            published=_published(kept, options),
        ),
        provenance=[
            *made_with(command),
            *weights_of(kept[0], "a"),
            *weights_of(kept[1], "b"),
            *settings_of(kept[0].per),
        ],
        doubtful=bool(found.only_a),
    )


def _told(matches: Sequence[Match], findings: Sequence[Finding]) -> Told:
    """Return which findings are about which pair: those of b by the names that b has."""
    told: dict[int, list[int]] = {}
    for side in ("a", "b"):
        own = [
            each if (each.model == "b") == (side == "b") else replace(each, tensor=None)
            for each in findings
        ]
        slices = [getattr(match, side).fit for match in matches]
        for row, numbers in findings_by_row(slices, own).items():
            told[row] = sorted({*told.get(row, ()), *numbers})
    return told


def _columns(pairs: Sequence[Pair]) -> Mapping[str, list[Any]]:
    fields = {
        **{name: name for name in ("k_a", "dk", "dk_se", "z", "dln_lambda", "changed")},
        **{"lambda_a": "lambda_a", "difference": "difference_rms"},
    }
    return {
        **{
            key: rounded_all((getattr(pair, field) for pair in pairs), 5)
            for key, field in fields.items()
        },
        "name_b": [
            None if pair.tensor_b == pair.tensor else printable(pair.tensor_b) for pair in pairs
        ],
        "note": [printable(pair.note) for pair in pairs],
    }


def _plots_before(
    kept: ModelHistograms, options: FitOptions, matches: Sequence[Match], serious: set[int]
) -> list[dict[str, Any] | None]:
    before = [match.a.fit for match in matches]
    return plots_of(kept, options, before, serious, most=MOST_PLOTS // 2)


def _matrices(matches: Sequence[Match], items: Sequence[Any]) -> list[Any]:
    """Choose what heatmaps show: matrices, each once."""
    once = {item.key for item in counted([match.a.fit for match in matches])}
    return [
        item
        for match, item in zip(matches, items, strict=True)
        if match.a.fit.key in once and match.a.fit.kind in MATRIX_KINDS
    ]


def _maps(matches: Sequence[Match], pairs: Sequence[Pair], options: FitOptions) -> list[Map]:
    """Return, for each tower, the heatmap of a, that of b, and that of the changes."""
    from weightgauge.fits.withheld import withheld

    maps: list[Map] = []
    for of in ("a", "b"):
        fits: list[SliceFit] = [getattr(match, of).fit for match in matches]
        reasons = withheld(fits, zeros=options.zeros, trim=options.trim)
        maps += maps_of(
            *(_matrices(matches, fits), QUANTITIES, _row_in(matches, of)),
            of=of,
            withheld=lambda item, reasons=reasons: item.key in reasons,  # type: ignore[misc]
        )
    of_pairs = {key_of(pair): row for row, pair in enumerate(pairs)}
    maps += maps_of(
        _matrices(matches, pairs),
        CHANGES,
        lambda pair: of_pairs[key_of(pair)],
        of="b less a",
        scales=CHANGE_SCALES,
    )
    towers = list(dict.fromkeys(each["tower"] for each in maps))
    return sorted(maps, key=lambda each: towers.index(each["tower"]))


def _row_in(matches: Sequence[Match], side: str) -> Callable[[SliceFit], int]:
    rows = {getattr(match, side).fit.key: row for row, match in enumerate(matches)}
    return lambda item: rows[item.key]


def _published(
    kept: tuple[ModelHistograms, ModelHistograms], options: FitOptions
) -> dict[str, Any] | None:
    from weightgauge.diagnosis.model_diagnosis import diagnosed

    found = [diagnosed(each, options) for each in kept]
    medians = [medians_of(each, label) for each, label in zip(found, ("a", "b"), strict=True)]
    return published_of(medians, [each.id for each in found[1].nearest])

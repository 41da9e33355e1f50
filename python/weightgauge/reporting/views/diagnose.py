"""The document of `weightgauge diagnose`: regimes, outliers, training, and what to look at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.diagnosis.summary import reading
from weightgauge.errors import printable
from weightgauge.findings import slice_name
from weightgauge.fits.columns import columns_of
from weightgauge.fits.pieces import counted_rows
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Estimate,
    Line,
    Paragraph,
    Part,
    Points,
    Section,
    metadata,
    plain_columns,
)
from weightgauge.reporting.values import part_text, range_text
from weightgauge.reporting.views.architecture import architecture_lines
from weightgauge.reporting.views.courses import COURSE, courses_by_block
from weightgauge.reporting.views.errors import PRODUCT_ERRORS, errors_note
from weightgauge.reporting.views.left_out import rows_left_out
from weightgauge.reporting.views.unmeasured import extent
from weightgauge.reporting.views.zeros import zeros_note
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.record import Diagnosis
    from weightgauge.diagnosis.training import TrainingProgress

OUTLIERS_SHOWN = 12
"""Matrices that are shown if nobody asks for more or fewer."""

_OUTLIERS = (
    Column(key="tensor", identifies=True, may_shorten=True),
    Column(key="kind", drop=1),
    Column(key="block", right=True),
    Column(key="quantity", heading="of"),
    Column(key="value", form=".3f", right=True),
    Column(key="expected", heading="its kind", form=".3f", right=True),
    Column(key="z", form="+.1f", right=True),
)


def diagnose_document(
    found: Diagnosis, *, spread: bool = False, top: int | None = OUTLIERS_SHOWN
) -> Document:
    """Show a diagnosis: tables, what to look at, and a summary in sentences.

    Parameters
    ----------
    found : Diagnosis
        What to show.
    spread : bool
        Whether the table by kind has the parts of the variance of ln |w|.
    top : int or None
        How many of the matrices that stand out are shown; None for all.
    """
    from weightgauge.diagnosis.record import SCHEMA_VERSION
    from weightgauge.trajectory.candidates import step_of_model

    architecture = tuple(map(Paragraph, architecture_lines(found.architecture, found.findings)))
    return Document(
        title=printable(found.model, limit=1000),
        sections=(
            Section("", (*architecture, Line(extent(columns_of(found.slices), found.findings)))),
            *_sections(found, spread=spread, top=top),
        ),
        findings=found.findings,
        findings_first=True,
        notes=_notes(found, spread=spread),
        warnings=found.warnings,
        metadata=metadata(SCHEMA_VERSION, model=found.model, zero_handling=found.zero_handling),
        data=found.to_dict,
        records=lambda: _records(found.kinds),
        provenance=lambda: {
            "model": found.model,
            "step": step_of_model(found.model),
            "protocol": "order",
        },
    )


def _records(kinds: Sequence[KindDiagnosis]) -> DocumentTable:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.records import columns, flat

    rows = [{**kind.to_dict(), "expected": range_text(kind.expected or ())} for kind in kinds]
    return DocumentTable(plain_columns(columns(KindDiagnosis)), flat(KindDiagnosis, rows))


def _sections(found: Diagnosis, *, spread: bool, top: int | None) -> Iterator[Section]:
    if found.summary:
        yield Section("What k means", (Points(found.summary),))
    if found.kinds:
        yield _kinds(found, spread=spread)
    if found.outliers:
        yield Section("Matrices that stand out among those of their kind", _outliers(found, top))
    if found.training is not None:
        yield Section("Training", tuple(map(Line, _training(found.training))))


def _kinds(found: Diagnosis, *, spread: bool) -> Section:
    kinds = found.kinds
    slices = columns_of(found.slices)
    once = np.array(counted_rows(slices), np.int64)
    courses = courses_by_block(slices, once[slices.of_matrices[once]])
    grown = any(math.isfinite(kind.ln_sigma) for kind in kinds)
    balanced = any(math.isfinite(kind.k_core_median) for kind in kinds)
    columns = (
        Column(key="tower", hide_empty=True, identifies=True),
        Column(key="kind", identifies=True),
        Column(key="slices", form=part_text, right=True, drop=1),
        Column(key="k", heading="k median", form=".3f", right=True),
        Column(key="reading", heading="beside Gaussian"),
        Column(key="verdict", heading="like Gaussian?", form=_answer, hide_empty=True),
        Column(key="expected", heading="published", form=_range, right=True, drop=3),
        Column(key="expected_verdict", heading="as published?", form=_answer, hide_empty=True),
        Column(key="drift", heading="change of k", form="+.1%", right=True, hide_empty=True),
        Column(key="kurtosis_median", heading="kurtosis", form=".1f", right=True, drop=2),
        *(_GROWTH if grown else ()),
        *(_BALANCED if balanced else ()),
        *(_SPREAD if spread else ()),
        COURSE,
    )
    rows = [{**_kind_row(kind), COURSE.key: courses.get((kind.tower, kind.kind))} for kind in kinds]
    table = DocumentTable(columns, rows)
    return Section("By kind", (table,))


_GROWTH = (
    Column(key="sigma_growth", heading="sigma grew", form=".2f", unit="x", right=True),
    Column(key="lambda_share", heading="by lambda", form=".0%", right=True),
)
_SPREAD = tuple(
    Column(key=f"spread_{part}", heading=heading, form=".3f", right=True)
    for part, heading in (("rows", "by rows"), ("columns", "by columns"), ("core", "the rest"))
)
_BALANCED = (
    Column(key="k_core_median", heading="k balanced", form=".3f", right=True),
    Column(key="k_core_gaussian", heading="Gaussian", form=".3f", right=True),
)


def _kind_row(kind: KindDiagnosis) -> dict[str, Any]:
    alike = ("tower", "kind", "expected", "expected_verdict")
    finite = ("drift", "kurtosis_median", "lambda_share", "k_core_median", "k_core_gaussian")
    return {
        "slices": (kind.judged, kind.slices),
        "k": Estimate(kind.k_median, kind.k_se),
        "reading": reading(kind),
        "verdict": "unknown" if kind.regime and kind.verdict is None else kind.verdict,
        "sigma_growth": math.exp(kind.ln_sigma) if math.isfinite(kind.ln_sigma) else None,
        **{field: getattr(kind, field) for field in alike},
        **{field: _if_finite(getattr(kind, field)) for field in finite},
        **{
            f"spread_{part}": None if kind.spread is None else getattr(kind.spread, part)
            for part in ("rows", "columns", "core")
        },
    }


def _outliers(found: Diagnosis, top: int | None) -> tuple[Part, ...]:
    rows = [
        {
            "tensor": slice_name(each),
            "kind": each.kind,
            "block": each.block,
            "quantity": each.quantity,
            "value": Estimate(each.value, each.se),
            "expected": each.expected,
            "z": each.z,
        }
        for each in found.outliers[:top]
    ]
    return DocumentTable(_OUTLIERS, rows), *rows_left_out(len(found.outliers), top)


def _training(run: TrainingProgress) -> Iterator[str]:
    yield f"tau = 1/(lr x weight decay) = {run.tau:,.0f} steps; T = {counted(run.steps, 'step')}"
    yield f"T/tau at the peak learning rate: {run.steps_per_tau:.3f}, {run.state}"
    if run.scheduled_state is not None:
        yield (
            f"T/tau by the {run.schedule} schedule: {run.scheduled_steps_per_tau:.3f}, "
            f"{run.scheduled_state}"
        )


def _notes(found: Diagnosis, *, spread: bool) -> tuple[Paragraph, ...]:
    """Explain the tables that are shown."""
    if not found.kinds:
        return ()
    slices = columns_of(found.slices)
    products = bool(slices.products.any())
    columns = Paragraph(
        f"{zeros_note(found.zero_handling)}"
        "Beside Gaussian: what k means; Gaussian weights have 1.2054, a lower k means heavier "
        "tails, or rows and columns of unequal scale. Like Gaussian?: whether k lies in 1.18 to "
        "1.21 at 95 % confidence; too close to call where k lies nearer to one of the two than its "
        f"error allows. {errors_note(slices)} "
        f"{PRODUCT_ERRORS + ' ' if products else ''}"
        "Published: the range of published language models with such attention "
        f"(arXiv:2605.18898). Change of k: since {found.start}. Kurtosis: 3 for Gaussian weights. "
        f"{_Z_NOTE if found.outliers else ''}"
        "'weightgauge diagnose --json' has every slice with its tails."
    )
    return (columns, _SPREAD_NOTE) if spread else (columns,)


_Z_NOTE = (
    "z: distance from what others of the kind have at that depth, in robust standard deviations; "
    "kinds of fewer than five matrices have none. "
)


_SPREAD_NOTE = Paragraph(
    "By rows, by columns, the rest: parts of the variance of ln |w|, medians over the matrices of "
    "a kind. Gaussian weights have only a rest, of 1.234. The larger the parts of rows and "
    "columns, whose scales then differ, the lower k."
)

_ANSWERS = {
    "inside": "yes",
    "outside": "no",
    "undecided": "too close to call",
    "unknown": "error not known",
}


def _answer(verdict: str) -> str:
    return _ANSWERS[verdict]


def _range(expected: tuple[float, float]) -> str:
    return f"{expected[0]:.2f}-{expected[1]:.2f}"


def _if_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""The document of `weightgauge diagnose`: regimes, outliers, training, and what to look at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.findings import slice_name
from weightgauge.reference.nearest import MISSING
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Estimate,
    Finding,
    Line,
    Paragraph,
    Part,
    Section,
    metadata,
    plain_columns,
)
from weightgauge.reporting.values import range_text
from weightgauge.reporting.views.architecture import architecture_lines

if TYPE_CHECKING:
    from weightgauge.diagnosis.alerts import Alert
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.record import Diagnosis
    from weightgauge.diagnosis.training import TrainingProgress

_SHOWN = 12

_OUTLIERS = (
    Column(key="tensor", identifies=True, may_shorten=True),
    Column(key="kind", drop=1),
    Column(key="block", right=True),
    Column(key="quantity", heading="of"),
    Column(key="value", form=".3f", right=True),
    Column(key="median", form=".3f", right=True),
    Column(key="z", form="+.1f", right=True),
)


def diagnose_document(found: Diagnosis) -> Document:
    """Show a diagnosis: tables, what to look at, and a summary in sentences.

    Parameters
    ----------
    found : Diagnosis
        What to show.
    """
    from weightgauge.diagnosis.record import SCHEMA_VERSION

    architecture = tuple(map(Paragraph, architecture_lines(found.architecture)))
    return Document(
        title=printable(found.model, limit=1000),
        sections=(Section("", architecture), *_sections(found)),
        findings=_findings(found.alerts),
        summary=found.summary,
        notes=(_note(found),),
        warnings=found.warnings,
        metadata=metadata(SCHEMA_VERSION, model=found.model),
        data=found.to_dict,
        records=lambda: _records(found.kinds),
    )


def _findings(alerts: Sequence[Alert]) -> list[Finding]:
    from weightgauge.diagnosis.rules import KIND_RULES, SLICE_RULES

    levels = {rule.id: rule.level for rule in KIND_RULES}
    levels |= {rule.id: rule.level for rule in SLICE_RULES}
    return [
        Finding(levels[alert.alert], alert.alert, alert.tensor, alert.message) for alert in alerts
    ]


def _records(kinds: Sequence[KindDiagnosis]) -> DocumentTable:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.records import columns

    return DocumentTable(
        plain_columns(columns(KindDiagnosis)),
        [{**kind.to_dict(), "expected": range_text(kind.expected or ())} for kind in kinds],
    )


def _sections(found: Diagnosis) -> Iterator[Section]:
    if found.kinds:
        yield Section("By kind", (_kinds(found.kinds),))
    if found.outliers:
        yield Section("Matrices that stand out among those of their kind", _outliers(found))
    if found.training is not None:
        yield Section("Training", tuple(map(Line, _training(found.training))))
    if found.nearest:
        nearest = ", ".join(f"{name} {distance:.3f}" for name, distance in found.nearest[:3])
        yield Section("Nearest published models", (Line(f"{nearest} (distance in k)"),))


def _kinds(kinds: Sequence[KindDiagnosis]) -> DocumentTable:
    grown = any(math.isfinite(kind.ln_sigma) for kind in kinds)
    balanced = any(math.isfinite(kind.k_core_median) for kind in kinds)
    columns = (
        Column(key="tower", hide_empty=True, identifies=True),
        Column(key="kind", identifies=True),
        Column(key="slices", form=",", right=True, drop=1),
        Column(key="k", heading="k median", form=".3f", right=True),
        Column(key="regime"),
        Column(key="verdict", heading="in class"),
        Column(key="expected", heading="usual", form=_range, right=True, drop=3),
        Column(key="expected_verdict", heading="is usual"),
        Column(key="drift", form="+.1%", right=True),
        Column(key="kurtosis_median", heading="kurtosis", form=".1f", right=True, drop=2),
        *(_GROWTH if grown else ()),
        *(_BALANCED if balanced else ()),
    )
    return DocumentTable(columns, list(map(_kind_row, kinds)))


_GROWTH = (
    Column(key="sigma_growth", heading="sigma grew", form=".2f", unit="x", right=True),
    Column(key="lambda_share", heading="by lambda", form=".0%", right=True),
)
_BALANCED = (
    Column(key="k_core_median", heading="k balanced", form=".3f", right=True),
    Column(key="k_core_gaussian", heading="Gaussian", form=".3f", right=True),
)


def _kind_row(kind: KindDiagnosis) -> dict[str, Any]:
    alike = ("tower", "kind", "slices", "regime", "verdict", "expected", "expected_verdict")
    finite = ("drift", "kurtosis_median", "lambda_share", "k_core_median", "k_core_gaussian")
    return {
        "k": Estimate(kind.k_median, kind.k_se),
        "sigma_growth": math.exp(kind.ln_sigma) if math.isfinite(kind.ln_sigma) else None,
        **{field: getattr(kind, field) for field in alike},
        **{field: _if_finite(getattr(kind, field)) for field in finite},
    }


def _outliers(found: Diagnosis) -> tuple[Part, ...]:
    rows = [
        {
            "tensor": slice_name(each),
            "kind": each.kind,
            "block": each.block,
            "quantity": each.quantity,
            "value": Estimate(each.value, each.se),
            "median": each.median,
            "z": each.z,
        }
        for each in found.outliers[:_SHOWN]
    ]
    table = DocumentTable(_OUTLIERS, rows)
    more = len(found.outliers) - _SHOWN
    return (table, Line(f"... and {more:,} more: --json")) if more > 0 else (table,)


def _training(run: TrainingProgress) -> Iterator[str]:
    yield f"tau = 1/(lr x weight decay) = {run.tau:,.0f} steps; T = {run.steps:,} steps"
    yield f"T/tau at the peak learning rate: {run.steps_per_tau:.3f}, {run.state}"
    if run.scheduled_state is not None:
        yield (
            f"T/tau by the {run.schedule} schedule: {run.scheduled_steps_per_tau:.3f}, "
            f"{run.scheduled_state}"
        )


def _note(found: Diagnosis) -> Paragraph:
    return Paragraph(
        "In class: whether k lies in the Transmission Class, 1.18 to 1.21, at 95 % confidence for "
        "independent weights; shared row and column scales make the true error larger. Usual: the "
        "range of a dozen published language models with such attention (arXiv:2605.18898), the "
        f"class itself for FFN and o. Drift: since initialisation ({found.start}). Kurtosis: 3 for "
        "Gaussian weights. "
        "z: distance from the median of the kind in robust standard deviations, from 3.5 on; kinds "
        "of fewer than five matrices have none. Nearest: kinds that only one of two models has "
        f"count {MISSING} each. --json has every slice with its tails."
    )


def _range(expected: tuple[float, float]) -> str:
    return f"{expected[0]:.2f}-{expected[1]:.2f}"


def _if_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

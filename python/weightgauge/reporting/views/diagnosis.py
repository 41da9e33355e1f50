"""The page that `weightgauge diagnose` shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from weightgauge.diagnosis.alerts import Alert
from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
from weightgauge.diagnosis.model_diagnosis import Diagnosis
from weightgauge.errors import printable
from weightgauge.fits.slice_fit import slice_name
from weightgauge.reference.nearest import MISSING
from weightgauge.reporting.page import Column, Page
from weightgauge.reporting.views.architecture import architecture_lines

_SHOWN = 12

_Cell = Callable[[KindDiagnosis], str]


def diagnosis_page(page: Page, found: Diagnosis, *, notes: bool = True) -> None:
    """Write a diagnosis for people to read.

    Parameters
    ----------
    page : Page
        Where to.
    found : Diagnosis
        What to show.
    notes : bool
        Whether to explain the tables.
    """
    page.heading(printable(found.model, limit=1000))
    for line in architecture_lines(found.architecture):
        page.prose(line)
    if found.kinds:
        _kinds(page, found)
    _outliers(page, found)
    _training(page, found)
    _nearest(page, found)
    _alerts(page, found.alerts)
    page.heading("Summary")
    for sentence in found.summary:
        page.prose(f"- {sentence}")
    if notes:
        _notes(page, found)


def _kinds(page: Page, found: Diagnosis) -> None:
    kinds = found.kinds
    columns: list[tuple[Column, _Cell]] = [
        (Column("kind"), lambda kind: kind.kind),
        (Column("slices", right=True), lambda kind: f"{kind.slices:,}"),
        (Column("k median", right=True), lambda kind: f"{kind.k_median:.3f}±{kind.k_se:.3f}"),
        (Column("regime"), lambda kind: kind.regime),
        (Column("in class"), lambda kind: kind.verdict),
        (Column("usual", right=True), _range),
        (Column("is usual"), lambda kind: kind.expected_verdict or ""),
        (Column("drift", right=True), lambda kind: _number(kind.drift, "+.1%")),
        (Column("kurtosis", right=True), lambda kind: _number(kind.kurtosis_median, ".1f")),
    ]
    if any(kind.tower for kind in kinds):
        columns.insert(0, (Column("tower"), lambda kind: kind.tower or ""))
    if any(math.isfinite(kind.ln_sigma) for kind in kinds):
        columns += [
            (Column("sigma grew", right=True), lambda kind: _times(kind.ln_sigma)),
            (Column("by lambda", right=True), lambda kind: _number(kind.lambda_share, ".0%")),
        ]
    if any(math.isfinite(kind.k_core_median) for kind in kinds):
        columns += [
            (Column("k balanced", right=True), lambda kind: _number(kind.k_core_median, ".3f")),
            (Column("Gaussian", right=True), lambda kind: _number(kind.k_core_gaussian, ".3f")),
        ]
    page.heading("By kind")
    page.table(
        [column for column, _ in columns], [[cell(kind) for _, cell in columns] for kind in kinds]
    )


def _outliers(page: Page, found: Diagnosis) -> None:
    if not found.outliers:
        return
    page.heading("Matrices that stand out among those of their kind")
    page.table(
        [
            Column("tensor"),
            Column("kind"),
            Column("block", right=True),
            Column("of"),
            Column("value", right=True),
            Column("median", right=True),
            Column("z", right=True),
        ],
        [
            [
                slice_name(each),
                each.kind,
                "" if each.block is None else str(each.block),
                each.quantity,
                f"{each.value:.3f}±{each.se:.3f}",
                f"{each.median:.3f}",
                f"{each.z:+.1f}",
            ]
            for each in found.outliers[:_SHOWN]
        ],
    )
    _more(page, len(found.outliers))


def _training(page: Page, found: Diagnosis) -> None:
    run = found.training
    if run is None:
        return
    page.heading("Training")
    page.line(f"tau = 1/(lr x weight decay) = {run.tau:,.0f} steps; T = {run.steps:,} steps")
    page.line(f"T/tau at the peak learning rate: {run.steps_per_tau:.3f}, {run.state}")
    if run.scheduled_state is not None:
        page.line(
            f"T/tau by the {run.schedule} schedule: {run.scheduled_steps_per_tau:.3f}, "
            f"{run.scheduled_state}"
        )


def _nearest(page: Page, found: Diagnosis) -> None:
    if not found.nearest:
        return
    page.heading("Nearest published models")
    page.line(
        ", ".join(f"{name} {distance:.3f}" for name, distance in found.nearest[:3])
        + " (distance in k)"
    )


def _alerts(page: Page, alerts: Sequence[Alert]) -> None:
    if not alerts:
        return
    page.heading("To look at")
    for alert in alerts[:_SHOWN]:
        page.prose(f"- {alert.message}")
    _more(page, len(alerts))


def _notes(page: Page, found: Diagnosis) -> None:
    page.line("")
    page.prose(
        "In class: whether k lies in the Transmission Class, 1.18 to 1.21, at 95 % confidence for "
        "independent weights; shared row and column scales make the true error larger. Usual: the "
        "range of a dozen published language models with such attention (arXiv:2605.18898), the "
        f"class itself for FFN and o. Drift: since initialisation ({found.start}). Kurtosis: 3 for "
        "Gaussian weights. "
        "z: distance from the median of the kind in robust standard deviations, from 3.5 on; kinds "
        "of fewer than five matrices have none. Nearest: kinds that only one of two models has "
        f"count {MISSING} each. --json has every slice with its tails."
    )


def _more(page: Page, number: int) -> None:
    if number > _SHOWN:
        page.line(f"... and {number - _SHOWN:,} more: --json")


def _range(kind: KindDiagnosis) -> str:
    return "" if kind.expected is None else f"{kind.expected[0]:.2f}-{kind.expected[1]:.2f}"


def _times(logarithm: float) -> str:
    return f"{math.exp(logarithm):.2f} x" if math.isfinite(logarithm) else ""


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else ""

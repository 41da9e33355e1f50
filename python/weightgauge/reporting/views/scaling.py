"""The document of `weightgauge scaling`: runs, laws, and what they prove."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
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

if TYPE_CHECKING:
    from weightgauge.trajectory.law_fits import Law
    from weightgauge.trajectory.laws import Scaling, ScalingRun

_RUNS = (
    Column(key="run", identifies=True, may_shorten=True),
    Column(key="step", form=",", right=True),
    Column(key="optimizer", heading="optimiser", hide_empty=True),
    Column(key="lr", heading="learning rate", form=".3g", right=True, hide_empty=True),
    Column(key="weight_decay", heading="decay", form=".3g", right=True, hide_empty=True),
    Column(key="ratio", heading="sqrt(eta/wd)", form="#.4g", right=True, hide_empty=True),
    Column(key="steps_per_tau", heading="T/tau", form=".3f", right=True, hide_empty=True),
)
_LAWS = (
    Column(key="tower", hide_empty=True, identifies=True),
    Column(key="kind", identifies=True),
    Column(key="n", form=",", right=True),
    Column(key="pearson_r", heading="r", form=".3f", right=True),
    Column(key="pearson_ci", heading="95 %", right=True, follows=True),
    Column(key="slope_origin", heading="slope", form="#.4g", right=True),
    Column(key="r2_origin", heading="R2", form=".2f", right=True),
    Column(key="ols", heading="line"),
    Column(key="exponent", form=".2f", right=True),
    Column(key="error_origin", heading="off", form=".0%", right=True),
    Column(key="error", heading="saturation off", form=".0%", right=True, hide_empty=True),
)
_NOTE = Paragraph(
    "Lambda: median of each kind at the last step of a run; pooled: mean over the attention output "
    "and the feed-forward kinds that all runs have. r: of lambda and sqrt(eta/wd), with its 95 % "
    "interval. Slope: lambda = slope sqrt(eta/wd); R2 against a constant, below 0 where that fits "
    "better. Line: by ordinary least squares. Exponent: 1 where lambda is proportional to "
    "sqrt(eta/wd). Off: root mean square of ln(fitted/measured) of lambda by the proportional law, "
    "and of the weights' root mean square by the saturation law ms_0 exp(-2x) + c^2 eta/(2 wd) "
    "(1 - exp(-2x)), x the sum of eta wd over steps. Runs that differ in more than learning rate "
    "and decay, as in size or data, prove less than their number says. --json has intervals, c "
    "and the saturation law summed over schedules."
)


def scaling_document(found: Scaling) -> Document:
    """Show runs, laws by kind, and what they prove.

    Parameters
    ----------
    found : Scaling
        What to show.
    """
    from weightgauge.trajectory.laws import SCHEMA_VERSION

    asked = sum(run.asked for run in found.runs)
    return Document(
        title="lambda against sqrt(learning rate / weight decay)",
        verdict=f"{asked:,} of {len(found.runs):,} runs are asked",
        sections=tuple(_sections(found)),
        summary=[f"{_name(law)}: {law.proves}" for law in found.laws],
        notes=(_NOTE,) if found.laws else (),
        metadata=metadata(SCHEMA_VERSION),
        data=found.to_dict,
        records=lambda: _records(found),
    )


def _sections(found: Scaling) -> Iterator[Section]:
    why = tuple(
        Paragraph(f"{printable(run.run, limit=1000)} is not asked: {run.reason}.")
        for run in found.runs
        if not run.asked
    )
    yield Section("", (DocumentTable(_RUNS, list(map(_run_row, found.runs))), *why))
    if found.laws:
        yield Section("By kind", (DocumentTable(_LAWS, list(map(_law_row, found.laws))),))
        reasons = dict.fromkeys(
            law.saturation.reason for law in found.laws if law.saturation.reason
        )
        if reasons:
            yield Section("", tuple(Line(f"No saturation law: {reason}.") for reason in reasons))
    elif any(run.asked for run in found.runs):
        yield Section("", (Line("The runs that are asked have no kind of matrix in common."),))


def _run_row(run: ScalingRun) -> dict[str, Any]:
    settings = run.settings
    return {
        "run": printable(run.run, limit=1000),
        "step": run.step,
        "optimizer": settings.optimizer,
        "lr": settings.lr,
        "weight_decay": settings.weight_decay,
        "ratio": run.ratio,
        "steps_per_tau": run.steps_per_tau,
    }


def _law_row(law: Law) -> dict[str, Any]:
    interval = ""
    if math.isfinite(law.pearson_low):
        interval = f"{law.pearson_low:.3f}..{law.pearson_high:.3f}"
    line = ""
    if math.isfinite(law.ols_slope):
        line = f"{law.ols_intercept:#.3g} {law.ols_slope:+#.3g} x"
    names = ("tower", "kind", "n", "pearson_r", "slope_origin", "r2_origin", "exponent")
    return {
        **{name: getattr(law, name) for name in names},
        "pearson_ci": interval,
        "ols": line,
        "error_origin": law.error_origin,
        "error": law.saturation.error,
    }


def _name(law: Law) -> str:
    return law.kind if law.tower is None else f"{law.tower} {law.kind}"


def _records(found: Scaling) -> DocumentTable:
    rows = found.to_dicts()
    return DocumentTable(plain_columns(list(rows[0]) if rows else ("kind",)), rows)

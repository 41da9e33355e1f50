"""The document of `weightgauge scaling`: runs, laws, and what they prove."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Part,
    Section,
    Verbatim,
    metadata,
    plain_columns,
)
from weightgauge.reporting.views.tau import TAU_NOTE
from weightgauge.wording import counted

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
    Column(key="pearson_r", heading="r", form=".3f", right=True, hide_empty=True),
    Column(key="pearson_ci", heading="95 %", right=True, follows=True, hide_empty=True),
    Column(key="slope_origin", heading="slope", form="#.4g", right=True),
    Column(key="r2_origin", heading="R2", form=".2f", right=True, hide_empty=True),
    Column(key="ols", heading="line", hide_empty=True),
    Column(key="exponent", form=".2f", right=True, hide_empty=True),
    Column(key="error_origin", heading="off", form=".0%", right=True),
    Column(key="error", heading="saturation off", form=".0%", right=True, hide_empty=True),
)
_TOML = {"optimizer": '"adamw"', "lr": "3e-4    # at the peak", "weight_decay": "0.1"}
"""What the law cannot do without, as an example of what to write beside a run."""

_NOTE = (
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
    from weightgauge.trajectory.laws import LAW_COLUMNS, SCHEMA_VERSION

    asked = sum(run.asked for run in found.runs)
    return Document(
        title="lambda against sqrt(learning rate / weight decay)",
        sections=(
            Section(
                "",
                (Line(f"the law is asked of {asked:,} of {counted(len(found.runs), 'run')}"),),
            ),
            *_sections(found),
        ),
        summary=list(_summary(found.laws)),
        notes=_notes(found),
        metadata=metadata(SCHEMA_VERSION),
        data=found.to_dict,
        records=lambda: DocumentTable(plain_columns(LAW_COLUMNS), found.to_dicts()),
    )


def _notes(found: Scaling) -> tuple[Paragraph, ...]:
    """Explain the columns that are there."""
    tau = TAU_NOTE if any(run.steps_per_tau >= 0 for run in found.runs) else ""
    text = tau + (_NOTE if found.laws else "")
    return (Paragraph(text.rstrip()),) if text else ()


def _sections(found: Scaling) -> Iterator[Section]:
    runs = DocumentTable(_RUNS, list(map(_run_row, found.runs)))
    yield Section("", (runs, *_not_asked([run for run in found.runs if not run.asked])))
    if found.laws:
        yield Section("By kind", (DocumentTable(_LAWS, list(map(_law_row, found.laws))),))
        reasons = dict.fromkeys(
            law.saturation.reason for law in found.laws if law.saturation.reason
        )
        if reasons:
            yield Section(
                "", tuple(Paragraph(f"No saturation law: {reason}.") for reason in reasons)
            )
    elif any(run.asked for run in found.runs):
        yield Section("", (Line("The runs that are asked have no kind of matrix in common."),))


def _not_asked(left_out: Sequence[ScalingRun]) -> Iterator[Part]:
    """Say once for each reason which runs are left out, and where missing settings are written."""
    from weightgauge.trajectory.asked import missing_for_law

    by_reason: dict[str, list[ScalingRun]] = {}
    for run in left_out:
        by_reason.setdefault(run.reason, []).append(run)
    for reason, alike in by_reason.items():
        names = ", ".join(printable(run.run, limit=1000) for run in alike)
        yield Paragraph(f"{names} {'is' if len(alike) == 1 else 'are'} not asked: {reason}.")
    needed = {name for run in left_out for name in missing_for_law(run.settings)}
    missing = [name for name in _TOML if name in needed]
    if missing:
        yield Paragraph(
            "An option has one value for all runs, or one for each in their order, as in "
            "--weight-decay 0.1,0.5,2. Settings are also read from a file weightgauge.toml in the "
            "folder of each run:"
        )
        yield from (Verbatim(f"    {line}") for line in ("[training]", *map(_setting, missing)))


def _setting(name: str) -> str:
    return f"{name} = {_TOML[name]}"


def _summary(laws: Iterable[Law]) -> Iterator[str]:
    """Say what the runs prove, once for all kinds of which the same is to say."""
    by_sentence: dict[str, list[str]] = {}
    for law in laws:
        by_sentence.setdefault(law.proves, []).append(_name(law))
    for sentence, names in by_sentence.items():
        everything = len(by_sentence) == 1 and len(names) > 1
        yield f"{'all kinds' if everything else ', '.join(names)}: {sentence}"


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

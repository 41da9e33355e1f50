"""The document of `weightgauge track`: the course of k and lambda, and what stands out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.fits.clusters import FEWEST_CLUSTERS
from weightgauge.fits.withheld import CELLS
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Estimate,
    Line,
    Paragraph,
    Part,
    Section,
    Word,
    metadata,
    plain_columns,
)
from weightgauge.reporting.sparkline import sparkline
from weightgauge.reporting.views.tau import TAU_NOTE, states_note
from weightgauge.reporting.views.zeros import zeros_note
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.trajectory.forces import IntervalForces
    from weightgauge.trajectory.progress import StepProgress
    from weightgauge.trajectory.record import Trajectory
    from weightgauge.trajectory.series import KindSeries

_STEPS_SHOWN = 9

_KINDS = (
    Column(key="tower", hide_empty=True, identifies=True),
    Column(key="kind", identifies=True),
    Column(key="k_course", heading="k"),
    Column(key="k_first", heading="first", form=".3f", right=True, follows=True),
    Column(key="k_last", heading="last", form=".3f", right=True, follows=True),
    Column(key="k_change", heading="change", form="+.3f", right=True, follows=True),
    Column(key="onset", form=",", right=True, follows=True),
    Column(key="lambda_course", heading="ln lambda"),
    Column(key="lambda_first", heading="lambda first", form="#.4g", right=True, follows=True),
    Column(key="lambda_last", heading="last", form="#.4g", right=True, follows=True),
    Column(key="lambda_change", heading="ln change", form="+.3f", right=True, follows=True),
    Column(key="levelling", heading="lambda level", drop=1, hide_empty=True),
)
_PROGRESS = (
    Column(key="step", form=",", right=True, identifies=True),
    Column(key="lr", heading="learning rate", form=".3g", right=True, hide_empty=True),
    Column(
        key="steps_per_tau", heading="T/tau at the peak", form=".3f", right=True, hide_empty=True
    ),
    Column(key="state", hide_empty=True),
    Column(
        key="scheduled_steps_per_tau",
        heading="by the schedule",
        form=".3f",
        right=True,
        hide_empty=True,
    ),
    Column(key="scheduled_state", heading="state", hide_empty=True),
)
_FORCES = (
    Column(key="tower", hide_empty=True, identifies=True),
    Column(key="kind", identifies=True),
    Column(key="change", form="+.2f", right=True),
    Column(key="decay", form="+.2f", right=True),
    Column(key="updates", form="+.2f", right=True),
    Column(key="injection", form="+.2f", right=True, hide_empty=True),
    Column(key="alignment", form="+.2f", right=True, hide_empty=True),
    Column(key="closure", heading="up to", form=".2f", right=True),
)


def track_document(found: Trajectory) -> Document:
    """Show a run: the number of findings, a line a kind, how far training came, and the findings.

    Parameters
    ----------
    found : Trajectory
        What to show.
    """
    from weightgauge.trajectory.record import LONG_COLUMNS, SCHEMA_VERSION

    return Document(
        title=found.run,
        sections=(Section("", (_extent(found),)), *_sections(found)),
        findings=found.findings,
        notes=(_note(found),),
        warnings=found.warnings,
        metadata=metadata(SCHEMA_VERSION, run=found.run, zero_handling=found.zero_handling),
        data=found.to_dict,
        records=lambda: DocumentTable(plain_columns(LONG_COLUMNS), found.to_dicts()),
        provenance=lambda: {"protocol": found.protocol},
    )


def _extent(found: Trajectory) -> Line:
    count, first, last = len(found.steps), found.steps[0], found.steps[-1]
    steps = f"step {first:,}" if count == 1 else f"{count:,} steps from {first:,} to {last:,}"
    return Line(f"{steps}, {counted(len(found.slices), 'slice')}")


def _sections(found: Trajectory) -> Iterator[Section]:
    if found.kinds:
        yield Section("By kind", (DocumentTable(_KINDS, list(map(_kind_row, found.kinds))),))
    known = [each for each in found.progress if each.state is not None or math.isfinite(each.lr)]
    training = tuple(_training(found, known))
    if training:
        cut = f", {_STEPS_SHOWN} of {len(known):,} steps" if len(known) > _STEPS_SHOWN else ""
        yield Section(f"Training{cut}", training)
    if found.forces:
        starts = {(kind.tower, kind.kind): _first(kind.mean_square) for kind in found.kinds}
        rows = [_force_row(*key, each, starts[key]) for key, each in found.forces.items()]
        yield Section("What moved the mean square", (DocumentTable(_FORCES, rows),))


def _kind_row(kind: KindSeries) -> dict[str, Any]:
    """Show the course of a kind; a last number is that of the run's last step, or none."""
    from weightgauge.trajectory.levelling import TOO_FEW

    ln_lambda = [math.log(lam) if lam > 0 else math.nan for lam in kind.lam]
    ended = math.isfinite(kind.k[-1])
    nothing = Estimate(math.nan, math.nan)
    state = kind.levelling.state
    level = "norm held constant" if kind.norm_held else state if state != TOO_FEW else None
    change: Estimate | Word = Estimate(kind.dk, kind.dk_se) if ended else nothing
    if kind.withheld is not None:
        change = Word(CELLS[kind.withheld])
    return {
        "tower": kind.tower,
        "kind": kind.kind,
        "k_course": sparkline(kind.k, kind.k_se),
        "k_first": _first(kind.k),
        "k_last": kind.k[-1],
        "k_change": change,
        "onset": kind.onset,
        "lambda_course": sparkline(ln_lambda, kind.ln_lambda_se),
        "lambda_first": _first(kind.lam),
        "lambda_last": kind.lam[-1],
        "lambda_change": Estimate(kind.dln_lambda, kind.dln_lambda_se) if ended else nothing,
        "levelling": level,
    }


def _training(found: Trajectory, known: Sequence[StepProgress]) -> Iterator[Part]:
    if known:
        chosen = known
        if len(known) > _STEPS_SHOWN:
            last = len(known) - 1
            chosen = [known[round(i * last / (_STEPS_SHOWN - 1))] for i in range(_STEPS_SHOWN)]
        yield DocumentTable(_PROGRESS, [each.to_dict() for each in chosen])
    for sentence in found.needs:
        yield Paragraph(sentence)
    if found.settings.optimizer is not None:
        asked = "lambda is to settle in proportion to sqrt(eta/wd)"
        known_law = found.settings.known_optimizer
        why = "" if known_law is None else f" ({known_law.name}: {known_law.reason})"
        yield Paragraph(f"Square-root law: {found.law or asked + why}.")


def _force_row(
    tower: str | None, kind: str, intervals: Sequence[IntervalForces], start: float | None
) -> dict[str, Any]:
    """Sum forces over the run, as shares of the mean square at the start of the run."""
    names = ("change", "decay", "updates", "injection", "alignment")
    sums = {name: math.fsum(getattr(each, name) for each in intervals) for name in names}
    closure = math.fsum(each.closure_error for each in intervals)
    shares = {**sums, "closure": closure}
    scale = start or math.nan
    return {
        "tower": tower,
        "kind": kind,
        **{name: _if_finite(value / scale) for name, value in shares.items()},
    }


def _note(found: Trajectory) -> Paragraph:
    text = zeros_note(found.zero_handling) + (
        "k and lambda are medians over the matrices of a kind; change is that of k and of ln "
        "lambda from the first step to the last, with the standard error that two models would "
        "have. It allows for rows, columns, heads and experts with scales of their own, and is "
        f"uncertain with fewer than {FEWEST_CLUSTERS} heads or experts; that steps share weights "
        "makes the true one smaller ('weightgauge compare' of two steps takes that into account). "
        "Onset: first step from which k stays more than three such "
        "errors from its start. "
        "Lines are drawn over each row's own range, or six standard errors where that is more. "
    )
    if any(each.state is not None for each in found.progress):
        text += TAU_NOTE + states_note()
    if found.forces:
        text += (
            "Mean square: in units of its first value, each force by what it added, so that decay "
            "is negative; decay by the schedule and the mean squares that were measured, updates "
            "the rest, both off by no more than 'up to' where it only grew or only shrank between "
            "steps. "
        )
    return Paragraph(text + "--json and --format csv have every slice at every step.")


def _first(values: Sequence[float]) -> float | None:
    return next((value for value in values if math.isfinite(value)), None)


def _if_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""`weightgauge diagnose`: what the fits of a model mean."""

from __future__ import annotations

import click

from weightgauge.cli.choice import Choice
from weightgauge.cli.failures import unmeasured_told
from weightgauge.cli.options import (
    PATH,
    errors_option,
    kind_option,
    model_argument,
    output_options,
    reading_options,
    selection_options,
    top_option,
    zeros_option,
)
from weightgauge.cli.output import Output


@click.command("diagnose", short_help="Judge a model: regimes, outliers, drift, tails.")
@model_argument
@click.option(
    "--init",
    type=Choice(["normal", "uniform", "truncated normal", "orthogonal"]),
    default="normal",
    show_default=True,
    help="Initialisation that drift is measured from.",
)
@click.option(
    "--baseline",
    metavar="MODEL",
    type=PATH,
    help="The model at step 0: drift is measured from it instead.",
)
@click.option("--lr", metavar="RATE", type=float, help="Peak learning rate of the training.")
@click.option("--weight-decay", metavar="W", type=float, help="Decoupled weight decay.")
@click.option("--steps", metavar="T", type=int, help="Optimiser steps.")
@click.option(
    "--schedule",
    type=Choice(["constant", "cosine", "linear"]),
    help="Learning rate after its peak: as it is, half a cosine to a tenth, a line to zero.",
)
@click.option(
    "--warmup", metavar="T", type=int, default=0, help="Steps of linear warm-up before the peak."
)
@click.option(
    "--balanced",
    is_flag=True,
    help="Also fit with rows and columns brought to equal scale; reads the weights twice more.",
)
@click.option(
    "--spread",
    is_flag=True,
    help="Show how much of the spread of ln |w| comes from rows and columns of unequal scale.",
)
@top_option("Show so many of the matrices that stand out.  [default: 12]")
@kind_option
@zeros_option
@errors_option
@selection_options
@reading_options
@output_options
def command(
    model: str,
    output: Output,
    *,
    init: str,
    baseline: str | None,
    lr: float | None,
    weight_decay: float | None,
    steps: int | None,
    schedule: str | None,
    warmup: int,
    balanced: bool,
    spread: bool,
    top: int | None,
    kinds: tuple[str, ...],
    zeros: str,
    errors: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    threads: int | None,
    io: str,
) -> int:
    """Judge the weights of MODEL: what is usual, what stands out, how far training has come.

    First what is wrong or odd, as 'weightgauge fit' finds it (NaN, zeros, lost parts), and what
    matrices show together: those that stand out, heavy tails, the nearest published models. Then
    what k means in plain words. Then for every kind of matrix: the median shape k beside Gaussian
    weights and beside published models with such attention, its change since initialisation, and
    tails; and T/tau where learning rate, weight decay and steps are given.
    --balanced tells rows and columns of different scale from a heavy-tailed core. MODEL is as for
    'weightgauge fit'.

    \b
    Examples:
      weightgauge diagnose org/name
      weightgauge diagnose ./checkpoint --balanced --json
      weightgauge diagnose ./step-9000 --baseline ./step-0
      weightgauge diagnose org/name --lr 1e-3 --weight-decay 0.01 --steps 143000 --schedule cosine
    """  # noqa: D301
    run = (lr, weight_decay, steps)
    if any(value is not None for value in run) != all(value is not None for value in run):
        raise click.UsageError("--lr, --weight-decay and --steps belong together")
    if lr is None and (schedule is not None or warmup):
        raise click.UsageError("--schedule and --warmup need --lr, --weight-decay and --steps")
    _check_run(lr, weight_decay, steps, schedule, warmup)

    from weightgauge.cli.kinds import diagnosis_of_kinds
    from weightgauge.cli.progress import scan_progress
    from weightgauge.diagnosis.model_diagnosis import diagnose
    from weightgauge.reporting.views.diagnose import OUTLIERS_SHOWN, diagnose_document

    with scan_progress(quiet=output.quiet) as progress:
        found = diagnose(
            model,
            init=init,
            baseline=baseline,
            lr=lr,
            weight_decay=weight_decay,
            steps=steps,
            schedule=schedule,
            warmup=warmup,
            balanced=balanced,
            zeros=zeros,
            errors=errors,
            include=include,
            exclude=exclude,
            threads=threads,
            io=io,
            progress=progress,
        )
    shown = diagnosis_of_kinds(found, kinds)
    document = diagnose_document(shown, spread=spread, top=output.rows(top, OUTLIERS_SHOWN))
    output.write(document, shaping={"--spread": spread, "--top": top})
    return unmeasured_told(found.findings, len({item.tensor for item in found.slices}))


def _check_run(
    lr: float | None,
    weight_decay: float | None,
    steps: int | None,
    schedule: str | None,
    warmup: int,
) -> None:
    """Refuse an impossible training run before anything is read."""
    if lr is None or weight_decay is None or steps is None:
        return
    from weightgauge.diagnosis import training_progress

    try:
        training_progress(lr, weight_decay, steps, schedule=schedule, warmup=warmup)
    except ValueError as error:
        raise click.UsageError(str(error)) from error

"""`weightgauge track`: a run over its steps."""

from __future__ import annotations

from typing import Any

import click

from weightgauge.cli.failures import run_told
from weightgauge.cli.options import (
    PATH,
    check_zeros,
    kind_option,
    output_options,
    per_option,
    protocol_option,
    reading_options,
    selection_options,
    trim_option,
    zeros_option,
)
from weightgauge.cli.output import Output
from weightgauge.cli.run_options import settings_options


@click.command("track", short_help="Follow k and lambda over the steps of a run.")
@click.argument("runs", metavar="RUN...", type=PATH, nargs=-1, required=True)
@click.option(
    "--steps",
    metavar="N,N,...",
    help="Steps of the models in their order, where no name tells them.",
)
@settings_options()
@trim_option
@protocol_option
@kind_option
@zeros_option
@selection_options
@per_option
@reading_options
@output_options
def command(
    runs: tuple[str, ...],
    output: Output,
    *,
    steps: str | None,
    settings: dict[str, Any],
    trim: str,
    protocol: str,
    kinds: tuple[str, ...],
    zeros: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    per: str,
    threads: int | None,
    io: str,
) -> int:
    """Follow the shape k and the scale lambda over the steps of a run.

    RUN is a folder of steps, a glob in quotes, revisions on the Hub by a pattern, or a MODEL as for
    'weightgauge fit'; several make one run. Steps are read off names (checkpoint-500, step500,
    global_step500, iter_0000500, epoch=1-step=500) or the trainer_state.json beside the weights.
    For every kind of matrix: the course of k and of ln lambda, the change since the first step with
    its error, and its onset. What stands out follows: NaN, jumps, matrices that vanish or change,
    steps that cannot be read. T/tau along the run needs its settings, from training_args.json,
    trainer_state.json, the table [training] of a weightgauge.toml in the folder, or options.

    \b
    Examples:
      weightgauge track ./run
      weightgauge track './run/step-*.wghist' --json
      weightgauge track 'org/name@step*' --lr 1e-3 --weight-decay 0.01 --optimizer adamw
      weightgauge track first.safetensors last.safetensors --steps 0,5000
      weightgauge track ./run --format csv -o run.csv
    """  # noqa: D301
    numbers = None if steps is None else step_numbers(steps)
    check_zeros(zeros, protocol)

    from weightgauge.cli.kinds import trajectory_of_kinds
    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.views.track import track_document
    from weightgauge.trajectory.trajectory import track

    with scan_progress(quiet=output.quiet) as progress:
        found = track(
            runs,
            steps=numbers,
            **settings,
            trim=trim,
            protocol=protocol,
            zeros=zeros,
            include=include,
            exclude=exclude,
            per=per,
            threads=threads,
            io=io,
            progress=progress,
        )
    output.write(track_document(trajectory_of_kinds(found, kinds)))
    return run_told(found.findings)


def step_numbers(steps: str) -> list[int]:
    """Read whole numbers with commas between them; any other text is a usage error."""
    try:
        return [int(step) for step in steps.split(",")]
    except ValueError:
        raise click.UsageError(
            f"--steps takes whole numbers, as in 0,500,1000: not {steps}"
        ) from None

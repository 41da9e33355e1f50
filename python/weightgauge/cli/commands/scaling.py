"""`weightgauge scaling`: laws over several runs."""

from __future__ import annotations

from typing import Any

import click

from weightgauge.cli.failures import run_told
from weightgauge.cli.options import PATH, output_options, reading_options, selection_options
from weightgauge.cli.output import Output
from weightgauge.cli.run_options import settings_options


@click.command("scaling", short_help="Set lambda against learning rate and decay over runs.")
@click.argument("runs", metavar="RUN...", type=PATH, nargs=-1, required=True)
@settings_options(for_each_run=True)
@selection_options
@reading_options
@output_options
def command(
    runs: tuple[str, ...],
    output: Output,
    *,
    settings: dict[str, Any],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    threads: int | None,
    io: str,
) -> int:
    """Set lambda against sqrt(learning rate / weight decay) over several runs.

    Each RUN is as for 'weightgauge track'; its last step is read, and step 0 where it has one; the
    exit status is 3 where one cannot be read. For every kind of matrix, and for the mean over
    attention output and feed-forward: correlation with its interval, the proportional law with its
    R2, a line, an exponent, and the saturation law, which knows how far each run came. What so few
    runs prove is said in a sentence. The law is asked only of optimisers for which it follows, such
    as AdamW and Lion. Settings come from each run's own files as for 'weightgauge track'. Options
    override them: one value for all runs, or one for each RUN in their order, separated by commas;
    an empty one leaves what the files say.

    \b
    Examples:
      weightgauge scaling ./wd-0.01 ./wd-0.1 ./wd-1.0
      weightgauge scaling ./lr-* --optimizer adamw --weight-decay 0.1 --json
      weightgauge scaling ./a ./b ./c --optimizer adamw --lr 3e-4 --weight-decay 0.01,0.1,1
    """  # noqa: D301
    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.views.scaling import scaling_document
    from weightgauge.trajectory.laws import scaling

    with scan_progress(quiet=output.quiet) as progress:
        found = scaling(
            runs,
            **settings,
            include=include,
            exclude=exclude,
            threads=threads,
            io=io,
            progress=progress,
        )
    output.write(scaling_document(found))
    return run_told(found.findings)

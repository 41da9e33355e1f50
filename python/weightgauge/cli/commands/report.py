"""`weightgauge report`: a model in pictures, on one page."""

from __future__ import annotations

import os
import shlex
import sys

import click

from weightgauge.cli.failures import PARTIAL, unmeasured_told, unread_told
from weightgauge.cli.options import (
    PATH,
    per_option,
    place_of,
    reading_options,
    saving_options,
    selection_options,
)
from weightgauge.cli.output import Output
from weightgauge.errors import PATH_LIMIT, printable
from weightgauge.reporting.writers.formats import DEFAULT, format_by_suffix

_MANY = "steps of a run that are several paths need a glob in quotes, or a folder that holds them"


@click.command("report", short_help="Show a model in pictures, on one page that opens offline.")
@click.argument("models", metavar="MODEL [OTHER]", type=PATH, nargs=-1, required=True)
@click.option(
    "--run", is_flag=True, help="MODEL is a run, though its folder holds a model as well."
)
@saving_options(
    "FILE.html",
    "Where to, compressed if the name ends in .gz; an existing file is left alone.",
    required=False,
)
@selection_options
@per_option
@reading_options
def command(
    models: tuple[str, ...],
    *,
    run: bool,
    path: str | None,
    force: bool,
    quiet: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    per: str,
    threads: int | None,
    io: str,
) -> int:
    """Show MODEL in pictures, on one page of HTML that opens offline and asks nothing of a network.

    First what is wrong. Then every matrix by block and kind as a heatmap of k, lambda and their
    errors; how they go from block to block; published models beside this one; and a table to search
    and sort. A click on a matrix shows its probability plot, with the fitted line and both tails,
    and its weights beside Gaussian ones. With OTHER, such as a fine-tune of MODEL, both stand side
    by side, with what changed in words. A folder of steps or a glob in quotes is a run, and is
    shown over its steps.

    MODEL is as for 'weightgauge fit'; a .wghist file needs no weights. The page holds no weights,
    but up to 150 points of each distribution. It needs pip install 'weightgauge[report]'.

    \b
    Examples:
      weightgauge report ./checkpoint -o report.html
      weightgauge report org/base org/fine-tune -o changes.html
      weightgauge report './run/step-*.wghist' -o run.html
      weightgauge report org/name --per head -o heads.html
      weightgauge report name.wghist -o report.html --force
    """  # noqa: D301
    if len(models) > 2 or (run and len(models) > 1):
        raise click.UsageError("it shows one model, two models, or one run: " + _MANY)
    path = place_of(path, force=force)
    if path is not None and format_by_suffix(path) != "html":
        shown = printable(path, limit=PATH_LIMIT)
        raise click.UsageError(f"--output {shown}: the name must end in .html, .htm or .html.gz")
    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.document import Document, Line, Section
    from weightgauge.reporting.page.report import report

    output = Output("html", path, force, quiet)
    with output.kept(readable=False), scan_progress(quiet=quiet) as progress:
        made = report(
            *models,
            run=run,
            include=include,
            exclude=exclude,
            per=per,
            threads=threads,
            io=io,
            progress=progress,
            command=shlex.join(["weightgauge", *sys.argv[1:]]),
        )
        output.put(made.html.encode("utf-8", "backslashreplace"))
    if path is not None and not quiet:
        size = os.path.getsize(path) / 1e6
        lines = (Line(made.verdict), Line(f"{printable(path, limit=PATH_LIMIT)}: {size:.1f} MB"))
        told = Document(sections=(Section("", lines),))
        Output(DEFAULT, None, force=False, quiet=False).write(told)
    unread = [each.message for each in made.findings if each.id == "unreadable-step"]
    unread_told(unread)
    return PARTIAL if unread else unmeasured_told(made.findings, made.tensors)

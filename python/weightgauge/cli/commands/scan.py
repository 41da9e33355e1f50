"""`weightgauge scan`: count once, keep the counts."""

from __future__ import annotations

import os

import click

from weightgauge.cli.failures import unmeasured_told
from weightgauge.cli.options import (
    errors_option,
    model_argument,
    per_option,
    reading_options,
    saving_options,
    selection_options,
)
from weightgauge.cli.output import Output, choose_format
from weightgauge.reporting.writers.formats import DEFAULT


@click.command("scan", short_help="Keep the counts of all magnitudes, without the weights.")
@model_argument
@saving_options("FILE.wghist", "Where to; an existing file is left alone.")
@selection_options
@per_option
@errors_option
@reading_options
@click.option("-v", "--verbose", is_flag=True, help="Show all findings.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written as JSON.")
def command(
    model: str,
    *,
    path: str,
    force: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    per: str,
    errors: str,
    threads: int | None,
    io: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Count the magnitudes of every tensor of MODEL and save the counts.

    The file takes the place of MODEL in every other command, and gives the same numbers without the
    weights. The counts of 16-bit weights take about a thousandth of their bytes, those of large F32
    matrices a few per cent, those of small F32 tensors as much as the tensors. What only weights
    tell (single elements that changed, balanced fits, exact sorting of F32) is not in it; fits of
    large F32 matrices by the published protocol are close to those of the weights, to about 1e-4.

    \b
    Examples:
      weightgauge scan org/name -o name.wghist
      weightgauge fit name.wghist
      weightgauge scan ./checkpoint --per head -o heads.wghist
      weightgauge scan ./checkpoint -o counts.wghist --json
    """  # noqa: D301
    from weightgauge.scanning.wghist.file import ENDING

    if not path.lower().endswith(ENDING):
        raise click.UsageError(f"--output {path}: the name must end in {ENDING}")
    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.views.scan import scan_document
    from weightgauge.scanning import scan

    output = Output(DEFAULT, path, force, quiet)
    with output.kept(), scan_progress(quiet=quiet) as progress:
        kept = scan(
            model,
            include=include,
            exclude=exclude,
            per=per,
            errors=errors,
            threads=threads,
            io=io,
            progress=progress,
        )
        output.save(lambda target: kept.save(target, force=force))
    form = choose_format(None, json=as_json, path=None)
    if not quiet or as_json:  # the result is the file
        told = Output(form, None, force=False, quiet=quiet, verbose=verbose)
        told.write(scan_document(kept, path, os.path.getsize(path)))
    return unmeasured_told(kept.findings, len(kept.tensors))

"""`weightgauge fit`: the main job."""

from __future__ import annotations

import click

from weightgauge.choices import PROTOCOLS, TRIMS
from weightgauge.cli.failures import unmeasured_told
from weightgauge.cli.options import (
    model_argument,
    output_options,
    per_option,
    reading_options,
    selection_options,
)
from weightgauge.cli.output import Output


@click.command("fit", short_help="Fit every weight matrix of a checkpoint.")
@model_argument
@click.option(
    "--trim",
    type=click.Choice(list(TRIMS)),
    default="mid_80",
    show_default=True,
    help="Share of the magnitudes that the line is fitted to.",
)
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="order",
    show_default=True,
    help="Exact order statistics, or the 1,024 bins behind published numbers.",
)
@click.option(
    "--exact", is_flag=True, help="Sort F32 and F64 instead of binning them finely; slower."
)
@selection_options
@per_option
@reading_options
@output_options
def command(
    model: str,
    output: Output,
    *,
    trim: str,
    protocol: str,
    exact: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    per: str,
    threads: int | None,
    io: str,
) -> int:
    """Fit a Weibull distribution to the magnitudes of every weight matrix of MODEL.

    MODEL is a safetensors file, a directory, a model on the Hub as org/name[@revision] or
    hf://org/name[@revision], or a .wghist file from 'weightgauge scan'; an existing path wins.
    The result shows the shape k of every matrix by block and kind, and medians by kind. JSON and
    CSV hold all numbers of every tensor. Where a tensor holds several matrices (fused q, k, v; gate
    and up; stacked experts) the whole and each matrix are fitted. FP8 and MXFP4 codes are
    multiplied by their scales on the way; of a LoRA adapter the products B A are fitted too. With
    --per head or --per expert, heads or experts are compared with each other, in standard errors.

    \b
    Examples:
      weightgauge fit model.safetensors
      weightgauge fit org/name@main --format csv -o fit.csv
      weightgauge fit ./checkpoint --include '*.mlp.*' --exclude '*.bias'
      weightgauge fit ./checkpoint --protocol paper --json | jq '.kinds[]'
      weightgauge fit ./checkpoint --per head --format csv -o heads.csv
    """  # noqa: D301
    output.check(model)

    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.views.fit import fit_document
    from weightgauge.scanning import fit

    with scan_progress(quiet=output.quiet) as progress:
        result = fit(
            model,
            trim=trim,
            protocol=protocol,
            exact=exact,
            include=include,
            exclude=exclude,
            per=per,
            threads=threads,
            io=io,
            progress=progress,
        )
    output.write(fit_document(result, per=per))
    return unmeasured_told(result.slices)

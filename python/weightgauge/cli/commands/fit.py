"""`weightgauge fit`: the main job."""

from __future__ import annotations

import click

from weightgauge.cli.failures import unmeasured_told
from weightgauge.cli.options import (
    PATH,
    check_zeros,
    errors_option,
    kind_option,
    output_options,
    per_option,
    protocol_option,
    reading_options,
    selection_options,
    top_option,
    trim_option,
    zeros_option,
)
from weightgauge.cli.output import Output


@click.command("fit", short_help="Fit every weight matrix of a checkpoint.")
@click.argument("models", metavar="MODEL...", type=PATH, nargs=-1, required=True)
@trim_option
@protocol_option
@click.option(
    "--exact", is_flag=True, help="Sort F32 and F64 instead of binning them finely; slower."
)
@zeros_option
@errors_option
@selection_options
@click.option(
    "--map",
    "as_map",
    is_flag=True,
    help="Show k by kind and block as a map: blocks of colour, or letters where there is none.",
)
@top_option("Show the N matrices that are furthest from Gaussian weights, and no others.")
@kind_option
@per_option
@reading_options
@output_options
def command(
    models: tuple[str, ...],
    output: Output,
    *,
    trim: str,
    protocol: str,
    exact: bool,
    zeros: str,
    errors: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    as_map: bool,
    top: int | None,
    kinds: tuple[str, ...],
    per: str,
    threads: int | None,
    io: str,
) -> int:
    """Fit a Weibull distribution to the magnitudes of every weight matrix of each MODEL.

    MODEL is a safetensors file, a directory, a model on the Hub as org/name[@revision] or
    hf://org/name[@revision], or a .wghist file from 'weightgauge scan'; an existing path wins.
    The result shows the shape k of every matrix by block and kind, and medians by kind. JSON and
    CSV hold all numbers of every tensor. Where a tensor holds several matrices (fused q, k, v; gate
    and up; stacked experts) the whole and each matrix are fitted. FP8, MXFP4 and NVFP4 codes are
    multiplied by their scales on the way; of a LoRA adapter the products B A are fitted too. With
    --per head or --per expert, heads or experts are compared with each other, in standard errors.
    Several models are set beside each other by the medians of their kinds; JSON and CSV name the
    model of every row, and its step where its name or its trainer tells one.

    \b
    Examples:
      weightgauge fit model.safetensors
      weightgauge fit org/name@main --format csv -o fit.csv
      weightgauge fit org/name --map
      weightgauge fit org/name --kind q --kind k --top 10
      weightgauge fit ./checkpoint --include '*.mlp.*' --exclude '*.bias'
      weightgauge fit ./checkpoint --protocol paper --json | jq '.kinds[]'
      weightgauge fit ./checkpoint --per head --format csv -o heads.csv
      weightgauge fit org/base org/fine-tune ./merged --format csv -o fits.csv
    """  # noqa: D301
    check_zeros(zeros, protocol)

    from weightgauge.cli.kinds import fit_of_kinds
    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.views.fit import fit_document
    from weightgauge.reporting.views.fit_models import fit_models_document
    from weightgauge.scanning import fit

    with scan_progress(quiet=output.quiet) as progress:
        results = [
            fit(
                model,
                trim=trim,
                protocol=protocol,
                exact=exact,
                zeros=zeros,
                errors=errors,
                include=include,
                exclude=exclude,
                per=per,
                threads=threads,
                io=io,
                progress=progress,
            )
            for model in models
        ]
    shown = [fit_of_kinds(result, kinds) for result in results]
    if len(shown) == 1:
        document = fit_document(shown[0], per=per, as_map=as_map, top=top)
    else:
        document = fit_models_document(models, shown, as_map=as_map, top=top)
    output.write(document, shaping={"--map": as_map, "--top": top})
    return max(
        unmeasured_told(result.findings, len(set(result.columns.tensors))) for result in results
    )

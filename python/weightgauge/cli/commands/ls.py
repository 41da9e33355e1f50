"""`weightgauge ls`: what is in a checkpoint, without reading a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weightgauge.cli.options import model_argument, output_options
from weightgauge.cli.output import Output

if TYPE_CHECKING:
    from weightgauge.reporting.views.ls import Content


@click.command("ls", short_help="List the tensors of a checkpoint and what they are.")
@model_argument
@output_options
def command(model: str, output: Output) -> None:
    """List the tensors of MODEL with their kind, block, dtype, shape and size.

    Below, a line for each tower tells heads, experts and how q, k and v are stored, as far as
    config.json and shapes say. Only headers are read. A matrix whose name is in no table of known
    models is of the kind 'other'; it is fitted like all, but never counted into another kind.

    \b
    Examples:
      weightgauge ls model.safetensors
      weightgauge ls org/name --format csv -o tensors.csv
      weightgauge ls ./checkpoint --json | jq '.totals'
    """  # noqa: D301
    output.check(model)

    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.views.ls import ls_document

    with scan_progress(quiet=output.quiet):
        content = _content(model)
    output.write(ls_document(content))


def _content(model: str) -> Content:
    from weightgauge.anatomy.inventory import inventory
    from weightgauge.anatomy.survey import survey
    from weightgauge.findings import serious
    from weightgauge.reporting.views.ls import Content
    from weightgauge.scanning import ModelHistograms, open_any

    opened = open_any(model)
    if isinstance(opened, ModelHistograms):
        return Content(
            opened.model,
            opened.tensors,
            opened.files,
            opened.architecture,
            (*serious(opened.findings), *opened.warnings),
        )
    known = survey(opened)
    return Content(
        opened.model,
        inventory(opened, known),
        opened.files,
        known.architecture,
        (*serious(opened.findings), *known.warnings),
    )

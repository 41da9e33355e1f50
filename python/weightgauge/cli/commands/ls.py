"""`weightgauge ls`: what is in a checkpoint, without reading a weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from weightgauge.anatomy.components import KINDS
from weightgauge.cli.choice import Choice
from weightgauge.cli.options import (
    model_argument,
    output_options,
    selection_options,
    top_option,
)
from weightgauge.cli.output import Output

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo
    from weightgauge.findings import Finding
    from weightgauge.records import Table
    from weightgauge.reporting.views.ls import Content


@click.command("ls", short_help="List the tensors of a checkpoint and what they are.")
@model_argument
@selection_options
@click.option(
    "--kind",
    "kinds",
    metavar="KIND",
    type=Choice(KINDS),
    multiple=True,
    help="Only tensors of this kind (q, gate, norm, ...); may be given more than once.",
)
@top_option("Show the N largest tensors only.")
@output_options
def command(
    model: str,
    output: Output,
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    kinds: tuple[str, ...],
    top: int | None,
) -> None:
    """List the tensors of MODEL with their kind, block, dtype, shape and size.

    Below, a line for each tower tells heads, experts and how q, k and v are stored, as far as
    config.json and shapes say, and what the header says of itself (__metadata__). Only headers are
    read. A matrix whose name is in no table of known
    models is of the kind 'other'; it is fitted like all, but never counted into another kind.

    \b
    Examples:
      weightgauge ls model.safetensors
      weightgauge ls org/name --kind q --kind k
      weightgauge ls org/name --format csv -o tensors.csv
      weightgauge ls ./checkpoint --json | jq '.totals'
    """  # noqa: D301
    from weightgauge.cli.progress import scan_progress
    from weightgauge.reporting.views.ls import ls_document

    with scan_progress(quiet=output.quiet):
        content = _content(model, include, exclude, kinds)
    output.write(ls_document(content, top=top), shaping={"--top": top})


def _content(
    model: str, include: tuple[str, ...], exclude: tuple[str, ...], kinds: tuple[str, ...]
) -> Content:
    from weightgauge.anatomy.inventory import inventory
    from weightgauge.anatomy.selection import choose
    from weightgauge.anatomy.survey import survey
    from weightgauge.reporting.views.ls import Content
    from weightgauge.scanning import ModelHistograms, open_any

    opened = open_any(model)
    if isinstance(opened, ModelHistograms):
        kept = opened.only(include=include, exclude=exclude, per=opened.per)
        return Content(
            kept.model,
            _of_kinds(kept.tensors, kinds),
            kept.files,
            kept.architecture,
            kept.warnings,
            kept.findings,
        )
    chosen, unmatched = choose(opened.tensors, include=include, exclude=exclude)
    known = survey(opened)
    return Content(
        opened.model,
        _of_kinds(inventory(opened, known, chosen), kinds),
        opened.files,
        known.architecture,
        tuple(unmatched),
        _of_headers((*opened.findings, *known.findings), chosen),
        opened.metadata,
    )


def _of_headers(findings: Sequence[Finding], chosen: Sequence[TensorInfo]) -> Table[Finding]:
    """Leave what files and headers show of the whole and of the chosen tensors, in one order."""
    from weightgauge.checkpoint.tensors import Tensors
    from weightgauge.findings import by_importance

    about = {each.tensor for each in findings if each.tensor is not None}
    about.intersection_update(Tensors.of(chosen).names if about else ())
    return by_importance(each for each in findings if each.tensor is None or each.tensor in about)


def _of_kinds(rows: Sequence[dict[str, Any]], kinds: tuple[str, ...]) -> Sequence[dict[str, Any]]:
    from weightgauge.cli.kinds import refuse_none

    if not kinds:
        return rows
    found = [row for row in rows if row["kind"] in kinds]
    refuse_none(found, kinds, len(rows), "tensor")
    return found

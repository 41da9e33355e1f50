"""`weightgauge ls`: what is in a checkpoint, without reading a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from weightgauge.cli.options import model_argument, output_options
from weightgauge.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from weightgauge.architecture import Architecture
    from weightgauge.checkpoint import Checkpoint
    from weightgauge.survey import Survey

_FIELDS = ("tensor", "kind", "block", "tower", "expert", "dtype", "shape", "bytes", "storage")


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

    from weightgauge.checkpoint import open_checkpoint
    from weightgauge.cli.progress import scan_progress
    from weightgauge.survey import survey

    with scan_progress(quiet=output.quiet):
        checkpoint = open_checkpoint(model)
    known = survey(checkpoint)
    rows = _rows(checkpoint, known)
    totals = {
        "tensors": len(rows),
        "elements": sum(tensor.size for tensor in checkpoint.tensors),
        "bytes": sum(tensor.nbytes for tensor in checkpoint.tensors),
        "files": len(checkpoint.shards),
    }
    output.write(_text(checkpoint.model, rows, totals, known.architecture, output))
    output.warn(*checkpoint.warnings, *known.warnings)


def _rows(checkpoint: Checkpoint, known: Survey) -> list[dict[str, Any]]:
    return [
        {
            "tensor": tensor.name,
            "kind": place.kind,
            "block": place.block,
            "tower": place.tower,
            "expert": place.expert,
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "bytes": tensor.nbytes,
            "storage": known.storage.note(tensor.name) or None,
        }
        for tensor in checkpoint.tensors
        for place in [known.places[tensor.name]]
    ]


def _text(
    model: str,
    rows: list[dict[str, Any]],
    totals: dict[str, int],
    architecture: Architecture,
    output: Output,
) -> str:
    from weightgauge.cli.data import csv_text, json_text

    if output.format == "csv":
        return csv_text(_FIELDS, rows)
    if output.format == "json":
        from weightgauge import __version__

        head = {"schema_version": 1, "weightgauge": __version__, "model": model}
        facts = {"architecture": architecture.to_dict()}
        return json_text({**head, **facts, "tensors": rows, "totals": totals})
    return _human(model, rows, totals, architecture, output)


def _human(
    model: str,
    rows: list[dict[str, Any]],
    totals: dict[str, int],
    architecture: Architecture,
    output: Output,
) -> str:
    from weightgauge.cli.architecture_view import architecture_lines
    from weightgauge.cli.data import shape_text
    from weightgauge.cli.page import Column
    from weightgauge.errors import printable

    # Towers, experts and odd storage are shown where there are any.
    optional = ("tower", "expert", "storage")
    fields = [
        field
        for field in _FIELDS
        if field not in optional or any(row[field] is not None for row in rows)
    ]
    spelled: dict[str, Callable[[Any], str]] = {
        "tensor": printable,
        "shape": shape_text,
        "bytes": "{:,}".format,
    }

    def cell(row: dict[str, Any], field: str) -> str:
        value = row[field]
        return "" if value is None else spelled.get(field, str)(value)

    page = output.page()
    page.heading(printable(model, limit=1000))
    page.table(
        [Column(field, right=field in ("block", "expert", "bytes")) for field in fields],
        [[cell(row, field) for field in fields] for row in rows],
    )
    page.line("")
    for line in architecture_lines(architecture):
        page.prose(line)
    files = "1 file" if totals["files"] == 1 else f"{totals['files']:,} files"
    page.line(
        f"{totals['tensors']:,} tensors, {totals['elements']:,} elements, "
        f"{totals['bytes']:,} bytes in {files}"
    )
    return page.text()

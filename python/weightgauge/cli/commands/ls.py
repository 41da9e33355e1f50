"""`weightgauge ls`: what is in a checkpoint, without reading a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from weightgauge.cli.options import model_argument, output_options
from weightgauge.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from weightgauge.anatomy.architecture import Architecture


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

    with scan_progress(quiet=output.quiet):
        content = _content(model)
    output.write(_text(content, output))
    output.warn(*content.warnings)


class _Content(NamedTuple):
    """What there is to show."""

    model: str
    rows: Sequence[dict[str, Any]]
    files: int
    architecture: Architecture
    warnings: tuple[str, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Sums over all tensors."""
        return {
            "tensors": len(self.rows),
            "elements": sum(math.prod(row["shape"]) for row in self.rows),
            "bytes": sum(row["bytes"] for row in self.rows),
            "files": self.files,
        }


def _content(model: str) -> _Content:
    from weightgauge.anatomy.inventory import inventory
    from weightgauge.anatomy.survey import survey
    from weightgauge.scanning import ModelHistograms, open_any

    opened = open_any(model)
    if isinstance(opened, ModelHistograms):
        return _Content(
            opened.model, opened.tensors, opened.files, opened.architecture, opened.warnings
        )
    known = survey(opened)
    return _Content(
        opened.model,
        inventory(opened, known),
        len(opened.shards),
        known.architecture,
        (*opened.warnings, *known.warnings),
    )


def _text(content: _Content, output: Output) -> str:
    from weightgauge.anatomy.inventory import FIELDS
    from weightgauge.reporting.data import csv_text, json_text

    if output.format == "csv":
        return csv_text(FIELDS, content.rows)
    if output.format == "json":
        from weightgauge._version import __version__

        head = {"schema_version": 1, "weightgauge": __version__, "model": content.model}
        facts = {"architecture": content.architecture.to_dict()}
        tables = {"tensors": list(content.rows), "totals": content.totals}
        return json_text({**head, **facts, **tables})
    return _human(content, output)


def _human(content: _Content, output: Output) -> str:
    from weightgauge.anatomy.inventory import FIELDS
    from weightgauge.errors import printable
    from weightgauge.reporting.data import shape_text
    from weightgauge.reporting.page import Column
    from weightgauge.reporting.views.architecture import architecture_lines

    rows, totals = content.rows, content.totals
    # Towers, experts and odd storage are shown where there are any.
    optional = ("tower", "expert", "storage")
    fields = [
        field
        for field in FIELDS
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
    page.heading(printable(content.model, limit=1000))
    page.table(
        [Column(field, right=field in ("block", "expert", "bytes")) for field in fields],
        [[cell(row, field) for field in fields] for row in rows],
    )
    page.line("")
    for line in architecture_lines(content.architecture):
        page.prose(line)
    files = "1 file" if totals["files"] == 1 else f"{totals['files']:,} files"
    page.line(
        f"{totals['tensors']:,} tensors, {totals['elements']:,} elements, "
        f"{totals['bytes']:,} bytes in {files}"
    )
    return page.text()

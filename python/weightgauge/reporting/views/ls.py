"""The document of `weightgauge ls`: the tensors of a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.errors import printable
from weightgauge.findings import Finding
from weightgauge.records import Table
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Section,
    metadata,
)
from weightgauge.reporting.values import shape_text
from weightgauge.reporting.views.architecture import architecture_lines
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.anatomy.architecture import Architecture

# The columns of blocks and experts are dropped first, because these numbers are in the name too.
_COLUMNS = (
    Column(key="tensor", form=printable, identifies=True, may_shorten=True),
    Column(key="kind", drop=6),
    Column(key="block", right=True, drop=4),
    Column(key="tower", hide_empty=True, drop=2),
    Column(key="expert", right=True, hide_empty=True, drop=3),
    Column(key="dtype", drop=5),
    Column(key="shape", form=shape_text),
    Column(key="bytes", form=",", right=True, drop=7),
    Column(key="storage", hide_empty=True, may_wrap=True, drop=1),
    Column(key="digest", hide_empty=True, drop=0),
)


_ENTRIES_SHOWN = 12
_ENTRY_SHOWN = 60


class Content(NamedTuple):
    """The contents of a checkpoint, or of saved histograms.

    Attributes
    ----------
    model : str
        The model as the caller named it.
    rows : sequence of dict
        One for each tensor: see `weightgauge.anatomy.inventory`.
    files : int
        How many files hold them.
    architecture : Architecture
        Facts about each tower.
    warnings : tuple of str
        Oddities of the tensors.
    findings : Table of Finding
        What files, indexes and configurations show.
    header : mapping of str to str
        The ``__metadata__`` of the headers.
    """

    model: str
    rows: Sequence[dict[str, Any]]
    files: int
    architecture: Architecture
    warnings: tuple[str, ...]
    findings: Table[Finding]
    header: Mapping[str, str] = MappingProxyType({})


def ls_document(content: Content, *, top: int | None = None) -> Document:
    """List the tensors of a checkpoint, and what is known of its architecture.

    Parameters
    ----------
    content : Content
        What there is.
    top : int or None
        Show so many of the largest tensors; None for all in their order.
    """
    from weightgauge.trajectory.candidates import step_of_model

    table = DocumentTable(_COLUMNS, content.rows)
    totals = {
        "tensors": len(content.rows),
        "elements": sum(map(math.prod, table.column("shape"))),
        "bytes": sum(table.column("bytes")),
        "files": content.files,
    }
    sums = (
        f"{counted(totals['tensors'], 'tensor')}, {counted(totals['elements'], 'element')}, "
        f"{counted(totals['bytes'], 'byte')} in {counted(content.files, 'file')}"
    )
    architecture = map(Paragraph, architecture_lines(content.architecture, content.findings))
    return Document(
        title=printable(content.model, limit=1000),
        sections=(
            Section("", (_largest(table, top),)),
            *_header_shown(content.header),
            Section("", (*architecture, Line(sums))),
        ),
        warnings=content.warnings,
        aside=content.findings,
        metadata=metadata(1, model=content.model),
        data=lambda: {
            "architecture": content.architecture.to_dict(),
            "metadata": dict(content.header),
            "findings": content.findings.to_dicts(),
            "warnings": list(content.warnings),
            "tensors": content.rows,
            "totals": totals,
        },
        records=lambda: table,
        provenance=lambda: {"model": content.model, "step": step_of_model(content.model)},
    )


def _largest(table: DocumentTable, top: int | None) -> DocumentTable:
    if top is None:
        return table
    return DocumentTable(table.columns, sorted(table.rows, key=lambda row: -row["bytes"])[:top])


def _header_shown(header: Mapping[str, str]) -> list[Section]:
    """Show the beginning of what a header says of itself, a line an entry."""
    lines = [
        Line(f"{printable(key, limit=_ENTRY_SHOWN)}: {printable(value, limit=_ENTRY_SHOWN)}")
        for key, value in list(header.items())[:_ENTRIES_SHOWN]
    ]
    rest = len(header) - _ENTRIES_SHOWN
    if rest > 0:
        lines.append(Line(f"... and {rest:,} more: --json"))
    return [Section("__metadata__ of the header", tuple(lines))] if lines else []

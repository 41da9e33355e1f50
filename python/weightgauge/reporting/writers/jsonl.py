"""Records of a document as JSON lines: one object for each row, with the names of its columns."""

from __future__ import annotations

import json
from collections.abc import Iterator

from weightgauge.columnar import ColumnarRows
from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.json import record_lines
from weightgauge.reporting.writers.medium import Medium


def write(document: Document, medium: Medium) -> str:
    """Return the records of a document as JSON lines, in nothing but ASCII.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to, which makes no difference.
    """
    return "".join(pieces(document, medium))


def pieces(document: Document, medium: Medium) -> Iterator[str]:
    """Yield what `write` returns, piece by piece."""
    del medium
    table = document.table()
    keys = [column.key for column in table.columns]
    if isinstance(table.rows, ColumnarRows):
        for part in table.rows.parts():
            yield record_lines(part, keys, "\n")
        return
    rows = ({key: row[key] for key in keys} for row in table.rows)
    yield "".join(f"{json.dumps(row, allow_nan=False)}\n" for row in rows)

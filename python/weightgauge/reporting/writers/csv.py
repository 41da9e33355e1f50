"""Documents as CSV: exact numbers, and names that are harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from weightgauge.columnar import ColumnarRows
from weightgauge.errors import printable
from weightgauge.reporting.document import Document, DocumentTable
from weightgauge.reporting.values import shape_text
from weightgauge.reporting.writers.cells import column_texts
from weightgauge.reporting.writers.medium import Medium

# A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection"). Some
# treat the full-width forms like the plain characters.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write(document: Document, medium: Medium) -> str:
    """Return the records of a document as CSV.

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
    return separated_pieces(document.table(), ",")


def csv_text(table: DocumentTable) -> str:
    """Return rows as CSV with a header; None becomes an empty field, a shape 384x1536."""
    return "".join(separated_pieces(table, ","))


def separated_pieces(table: DocumentTable, separator: str) -> Iterator[str]:
    """Yield rows as lines of values with this between them; see `csv_text`."""
    keys = [column.key for column in table.columns]
    yield _lines([keys], separator)
    if isinstance(table.rows, ColumnarRows):
        for part in table.rows.parts():
            columns = [column_texts(part.column(key), _text, inert, missing="") for key in keys]
            yield _joined(columns, separator)
    else:
        yield _lines(([_cell(row[key]) for key in keys] for row in table.rows), separator)


def _joined(columns: Sequence[Sequence[str]], separator: str) -> str:
    """Return what `_lines` makes of rows that are given by their columns.

    Most tables have no cell that needs quotation marks. Then lines are cells with a separator
    between them, and nothing else has one, which is seen sooner than each cell is looked at.
    """
    lines = [separator.join(row) for row in zip(*columns, strict=True)]
    text = "\n".join([*lines, ""])
    as_meant = text.count(separator) == len(lines) * (len(columns) - 1)
    as_meant = as_meant and text.count("\n") == len(lines) and '"' not in text
    if as_meant and len(columns) > 1:
        return text
    return _lines(zip(*columns, strict=True), separator)


def _lines(rows: Iterable[Iterable[Any]], separator: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue()


def inert(text: str) -> str:
    """Make a foreign string harmless in a cell of a spreadsheet, and on a terminal.

    Control and invisible characters become escapes. A string that would be taken for a formula
    gets an apostrophe in front.
    """
    shown = printable(text, limit=10 * len(text) + 80)  # long enough to shorten nothing
    return f"'{shown}" if text.startswith(_FORMULA_STARTS) else shown


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return shape_text(value)
    if isinstance(value, int | float):
        return value
    return inert(value)


def _text(value: Any) -> str:
    """Return what the writer makes of a cell; numbers as they are written exactly."""
    return str(_cell(value))

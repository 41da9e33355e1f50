"""Documents as CSV: exact numbers, and names that are harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

from weightgauge.errors import printable
from weightgauge.reporting.document import Document, DocumentTable
from weightgauge.reporting.values import shape_text
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
    return csv_text(document.table())


def csv_text(table: DocumentTable) -> str:
    """Return rows as CSV with a header; None becomes an empty field, a shape 384x1536."""
    return separated_text(table, ",")


def separated_text(table: DocumentTable, separator: str) -> str:
    """Return rows as lines of values with this between them; see `csv_text`."""
    keys = [column.key for column in table.columns]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(keys)
    for row in table.rows:
        writer.writerow([_cell(row[key]) for key in keys])
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
    if isinstance(value, list):
        return shape_text(value)
    if isinstance(value, int | float):
        return value
    return inert(value)

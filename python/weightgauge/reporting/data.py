"""Results for programs: JSON and CSV that stay just that, whatever a checkpoint holds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weightgauge.errors import printable

# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), with the full-width
# forms that some of them take for the same characters.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def json_text(document: Mapping[str, Any]) -> str:
    """Return a document as JSON, one line for each record of its lists.

    Only ASCII is written: control and bidirectional characters of names appear as escapes. NaN
    and infinities, which JSON does not have, are an error: they have to be None before.
    """
    members = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            records = ",\n    ".join(_json(record) for record in value)
            members.append(f"  {_json(key)}: [\n    {records}\n  ]")
        else:
            members.append(f"  {_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(members) + "\n}\n"


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header; None is an empty field, a shape is written 384x1536."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return text.getvalue()


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as 384x1536; a scalar has none."""
    return "x".join(map(str, shape))


def inert(text: str) -> str:
    """Make a foreign string harmless in a cell of a spreadsheet, and on a terminal that shows it.

    Control and invisible characters become escapes. A string that would be taken for a formula
    gets an apostrophe in front.
    """
    shown = printable(text, limit=10 * len(text) + 80)  # as long as it has to be
    return f"'{shown}" if text.startswith(_FORMULA_STARTS) else shown


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, list):
        return shape_text(value)
    if isinstance(value, int | float):
        return value
    return inert(value)


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)

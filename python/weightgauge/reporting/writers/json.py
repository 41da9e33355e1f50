"""Documents as JSON: one line for each record, exact numbers, and nothing but ASCII."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

from weightgauge.columnar import ColumnarRows
from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.cells import column_texts, interleaved, opened
from weightgauge.reporting.writers.medium import Medium


def write(document: Document, medium: Medium) -> str:
    """Return the metadata and data of a document as JSON.

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
    return json_pieces({**document.metadata, **document.data()})


def json_text(data: Mapping[str, Any]) -> str:
    """Return what `json_pieces` yields as one text."""
    return "".join(json_pieces(data))


def json_pieces(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield plain values as JSON, one line for each record of their lists.

    Only ASCII is written: control and bidirectional characters of names appear as escapes. JSON has
    no NaN and no infinities. They are an error here; callers pass None instead.
    """
    between = "{\n"
    for key, value in data.items():
        rows = isinstance(value, Sequence) and not isinstance(value, str)
        if rows and value and isinstance(value[0], dict):
            yield f"{between}  {_json(key)}: [\n    "
            yield from _records(value)
            yield "\n  ]"
        else:
            yield f"{between}  {_json(key)}: {_json(value)}"
        between = ",\n"
    yield "\n}\n" if data else "{\n\n}\n"


def _records(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a list of records, with a new line between two of them."""
    if not isinstance(rows, ColumnarRows):
        yield ",\n    ".join(map(_json, rows))
        return
    for number, part in enumerate(rows.parts()):
        yield (",\n    " if number else "") + ",\n    ".join(record_lines(part, part.names))


def record_lines(rows: ColumnarRows, names: Sequence[str]) -> Iterable[str]:
    """Return each row as one line of JSON, with the values of some names."""
    columns = (
        column_texts(rows.column(name), _json, encode_basestring_ascii, missing="null")
        for name in names
    )
    return interleaved(opened([f"{_json(name)}: " for name in names]), columns)


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)

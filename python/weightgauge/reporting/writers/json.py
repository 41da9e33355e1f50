"""Documents as JSON: one line for each record, exact numbers, and nothing but ASCII."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from json.encoder import encode_basestring_ascii
from typing import Any

from weightgauge.columnar import ColumnarRows
from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.cells import column_texts, interleaved, opened
from weightgauge.reporting.writers.medium import Medium

_BETWEEN = ",\n    "
"""What stands between two records."""


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
            plain = list(value) if isinstance(value, ColumnarRows) else value
            yield f"{between}  {_json(key)}: {_json(plain)}"
        between = ",\n"
    yield "\n}\n" if data else "{\n\n}\n"


def _records(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a list of records, with a new line between two of them."""
    if not isinstance(rows, ColumnarRows):
        yield _BETWEEN.join(map(_json, rows))
        return
    before = ""
    for part in rows.parts():
        yield before + record_lines(part, part.names, _BETWEEN).removesuffix(_BETWEEN)
        before = _BETWEEN


def record_lines(rows: ColumnarRows, names: Sequence[str], behind: str) -> str:
    """Return each row as an object of JSON, with the values of some names, and a text behind it."""
    columns = (
        column_texts(rows.column(name), _text, encode_basestring_ascii, missing="null")
        for name in names
    )
    fixed = opened([f"{_json(name)}: " for name in names], behind)
    return "".join(chain.from_iterable(interleaved(fixed, columns)))


def _text(value: Any) -> str:
    return str(value) if type(value) is int else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)

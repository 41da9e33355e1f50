"""Columns of plain values as the texts of their cells, for forms with one line for each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weightgauge.columnar import ColumnarRecords


def column_texts(
    column: Sequence[Any], text_of: Callable[[Any], str], *, missing: str
) -> Sequence[str]:
    """Return the text of each value of a column.

    Parameters
    ----------
    column : sequence, array or ColumnarRecords
        As `weightgauge.columnar.ColumnarRows.column` gives it.
    text_of : callable
        Returns the text of any plain value. Of equal values it is asked once.
    missing : str
        The text for numbers that are missing.
    """
    made: Any = column
    if isinstance(made, ColumnarRecords):
        return _record_texts(made, text_of, missing)
    if hasattr(made, "dtype"):
        return _number_texts(made, text_of, missing)
    known: dict[Any, str] = {}
    texts = []
    for value in column:
        if isinstance(value, float):  # 0.0 equals -0.0
            texts.append(text_of(value))
            continue
        key = (value.__class__, value)  # 1 equals True, and is written in another way
        text = known.get(key)
        if text is None:
            text = known[key] = text_of(value)
        texts.append(text)
    return texts


def _number_texts(values: Any, text_of: Callable[[Any], str], missing: str) -> Sequence[str]:
    if values.dtype.kind == "f":
        from weightgauge import _core

        return _core.number_texts(values, missing)
    if len(values) and (values == values[0]).all():
        return (text_of(values[0].item()),) * len(values)
    return list(map(text_of, values.tolist()))


def _record_texts(
    records: ColumnarRecords, text_of: Callable[[Any], str], missing: str
) -> Sequence[str]:
    if not any(records.there):
        return (missing,) * len(records)
    members = [column_texts(member, text_of, missing=missing) for member in records.members]
    pattern = ", ".join(f"{text_of(name)}: %s" for name in records.names)
    return [
        f"{{{pattern % row}}}" if there else missing
        for there, row in zip(records.there, zip(*members, strict=True), strict=True)
    ]

"""Columns of plain values as the texts of their cells, for forms with one line for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

from weightgauge.columnar import ColumnarRecords

_COMPARED = frozenset((str, tuple, int, type(None)))
"""Types of values that have one text where they are equal. 0.0 equals -0.0, and 1 equals True."""


def column_texts(
    column: Sequence[Any],
    text_of: Callable[[Any], str],
    word_of: Callable[[str], str],
    *,
    missing: str,
) -> Sequence[str]:
    """Return the text of each value of a column.

    Parameters
    ----------
    column : sequence, array or ColumnarRecords
        As `weightgauge.columnar.ColumnarRows.column` gives it.
    text_of : callable
        Returns the text of any plain value. Of equal values it is asked once.
    word_of : callable
        Returns the text of a word, as `text_of` does.
    missing : str
        The text for numbers that are missing.
    """
    made: Any = column
    if isinstance(made, ColumnarRecords):
        return _record_texts(made, word_of, missing)
    if hasattr(made, "dtype"):
        return _number_texts(made, missing)
    first = column[0] if column else None
    if (first is None or isinstance(first, str)) and column.count(first) == len(column):
        return (text_of(first),) * len(column)
    types = set(map(type, column))
    if types == {str} and len(set(column)) > len(column) // 2:
        return list(map(word_of, column))
    if not types <= _COMPARED:
        return list(map(text_of, column))
    known = {value: text_of(value) for value in set(column)}
    return list(map(known.__getitem__, column))


def interleaved(
    fixed: Sequence[str], columns: Iterable[Sequence[str]]
) -> Iterator[tuple[str, ...]]:
    """Yield the pieces of a text for each row: what is fixed, and the cells of the row in between.

    Parameters
    ----------
    fixed : sequence of str
        What stands before the first cell, between each two and behind the last.
    columns : iterable of sequence of str
        The cells.

    Examples
    --------
    >>> ["".join(row) for row in interleaved("<->", [["a", "b"], ["c", "d"]])]
    ['<a-c>', '<b-d>']
    """
    pieces: list[Iterable[str]] = []
    for before, cells in zip(fixed, columns, strict=False):
        pieces += [repeat(before), cells]
    return zip(*pieces, repeat(fixed[-1]), strict=False)


def _number_texts(values: Any, missing: str) -> Sequence[str]:
    if values.dtype.kind == "f":
        from weightgauge import _core

        return _core.number_texts(values, missing)
    if len(values) and (values == values[0]).all():
        return (str(values[0]),) * len(values)
    return list(map(str, values.tolist()))


def _record_texts(
    records: ColumnarRecords, word_of: Callable[[str], str], missing: str
) -> Sequence[str]:
    if not any(records.there):
        return (missing,) * len(records)
    members = [_number_texts(member, missing) for member in records.members]
    fixed = opened([f"{word_of(name)}: " for name in records.names])
    rows = zip(records.there, interleaved(fixed, members), strict=True)
    return ["".join(pieces) if there else missing for there, pieces in rows]


def opened(keys: Sequence[str], behind: str = "") -> list[str]:
    """Return what stands before, between and behind the values of an object of JSON."""
    return [*(f"{', ' if place else '{'}{key}" for place, key in enumerate(keys)), f"}}{behind}"]

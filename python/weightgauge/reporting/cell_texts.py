"""The texts that the cells of a column show, of few rows or of very many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from weightgauge.categorical import Categorical
from weightgauge.columnar import ColumnarRows, plain_values, spans

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightgauge.reporting.document import Column

_MOST_HELD = 10_000
"""Rows of a table each of whose texts may be an object, which takes 50 bytes and more."""

_REPEATED = frozenset((str, int, tuple, type(None)))
"""Types of values that are often the same in many rows."""

_PRINTED = re.compile(r"[+#]*\.[0-9]+[fg]")
"""Forms that the operator `%` knows by the same letters."""

_END = "\n"


class LongTexts:
    """The texts of a column of very many rows, each made when somebody first comes to it.

    They are gone through twice: once for the width of the column, once to be written. In between
    some thousand are kept as one text, in a byte for each character.

    Parameters
    ----------
    column : Column
        Says how values are shown.
    rows : ColumnarRows
        The rows.
    """

    def __init__(self, column: Column, rows: ColumnarRows) -> None:
        self._column = column
        self._rows = rows
        self._kept: dict[int, str] = {}

    def batches(self) -> Iterator[Sequence[str]]:
        """Yield the texts as `text_batches` does."""
        for place, part in enumerate(self._rows.parts()):
            kept = self._kept.get(place)
            if kept is not None:
                yield kept.split(_END)
                continue
            texts = _texts_of_part(self._column, part)
            together = _END.join(texts)
            if together.count(_END) == len(texts) - 1:
                self._kept[place] = together
            yield texts

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.batches())


def texts_of(column: Column, values: Sequence[Any]) -> Sequence[str]:
    """Return what a column shows for each value; words and numbers that come often are held once.

    Parameters
    ----------
    column : Column
        Says how values are shown.
    values : sequence
        The values.

    Returns
    -------
    sequence of str
    """
    if isinstance(values, Categorical):
        return values.each(column.text)
    if column.identifies or not _REPEATED.issuperset(map(type, values)):
        return column.texts(values)
    different = dict.fromkeys(values)
    known = dict(zip(different, column.texts(different), strict=True))
    return list(map(known.__getitem__, values))


def column_texts(column: Column, rows: ColumnarRows) -> Iterable[str]:
    """Return what a column shows for each row.

    Texts of very many rows are made whenever somebody comes to them, so that memory never holds an
    object for each, but for words and whole numbers: many are the same.

    Parameters
    ----------
    column : Column
        Says how values are shown.
    rows : ColumnarRows
        The rows.

    Returns
    -------
    iterable of str
        From the top, as often as it is gone through.
    """
    if len(rows) > _MOST_HELD:
        first = plain_values(next(rows.parts()).column(column.key))
        repeated = _REPEATED.issuperset(map(type, first))
        if not repeated or (not column.identifies and len(set(first)) > len(first) // 2):
            return LongTexts(column, rows)
    return texts_of(column, plain_values(rows.column(column.key)))


def _texts_of_part(column: Column, rows: ColumnarRows) -> Sequence[str]:
    """Return what a column shows for each of some thousand rows, most of which are different."""
    values: Any = rows.column(column.key)
    form = column.form if isinstance(column.form, str) and not column.unit else ""
    if getattr(values, "dtype", None) == "float64" and _PRINTED.fullmatch(form):
        return printed(f"%{form}", values)
    return column.texts(plain_values(values))


def printed(form: str, *columns: NDArray[np.float64]) -> list[str]:
    """Return numbers as `form` writes them with those of a row beside each other, all in one call.

    Parameters
    ----------
    form : str
        As for the operator `%`, with a place for each column.
    *columns : ndarray of float64
        The numbers. A row that has any that is not finite becomes "".

    Examples
    --------
    >>> import numpy as np
    >>> printed("%.1f±%.1f", np.array([1.25, 2]), np.array([0.5, np.nan]))
    ['1.2±0.5', '']
    """
    import numpy as np

    rows = np.stack(columns, axis=1)
    texts = (f"{form}{_END}" * len(rows) % tuple(rows.ravel().tolist())).split(_END)[:-1]
    for row in np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist():
        texts[row] = ""
    return texts


def text_batches(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield the texts of a column some thousand at a time, as many of each column of a table."""
    if isinstance(texts, LongTexts):
        yield from texts.batches()
        return
    held = texts if isinstance(texts, Sequence) else list(texts)
    for start, stop in spans(len(held)):
        yield held[start:stop]

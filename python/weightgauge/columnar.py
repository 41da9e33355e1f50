"""Rows of plain values that are held as columns: a million rows are no million dictionaries."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Self, overload

_ROWS_TOGETHER = 4096
"""Rows whose columns are made at a time: enough for the cost of a column, few enough for memory."""


class ColumnarRows(Sequence[dict[str, Any]]):
    """A sequence of dicts of plain values, made of columns when somebody asks for one.

    Attributes
    ----------
    names : sequence of str
        Keys of a row, in their order.
    """

    names: Sequence[str]

    @abstractmethod
    def column(self, name: str) -> Sequence[Any]:
        """Return the values of all rows under a key.

        Returns
        -------
        sequence
            Plain values, in which tuples stand for lists. Or an array of numbers, in which NaN and
            infinities are missing ones. Or `ColumnarRecords`.
        """

    @abstractmethod
    def part(self, start: int, stop: int) -> Self:
        """Return the rows from one place on up to another."""

    def parts(self) -> Iterator[Self]:
        """Yield all rows, some thousand at a time."""
        for start, stop in spans(len(self)):
            yield self.part(start, stop)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """Return one row, or several."""
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return next(iter(self.part(places, places + 1)._rows()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return chain.from_iterable(part._rows() for part in self.parts())

    def _rows(self) -> Iterator[dict[str, Any]]:
        columns = [plain_values(self.column(name), lists=True) for name in self.names]
        return (dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True))


def spans(size: int) -> Iterator[tuple[int, int]]:
    """Yield from which place up to which one rows are handled together, if there are so many.

    Examples
    --------
    >>> list(spans(5000))
    [(0, 4096), (4096, 5000)]
    """
    for start in range(0, size, _ROWS_TOGETHER):
        yield start, min(start + _ROWS_TOGETHER, size)


class ColumnarRecords:
    """A column of records that are named tuples, some of which may be missing.

    Attributes
    ----------
    names : tuple of str
        Members of a record, as rows name them.
    there : list of bool
        Which records there are.
    members : sequence of sequence
        A column of numbers for each member, as `ColumnarRows.column` has them.
    """

    def __init__(self, names: tuple[str, ...], there: list[bool], members: Sequence[Any]) -> None:
        self.names = names
        self.there = there
        self.members = members

    def __len__(self) -> int:
        return len(self.there)

    def __iter__(self) -> Iterator[dict[str, Any] | None]:
        rows = zip(*map(plain_values, self.members), strict=True)
        for there, row in zip(self.there, rows, strict=True):
            yield dict(zip(self.names, row, strict=True)) if there else None


def plain_values(column: Any, *, lists: bool = False) -> Sequence[Any]:
    """Return a column as plain values, None for numbers that are missing.

    Parameters
    ----------
    column : sequence, array or ColumnarRecords
        What `ColumnarRows.column` returned.
    lists : bool
        Whether tuples become lists, as in JSON.
    """
    if hasattr(column, "dtype"):
        values: list[Any] = column.tolist()
        if column.dtype.kind != "f":
            return values
        return [value if math.isfinite(value) else None for value in values]
    if isinstance(column, ColumnarRecords):
        return list(column)
    if lists and column and isinstance(column[0], tuple):
        return list(map(list, column))
    found: Sequence[Any] = column
    return found

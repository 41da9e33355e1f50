"""The numbers of many slices as columns, each in as few bytes as hold it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.magnitudes.weibull import Numbers

_WHOLE = (np.int8, np.int16, np.int32, np.int64)
"""Types of whole numbers. All have a sign, so that columns of two of them join as the larger."""

_ANY_BITS = frozenset(("digest",))
"""Whole numbers that are no counts, and may be as large as 2^64 - 1."""

_MANY = 1_000
"""Slices from which on it pays to look for the fewest bytes of each field."""


class NumberColumns:
    """What `weightgauge._core.ScanResults.numbers` gives of slices, column by column.

    As rows a million slices have 280 bytes of numbers each. Most of their counts are small, and
    many fields are the same for all: here they take about half of that.

    Parameters
    ----------
    columns : dict of str to ndarray
        The fields, in their order; see `of`.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: dict[str, NDArray[Any]]) -> None:
        self._columns = columns

    @classmethod
    def of(cls, tables: Iterable[NDArray[np.void]], size: int) -> NumberColumns:
        """Return the rows of tables, one below the other, as columns.

        Parameters
        ----------
        tables : iterable of structured ndarray
            At least one. Each may be made when it is asked for, and is not needed after that.
        size : int
            How many rows they have in all.
        """
        columns: dict[str, NDArray[Any]] = {}
        done = 0
        for rows in tables:
            if size and not len(rows):
                continue
            for name in rows.dtype.names or ():
                values = _signed(name, rows[name])
                if size >= _MANY:
                    values = _shortest(values)
                columns[name] = _with(columns.get(name), values, done, size)
            done += len(rows)
        return cls(columns)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a field: float64, bool, or int64; digests are uint64. It must not be changed."""
        column = self._columns[name]
        is_count = column.dtype.kind in "iu" and name not in _ANY_BITS
        return column.astype(np.int64, copy=False) if is_count else column

    def row(self, place: int) -> Numbers:
        """Return the numbers of one slice."""
        found: Numbers = tuple([each.item(place) for each in self._columns.values()])
        return found

    def rows(self, start: int, stop: int) -> Iterator[Numbers]:
        """Yield the numbers of the slices from one place on up to another, slice by slice."""
        columns = [each[start:stop].tolist() for each in self._columns.values()]
        found: Iterator[Any] = zip(*columns, strict=True)
        return found

    def part(self, start: int, stop: int) -> NumberColumns:
        """Return the numbers of the slices from one place on up to another."""
        return NumberColumns({name: each[start:stop] for name, each in self._columns.items()})

    def sort(self, order: NDArray[np.int64]) -> None:
        """Bring the slices into the order of these places."""
        for name, column in self._columns.items():
            if not _is_one(column):
                self._columns[name] = column[order]

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))


def _signed(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return counts as numbers with a sign."""
    counts = values.dtype == np.uint64 and name not in _ANY_BITS
    return values.view(np.int64) if counts else values


def _shortest(values: NDArray[Any]) -> NDArray[Any]:
    """Return a column of its own in as few bytes as hold it."""
    column = np.ascontiguousarray(values)
    if column.dtype.kind == "i" and column.size:
        low, high = int(column.min()), int(column.max())
        column = column.astype(next(each for each in _WHOLE if _holds(each, low, high)))
    return _one(column[:1], len(column)) if _all_alike(column) else column


def _holds(kind: type[np.signedinteger[Any]], low: int, high: int) -> bool:
    return bool(np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)


def _all_alike(column: NDArray[Any]) -> bool:
    """Whether all values are the same, bit by bit: NaN is like NaN, and 0.0 not like -0.0."""
    bits = column.view(f"u{column.itemsize}")
    return bool(bits.size and bits[0] == bits[-1] and (bits == bits[0]).all())


def _one(value: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a column with one value throughout, which memory holds once."""
    return np.broadcast_to(value.copy(), size)


def _is_one(column: NDArray[Any]) -> bool:
    return column.strides == (0,)


def _with(column: NDArray[Any] | None, more: NDArray[Any], start: int, size: int) -> NDArray[Any]:
    """Return a column of some size that has these values from a place on.

    What there is so far is written over, or made again where it has no room for the values.
    """
    if len(more) == size:
        return more
    if column is None:
        column = _one(more[:1], size) if _is_one(more) else np.empty(size, more.dtype)
    if _is_one(column) and _is_one(more) and _all_alike(np.append(column[:1], more[:1])):
        return column
    kind = np.promote_types(column.dtype, more.dtype)
    if _is_one(column) or kind != column.dtype:
        column = column.astype(kind, order="C")
    column[start : start + len(more)] = more
    return column

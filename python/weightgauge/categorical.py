"""Columns of few different values: each is held once, and a small number for every row."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain, count
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

_Value = TypeVar("_Value")
_Made = TypeVar("_Made")

_SIZES = {"B": 1 << 8, "H": 1 << 16}
"""How many values numbers of a byte or two tell apart, by what `array` calls them."""

_ROWS_TOGETHER = 4096
"""Rows whose values are looked up at a time: enough for the cost of a call, and few for memory."""

_SPARSE = 4
"""Numbers up to so many times their number are looked up in a table, and larger ones sorted."""

_MANY_ROWS = 1_000
"""A list of fewer rows takes too little memory to save any."""


class Categorical(Sequence[_Value]):
    """A sequence of values, few of which are different, in a byte or two for each.

    Parameters
    ----------
    values : tuple
        The different values, which need not all occur.
    codes : array of int
        For each row the place of its value.

    Examples
    --------
    >>> kinds = Categorical(("q", "k"), array("B", [0, 1, 1]))
    >>> kinds[2], list(kinds), kinds[1:], kinds.take([2, 0])
    ('k', ['q', 'k', 'k'], Categorical(['k', 'k']), Categorical(['k', 'q']))
    >>> kinds.each(str.upper)
    Categorical(['Q', 'K', 'K'])
    """

    __slots__ = ("_codes", "_values")

    def __init__(self, values: tuple[_Value, ...], codes: array[int]) -> None:
        self._values = values
        self._codes = codes

    def take(self, rows: Sequence[int]) -> Categorical[_Value]:
        """Return the values in the given places."""
        return Categorical(self._values, _array(self._codes.typecode, _at(self._codes, rows)))

    def at(self, rows: NDArray[Any]) -> Categorical[_Value]:
        """Return the values in the places that an array says, which may be very many."""
        import numpy as np

        codes = array(self._codes.typecode)
        codes.frombytes(np.asarray(self._codes)[rows].tobytes())
        return Categorical(self._values, codes)

    def each(self, make: Callable[[_Value], _Made]) -> Sequence[_Made]:
        """Return what is made of the value of each row, made once for each value."""
        return by_code(list(map(make, self._values)), self._codes)

    def numbers(self, number: Callable[[_Value], float], dtype: DTypeLike) -> NDArray[Any]:
        """Return a number for each row, made once for each value that occurs."""
        import numpy as np

        pairs = zip(self._values, self._rows_of_values(), strict=True)
        numbers = (number(value) if rows else 0 for value, rows in pairs)
        table = np.fromiter(numbers, dtype, len(self._values))
        found: NDArray[Any] = table[np.asarray(self._codes)]
        return found

    def count(self, value: Any) -> int:
        """Return in how many rows a value stands."""
        pairs = zip(self._values, self._rows_of_values(), strict=True)
        return sum(rows for each, rows in pairs if each == value)

    def rows(self) -> Iterator[tuple[_Value, list[int]]]:
        """Yield each value that occurs with the rows in which it stands, ascending."""
        for rows in rows_alike(self._codes):
            yield self[rows[0]], rows

    def different(self) -> set[_Value]:
        """Return the values that occur."""
        pairs = zip(self._values, self._rows_of_values(), strict=True)
        return {value for value, rows in pairs if rows}

    def _rows_of_values(self) -> list[int]:
        """Return in how many rows each value stands."""
        import numpy as np

        codes = np.asarray(self._codes)
        found: list[int] = np.bincount(codes, minlength=len(self._values)).tolist()
        return found

    def __contains__(self, value: object) -> bool:
        return any(code in self._codes for code in self._code_of(value))

    def _code_of(self, value: object) -> list[int]:
        """Return the code of a value, if it has one."""
        return [self._values.index(value)] if value in self._values else []

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, index: int) -> _Value: ...
    @overload
    def __getitem__(self, index: slice) -> Categorical[_Value]: ...
    def __getitem__(self, index: int | slice) -> _Value | Categorical[_Value]:
        """Return one value, or those of several rows."""
        if isinstance(index, slice):
            return Categorical(self._values, self._codes[index])
        return self._values[self._codes[index]]

    def __iter__(self) -> Iterator[_Value]:
        starts = range(0, len(self), _ROWS_TOGETHER)
        parts = (self._codes[start : start + _ROWS_TOGETHER] for start in starts)
        return chain.from_iterable(_at(self._values, codes) for codes in parts)

    def __reversed__(self) -> Iterator[_Value]:
        return map(self._values.__getitem__, reversed(self._codes))

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence that is none of characters."""
        if not isinstance(other, Categorical | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Show the first values."""
        return f"Categorical({list(self[:10])}{' ...' if len(self) > 10 else ''})"


def constant(value: _Value, size: int) -> Categorical[_Value]:
    """Return a column with the same value in every row."""
    return Categorical((value,), array("B", bytes(size)))


def rows_by_value(column: Sequence[_Value]) -> Iterator[tuple[_Value, Sequence[int]]]:
    """Yield each value of a column with the rows in which it stands, those that come first first.

    Examples
    --------
    >>> dict(rows_by_value(["q", "k", "q"]))
    {'q': [0, 2], 'k': [1]}
    """
    if isinstance(column, Categorical) and len(column) > _MANY_ROWS:
        return column.rows()
    found: defaultdict[_Value, list[int]] = defaultdict(list)
    for row, value in enumerate(column):
        found[value].append(row)
    return iter(found.items())


def rows_alike(numbers: Sequence[int] | NDArray[np.integer[Any]]) -> Iterator[list[int]]:
    """Yield the rows of each number, ascending, those first that begin first.

    Examples
    --------
    >>> list(rows_alike([7, 0, 7]))
    [[0, 2], [1]]
    """
    import numpy as np

    keys = np.asarray(numbers)
    if not len(keys):
        return
    order = np.argsort(keys, kind="stable")
    changes = np.flatnonzero(np.diff(keys[order])) + 1
    starts, ends = np.append(0, changes), np.append(changes, len(keys))
    first = np.argsort(order[starts])
    rows = order.tolist()
    for start, end in zip(starts[first].tolist(), ends[first].tolist(), strict=True):
        yield rows[start:end]


def numbers_of(
    column: Sequence[_Value], number: Callable[[_Value], float], dtype: DTypeLike
) -> NDArray[Any]:
    """Return a number for each row of a column.

    Examples
    --------
    >>> numbers_of(["a", "abc", "a"], len, "int64").tolist()
    [1, 3, 1]
    """
    import numpy as np

    if isinstance(column, Categorical):
        return column.numbers(number, dtype)
    return np.fromiter(map(number, column), dtype, len(column))


def by_code(
    values: Sequence[_Value], codes: Sequence[int] | NDArray[np.integer[Any]]
) -> Sequence[_Value]:
    """Return for each code the value in its place. Values may be the same, and of any number.

    Examples
    --------
    >>> by_code(("q", "k"), [0, 1, 1])
    Categorical(['q', 'k', 'k'])
    """
    import numpy as np

    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    typecode = next((each for each, size in _SIZES.items() if len(places) <= size), None)
    if typecode is None:
        return list(map(values.__getitem__, codes))
    place_of = np.array([places[value] for value in values], typecode)
    rows = place_of[np.asarray(codes, np.intp)]
    return Categorical(tuple(places), array(typecode, rows.tobytes()))


def categorical(column: Sequence[_Value]) -> Sequence[_Value]:
    """Return a column as `Categorical` if it is long and has few different values.

    Parameters
    ----------
    column : sequence
        Values that can be hashed, of which none equals one of another type.
    """
    if isinstance(column, Categorical) or len(column) < _MANY_ROWS:
        return column
    numbers: defaultdict[_Value, int] = defaultdict(count().__next__)
    codes = list(map(numbers.__getitem__, column))
    if len(numbers) > min(_SIZES["H"], len(column) // 8):
        return column
    return by_code(tuple(numbers), codes)


def different(column: Sequence[_Value]) -> Collection[_Value]:
    """Return the values of a column, each once if it is `Categorical`: few, where all are alike."""
    return column.different() if isinstance(column, Categorical) else column


def plain_if_short(column: Sequence[_Value]) -> Sequence[_Value]:
    """Return a column as a list if it is so short that this is quicker to look at."""
    return list(column) if len(column) < _MANY_ROWS else column


def alike(*columns: Sequence[Any] | NDArray[Any]) -> array[int]:
    """Return a number for each row, the same for rows that are equal in all columns.

    They count up from the first row. Each takes four bytes, where a tuple of the values would take
    a hundred.

    Examples
    --------
    >>> alike("abab", [1, 1, 1, 2]).tolist()
    [0, 1, 0, 2]
    """
    import numpy as np

    keys, *others = map(_codes, columns)
    for codes in others:
        keys = keys * (int(codes.max(initial=0)) + 1) + codes
    if keys.max(initial=0) > _SPARSE * len(keys):
        keys = np.unique(keys, return_inverse=True)[1]
    first = _first_places(keys)
    begins = np.zeros(len(keys), np.bool_)
    begins[first[first < len(keys)]] = True
    numbers = np.cumsum(begins, dtype=np.int32) - 1
    return array("i", numbers[first[keys]].astype(np.int32).tobytes())


def first_places(numbers: Sequence[int]) -> list[int]:
    """Return for each number that occurs the place where it stands first, ascending.

    Examples
    --------
    >>> first_places([5, 5, -2, 5, 0, -2])
    [0, 2, 4]
    """
    import numpy as np

    if not len(numbers):
        return []
    keys = np.asarray(numbers)
    first = _first_places(keys - keys.min())
    found: list[int] = np.sort(first[first < len(keys)]).tolist()
    return found


def _first_places(keys: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the first place of each number from 0 to the largest; behind the last for none."""
    import numpy as np

    first = np.full(int(keys.max(initial=-1)) + 1, len(keys))
    first[keys[::-1]] = np.arange(len(keys))[::-1]  # of equal ones the last that is set stays
    return first


def _codes(column: Sequence[Any] | NDArray[Any]) -> NDArray[np.int64]:
    """Return a number for each row of a column, the same for equal values."""
    import numpy as np

    if isinstance(column, Categorical):
        return np.asarray(column._codes, np.int64)
    if isinstance(column, np.ndarray):
        is_number = column.dtype.kind in "bui" and column.min(initial=0) >= 0
        return column.astype(np.int64) if is_number else np.unique(column, return_inverse=True)[1]
    numbers: defaultdict[Any, int] = defaultdict(count().__next__)
    return np.fromiter(map(numbers.__getitem__, column), np.int64, len(column))


def extended(column: Sequence[_Value], more: Sequence[_Value]) -> Sequence[_Value]:
    """Return a column with more values behind its own.

    Examples
    --------
    >>> extended(constant("q", 2), ["k"])
    Categorical(['q', 'q', 'k'])
    """
    if not isinstance(column, Categorical):
        return [*column, *more]
    if not isinstance(more, Categorical):
        more = by_code(more, range(len(more)))
    return joined([column, more])


def joined(columns: Sequence[Sequence[_Value]]) -> Sequence[_Value]:
    """Put columns one below the other."""
    import numpy as np

    parts = [each for each in columns if isinstance(each, Categorical)]
    if len(parts) < len(columns):
        return categorical(list(chain(*columns)))
    values = tuple(dict.fromkeys(chain(*(each._values for each in parts))))
    place_of = {value: place for place, value in enumerate(values)}
    places = [np.array([place_of[value] for value in each._values], np.intp) for each in parts]
    codes = [table[each._codes] for table, each in zip(places, parts, strict=True) if len(each)]
    return by_code(values, np.concatenate(codes)) if codes else []


def _at(values: Sequence[_Value], rows: Sequence[int]) -> Sequence[_Value]:
    """Return what stands in some places: one call for all takes a third of the time of many."""
    found: Sequence[_Value] = itemgetter(*rows)(values) if len(rows) > 1 else ()
    return found or [values[row] for row in rows]


def _array(typecode: str, codes: Sequence[int]) -> array[int]:
    """Return an array; bytes become one much faster than a list does."""
    return array(typecode, bytes(codes) if typecode == "B" else codes)

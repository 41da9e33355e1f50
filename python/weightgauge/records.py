"""Result records as plain values and as rows of tables, for JSON, CSV and data frames."""

from __future__ import annotations

import math
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, make_dataclass
from functools import cache, partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from weightgauge.categorical import Categorical
from weightgauge.frames import InPolars, TypedRows, frame_of

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from _typeshed import DataclassInstance
    from numpy.typing import NDArray

FITTED = frozenset(("ok", "sparse", "scale_not_applied"))
"""Statuses of slices that have k, lambda and the other numbers."""

_LAM = re.compile("(?:^|(?<=_))lam(?=_|$)")
NULL_WHEN_EMPTY = frozenset(("reason", "decoded", "errors_from"))
"""Fields whose empty text says that there is nothing to say."""


_Fields = ParamSpec("_Fields")
_Record = TypeVar("_Record")
_Value = TypeVar("_Value")

# The usual integers and truth values of pandas have no missing value, and an empty column has no
# format unless one is given.
_FRAME_DTYPES = {
    "float": "float64",
    "int": "int64",
    "int | None": "Int64",
    "bool | None": "boolean",
}


class Row(Protocol):
    """A record that can be a row of a table."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""


_Row = TypeVar("_Row", bound=Row, covariant=True)


def maker(record: Callable[_Fields, _Record]) -> Callable[_Fields, _Record]:
    """Return a function that makes frozen records in a fraction of the usual time.

    A frozen dataclass sets each field with a call that bypasses its own guard. For twenty fields
    that takes longer than counting and fitting a small matrix. The maker makes an object of a class
    without the guard, and turns it into a record when all fields are set.

    Parameters
    ----------
    record : type
        A frozen dataclass with slots.

    Returns
    -------
    callable
        Takes the arguments of the class and returns a record. It is quickest without keywords.
    """

    def freeze(made: Any) -> None:
        made.__class__ = record

    members = [(field.name, field.type, field) for field in fields(record)]  # type: ignore[arg-type]
    return make_dataclass(record.__name__, members, slots=True, namespace={"__post_init__": freeze})


def named_tuples(record: Callable[..., _Record], *columns: Iterable[Any]) -> list[_Record]:
    """Return the named tuples whose fields are these columns, in a fraction of the usual time.

    Parameters
    ----------
    record : type
        A named tuple.
    *columns : iterable
        One for each field; the shortest decides how many named tuples there are.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Point(NamedTuple):
    ...     x: int
    ...     y: int
    >>> named_tuples(Point, (1, 2), (3, 4))
    [Point(x=1, y=3), Point(x=2, y=4)]
    """
    return list(map(partial(tuple.__new__, record), zip(*columns, strict=False)))  # type: ignore[type-var, arg-type]


def taken(column: Sequence[_Value], rows: Sequence[int] | NDArray[Any]) -> Sequence[_Value]:
    """Return what stands in the given places of a column.

    Places that come as an array of NumPy take the least time where the column is of numbers or
    `Categorical`.

    Examples
    --------
    >>> taken("abc", [2, 0])
    ['c', 'a']
    """
    if not isinstance(rows, Sequence):
        return _at_array(column, rows)
    if isinstance(column, Categorical):
        return column.take(rows)
    if len(rows) < 2:
        return [column[row] for row in rows]
    # To see that there is nothing to look up takes as long as looking up an eighth of all.
    few = 8 * len(rows) <= len(column)
    if not few and column[0] == column[-1] and column.count(column[0]) == len(column):
        return [column[0]] * len(rows)
    return list(itemgetter(*rows)(column))


def _at_array(column: Sequence[_Value], rows: NDArray[Any]) -> Sequence[_Value]:
    if isinstance(column, Categorical):
        return column.at(rows)
    if isinstance(column, array):
        import numpy as np

        return array(column.typecode, np.asarray(column)[rows].tobytes())
    return list(map(column.__getitem__, rows.data))


@cache
def spelled(name: str) -> str:
    """Return the name of a field in output: `lam` becomes `lambda`, which is a keyword of Python.

    Examples
    --------
    >>> spelled("lam"), spelled("lam_median"), spelled("ln_lam_se")
    ('lambda', 'lambda_median', 'ln_lambda_se')
    """
    return _LAM.sub("lambda", name)


def columns(record: type) -> dict[str, str]:
    """Return the types of a record's values as written in the class, by their names in tables.

    The names are those that `flat` makes.
    """
    found: dict[str, str] = {}
    for name, written in _annotations(record).items():
        members = _members(record).get(name)
        if members is None:
            found[name] = written
        else:
            found |= {f"{name}_{member}": kind for member, kind in members.items()}
    return found


@cache
def _members(record: type) -> dict[str, dict[str, str]]:
    """Return the members of the named tuples that fields hold and their types, by field."""
    known = vars(sys.modules[record.__module__])
    found = {}
    for name, written in _annotations(record).items():
        held = known.get(written.removesuffix(" | None"))
        if isinstance(held, type) and hasattr(held, "_fields"):
            found[name] = _annotations(held)
    return found


def _annotations(record: type) -> dict[str, str]:
    """Return the type of each field as written in the class, by the field's name in output."""
    if is_dataclass(record):
        members = {field.name: str(field.type) for field in fields(record)}
    else:  # a named tuple
        given = record.__annotations__
        members = {
            name: str(getattr(each, "__forward_arg__", each)) for name, each in given.items()
        }
    return {spelled(name): written for name, written in members.items()}


class Table(tuple[_Row, ...], InPolars):
    """Records of one type: a tuple that can become a list of dicts or a data frame.

    Parameters
    ----------
    record : type
        The records' type, a dataclass or a named tuple with `to_dict`.
    rows : iterable of record
        The records.

    Examples
    --------
    >>> import weightgauge as wg
    >>> wg.reproduce()
    <Table of 10 Claim>
    >>> wg.reproduce().to_dicts()[0]["id"]
    'ffn-band'
    """

    record: type[_Row]

    def __new__(cls, record: type[_Row], rows: Iterable[_Row] = ()) -> Table[_Row]:
        """Make the tuple and remember the type, because an empty table does not show it."""
        made = super().__new__(cls, rows)
        made.record = record
        return made

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per record, as in JSON."""
        return [row.to_dict() for row in self]

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per record; see `to_frame`.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return to_frame(self.record, self.to_dicts())

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return typed(self.record, self.to_dicts())

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Return the arguments with which `copy` and `pickle` make the table again."""
        return self.record, tuple(self)

    def __repr__(self) -> str:
        """Show the number of records and their type."""
        return f"<Table of {len(self):,} {self.record.__name__}>"


def to_frame(record: type, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return a DataFrame of rows that `to_dict` of a record has made.

    Parameters
    ----------
    record : type
        The record: a dataclass or a named tuple.
    rows : sequence of dict
        Plain values.

    Returns
    -------
    pandas.DataFrame
        Columns named and ordered as in JSON. Missing numbers are NaN; whole numbers that may be
        missing are nullable integers.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    """
    formats = {
        name: _FRAME_DTYPES[written]
        for name, written in columns(record).items()
        if written in _FRAME_DTYPES
    }
    return frame_of(flat(record, rows), formats, columns=list(columns(record)))


def typed(record: type, rows: Sequence[dict[str, Any]]) -> TypedRows:
    """Return the rows of `to_frame`, and the types of their columns by name."""
    return flat(record, rows), columns(record)


def as_dict(record: tuple[Any, ...]) -> dict[str, Any]:
    """Return a named tuple's fields as values that JSON has; see `as_row`."""
    names = type(record)._fields  # type: ignore[attr-defined]
    return {spelled(name): plain(name, value) for name, value in zip(names, record, strict=True)}


def as_row(record: DataclassInstance) -> dict[str, Any]:
    """Return a record's fields as values that JSON has.

    Parameters
    ----------
    record : dataclass
        A record of plain values, tuples and named tuples of these.

    Returns
    -------
    dict
        In the order of the fields. NaN, infinities and an empty reason are None; tuples are lists,
        and named tuples dicts.
    """
    return {
        spelled(field.name): plain(field.name, getattr(record, field.name))
        for field in fields(record)
    }


def flat(record: type, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows for tables that have one value in a cell.

    Parameters
    ----------
    record : type
        The record whose rows they are, as `as_row` makes them.
    rows : iterable of mapping
        The rows; they may have more values than the record.

    Returns
    -------
    list of dict
        A named tuple has a value for each member, also where the field is None: `spread` becomes
        `spread_rows`, `spread_columns` and so on.
    """
    held = _members(record)
    if not held:
        return [dict(row) for row in rows]
    found = []
    for row in rows:
        line: dict[str, Any] = {}
        for name, value in row.items():
            if name in held:
                line |= {f"{name}_{each}": (value or {}).get(each) for each in held[name]}
            else:
                line[name] = value
        found.append(line)
    return found


def plain(name: str, value: Any) -> Any:
    """Return the value of a field as JSON has it; see `as_row`."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value == "" and name in NULL_WHEN_EMPTY:
        return None
    if hasattr(value, "_asdict"):
        return {each: plain(each, member) for each, member in value._asdict().items()}
    return list(value) if isinstance(value, tuple) else value

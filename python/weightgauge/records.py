"""Result records as plain values: what JSON, CSV and data frames are made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, make_dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from weightgauge.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from _typeshed import DataclassInstance

FITTED = frozenset(("ok", "sparse", "scale_not_applied"))
"""Statuses of slices that have k, lambda and the other numbers."""

_SPELLING = {"lam": "lambda"}  # `lambda` is a word of the language
_NULL_WHEN_EMPTY = frozenset(("reason", "decoded"))
# Column types of a data frame by the annotation of the field; all others are left to pandas.
_PANDAS = {"float": "float64", "int": "int64", "int | None": "Int64"}

_Fields = ParamSpec("_Fields")
_Record = TypeVar("_Record")
_Row = TypeVar("_Row", bound="DataclassInstance", covariant=True)


def maker(record: Callable[_Fields, _Record]) -> Callable[_Fields, _Record]:
    """Return what makes frozen records in a fraction of the time, for where they come in crowds.

    A frozen dataclass sets each of its fields by a call, past its own guard: with twenty of them
    that takes longer than counting and fitting a small matrix. The maker is the same class without
    the guard; what it has made becomes a record once all fields are set.

    Parameters
    ----------
    record : type
        A frozen dataclass with slots.

    Returns
    -------
    callable
        Takes what the class takes, quickest without keywords, and returns the same.
    """

    def freeze(made: Any) -> None:
        made.__class__ = record

    members = [(field.name, field.type, field) for field in fields(record)]  # type: ignore[arg-type]
    return make_dataclass(record.__name__, members, slots=True, namespace={"__post_init__": freeze})


def columns(record: type[DataclassInstance]) -> list[str]:
    """Return the names of a record's fields as they are spelled in output."""
    return [_SPELLING.get(field.name, field.name) for field in fields(record)]


def as_row(record: DataclassInstance) -> dict[str, Any]:
    """Return a record's fields as values that JSON knows.

    Parameters
    ----------
    record : dataclass
        A flat record.

    Returns
    -------
    dict
        In the order of the fields. NaN, infinities and an empty reason are None, tuples lists.
    """
    return {
        _SPELLING.get(field.name, field.name): _plain(field.name, getattr(record, field.name))
        for field in fields(record)
    }


def to_frame(record: type[DataclassInstance], rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a data frame.

    Parameters
    ----------
    record : type
        The dataclass that the rows come from: it names the columns and tells their types.
    rows : iterable of mapping
        From `as_row`.

    Returns
    -------
    pandas.DataFrame
        Columns named and ordered as in JSON. Whole numbers that may be missing are nullable
        integers; missing numbers are NaN.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("pandas", "pandas") from error
    frame = pd.DataFrame(list(rows), columns=columns(record))
    types = {
        _SPELLING.get(each.name, each.name): _PANDAS.get(str(each.type)) for each in fields(record)
    }
    return frame.astype({name: kind for name, kind in types.items() if kind is not None})


class Table(tuple[_Row, ...]):
    """Records of one type: a tuple of them that can be exported.

    Parameters
    ----------
    record : type
        What the rows are; it names the columns where there are no rows.
    rows : iterable of `record`
        In their order.
    """

    record: type[_Row]

    def __new__(cls, record: type[_Row], rows: Iterable[_Row] = ()) -> Table[_Row]:
        """Make a table of these rows."""
        table = super().__new__(cls, rows)
        table.record = record
        return table

    def __getnewargs__(self) -> tuple[type[_Row], tuple[_Row, ...]]:
        """Give what a copy is made of."""
        return self.record, tuple(self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per row."""
        return [as_row(row) for row in self]

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with one row per record; see `to_frame`.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return to_frame(self.record, self.to_dicts())

    def __repr__(self) -> str:
        """Show how many there are of what."""
        return f"<Table of {len(self):,} {self.record.__name__}>"


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value == "" and name in _NULL_WHEN_EMPTY:
        return None
    return list(value) if isinstance(value, tuple) else value

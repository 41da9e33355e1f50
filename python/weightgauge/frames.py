"""Rows of plain values as data frames of pandas and of Polars, which are optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import polars as pl


class ColumnType(NamedTuple):
    """What a column of one type is called elsewhere.

    Attributes
    ----------
    polars : str
        A type of Polars.
    arrow : str
        A function of pyarrow that makes a type.
    """

    polars: str
    arrow: str


_COLUMN_TYPES = MappingProxyType(
    {
        "float": ColumnType("Float64", "float64"),
        "int": ColumnType("Int64", "int64"),
        "bool": ColumnType("Boolean", "bool_"),
        "str": ColumnType("String", "string"),
    }
)
_LISTS = MappingProxyType({"tuple[int, ...]": "int"})


def column_type(written: str) -> tuple[ColumnType | None, bool]:
    """Return the type of a column, and whether its values are lists of that.

    Parameters
    ----------
    written : str
        The type as a record writes it, such as "int | None".

    Returns
    -------
    ColumnType or None
        None for what is no single type.
    bool
        Whether values are lists.
    """
    one = written.removesuffix(" | None")
    return _COLUMN_TYPES.get(_LISTS.get(one, one)), one in _LISTS


TypedRows = tuple[Sequence[dict[str, Any]], Mapping[str, str]]
"""Rows, and the types of their columns as a record writes them ("int | None"), by name."""


def frame_of(
    rows: Sequence[dict[str, Any]],
    formats: Mapping[str, str],
    *,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return a DataFrame of plain rows.

    Parameters
    ----------
    rows : sequence of dict
        Plain values.
    formats : mapping of str to str
        pandas' formats of columns, by name.
    columns : sequence of str, optional
        Names of the columns; by default the keys of the rows.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("pandas", "pandas") from error
    return pd.DataFrame(rows, columns=columns).astype(dict(formats))


def polars_of(rows: Sequence[dict[str, Any]], types: Mapping[str, str]) -> pl.DataFrame:
    """Return a DataFrame of Polars of plain rows.

    Parameters
    ----------
    rows : sequence of dict
        Plain values.
    types : mapping of str to str
        All columns in their order, each with its type as a record writes it. The format of a column
        of another type is that of its values.

    Returns
    -------
    polars.DataFrame
        Missing values are null. Columns of numbers and lists, which Polars does not mix, are texts.

    Raises
    ------
    MissingExtraError
        If Polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise MissingExtraError("polars", "polars") from error
    found = []
    for name, written in types.items():
        values = [row.get(name) for row in rows]
        known, several = column_type(written)
        one = None if known is None else getattr(pl, known.polars)
        column = pl.Series(name, values, pl.List(one) if several else one, strict=False)
        if column.dtype == pl.Object:
            texts = [None if value is None else str(value) for value in values]
            column = pl.Series(name, texts, pl.String)
        found.append(column)
    return pl.DataFrame(found)


class InPolars:
    """Results that can become a data frame of Polars."""

    __slots__ = ()

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` as plain values, and the types of their columns."""
        raise NotImplementedError

    def to_polars(self) -> pl.DataFrame:
        """Return the rows of `to_pandas` as a DataFrame of Polars; missing values are null.

        Raises
        ------
        MissingExtraError
            If Polars is not installed (extra `polars`).
        """
        return polars_of(*self.typed_rows())

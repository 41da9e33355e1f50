"""Rows of plain values as data frames of pandas and of Polars, which are optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import polars as pl

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
    known: dict[str, Any] = {
        **{"float": pl.Float64, "int": pl.Int64, "bool": pl.Boolean, "str": pl.String},
        "tuple[int, ...]": pl.List(pl.Int64),
    }
    found = []
    for name, written in types.items():
        values = [row.get(name) for row in rows]
        column = pl.Series(name, values, known.get(written.removesuffix(" | None")), strict=False)
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

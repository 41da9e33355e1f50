"""Records of a document as Apache Parquet, for joining many of them. Needs pyarrow."""

from __future__ import annotations

import io
from typing import Any

from weightgauge.errors import MissingExtraError
from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.medium import Medium


def write(document: Document, medium: Medium) -> bytes:
    """Return the records of a document as the bytes of a Parquet file.

    Columns have the types that the records state, so that files whose columns happen to be empty
    fit those where they are not. Shapes are lists of integers, and what is a number in some records
    and a word in others is text in all.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to, which makes no difference.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error
    types: dict[str, Any] = {
        **{"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "str": pa.string()},
        "tuple[int, ...]": pa.list_(pa.int64()),
    }
    table = document.table()
    arrays, names = [], []
    for column in table.columns:
        values = list(table.column(column.key))
        kind = types.get(column.holds.removesuffix(" | None"))
        if " | str" in column.holds:  # a number here and words there: a column has one type
            kind = pa.string()
            values = [None if value is None else str(value) for value in values]
        arrays.append(pa.array(values, kind))
        names.append(column.key)
    content = io.BytesIO()
    parquet.write_table(pa.table(dict(zip(names, arrays, strict=True))), content)
    return content.getvalue()

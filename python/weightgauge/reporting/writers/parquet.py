"""Records of a document as Apache Parquet, for joining many of them. Needs pyarrow."""

from __future__ import annotations

import io

from weightgauge.errors import MissingExtraError
from weightgauge.frames import column_type
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
    table = document.table()
    arrays, names = [], []
    for column in table.columns:
        values = list(table.column(column.key))
        known, several = column_type(column.holds)
        kind = None if known is None else getattr(pa, known.arrow)()
        kind = pa.list_(kind) if several else kind
        if " | str" in column.holds:  # a number here and words there: a column has one type
            kind = pa.string()
            values = [None if value is None else str(value) for value in values]
        arrays.append(pa.array(values, kind))
        names.append(column.key)
    content = io.BytesIO()
    parquet.write_table(pa.table(dict(zip(names, arrays, strict=True))), content)
    return content.getvalue()

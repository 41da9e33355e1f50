"""Entries of a header that are spelled as nearly every writer spells them, many at a time.

An entry that is spelled otherwise, or is wrong, is left to `header_entry`, which reads field by
field and finds the precise error.
"""

from __future__ import annotations

import re

from weightgauge.checkpoint.safetensors.entry_columns import EntryColumns, Storage
from weightgauge.checkpoint.safetensors.header_entry import MAX_RANK, byte_length
from weightgauge.checkpoint.safetensors.json_cursor import JsonCursor
from weightgauge.dtypes import DTYPE_BITS

_SHAPE = re.compile(rb"\[(?: *+(?:0|[1-9][0-9]{0,18}) *+(?:,(?! *+\])|(?=\])))*+\]")


def read_usual_entries(
    cursor: JsonCursor, entries: EntryColumns, data_start: int, data_size: int
) -> int:
    """Read entries as long as they have the usual spelling, and a comma behind them.

    Parameters
    ----------
    cursor : JsonCursor
        Stands at an entry, and after the call behind those that were read.
    entries : EntryColumns
        Receives what was read.
    data_start, data_size : int
        Where in the file the data begin, and how many bytes they are.

    Returns
    -------
    int
        How many entries are to be read field by field before it is worth while to come back. That
        is 1, or as many as have the usual spelling if one of them is wrong; then none is taken.
    """
    import numpy as np

    from weightgauge import _core

    names, spelled, storage_of, offsets, sizes, behind = _core.usual_entries(
        cursor.data, cursor.pos, data_start=data_start, data_size=max(data_size, 0)
    )
    if not names:
        return 1
    try:
        storages = [_storage(dtype, shape) for dtype, shape in spelled]
    except ValueError:
        return len(names)
    lengths = [length for _, _, length in storages]
    # A length that is more than the data have may be more than an array holds.
    if max(lengths) > data_size or (np.array(lengths)[storage_of] != sizes).any():
        return len(names)
    entries.add_many(names, storages, storage_of, offsets)
    cursor.pos = behind
    return 1


def _storage(dtype: bytes, shape: bytes) -> Storage:
    """Read the spelling of a storage.

    Raises
    ------
    ValueError
        If anything about it is unusual.
    """
    name = dtype.decode()
    if name not in DTYPE_BITS or _SHAPE.fullmatch(shape) is None:
        raise ValueError
    sizes = shape[1:-1].split(b",") if shape != b"[]" else ()
    if len(sizes) > MAX_RANK:
        raise ValueError
    numbers = tuple(map(int, sizes))
    return name, numbers, byte_length(name, numbers)

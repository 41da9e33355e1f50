"""Entries of a header in which nothing is nested, read at one stroke.

Programs may add fields, spaces and other orders. Whatever is not certainly right is left to
`header_entry`, which reads field by field and finds the precise error.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from weightgauge.checkpoint.safetensors.header_entry import (
    MAX_FIELDS,
    MAX_RANK,
    Entry,
    byte_length,
)
from weightgauge.checkpoint.safetensors.json_cursor import JsonCursor
from weightgauge.dtypes import DTYPE_BITS

_LISTS = 2
"""The shape and the offsets. More could nest deeper than is allowed, or than a parser bears."""

_READ = 3
"""Fields that every entry has. The others are read in vain, and still must be JSON."""

_BITS = 990
"""Integers of up to 298 digits have no more: longer ones may be too long for the strict parser."""

# Neither escapes, which may spell half a character, nor signs, which JSON drops from a zero.
_FLAT = re.compile(rb"\{[^{}\\-]{1,4000}\}")


def read_flat_entry(cursor: JsonCursor, data_size: int) -> Entry | None:
    """Read the object that describes one tensor, if it is flat and right.

    Parameters
    ----------
    cursor : JsonCursor
        Stands at the value of the entry, and behind it where an entry is returned.
    data_size : int
        Number of bytes of data after the header.

    Returns
    -------
    Entry or None
        What `read_entry` would return; None if that has to look closer.
    """
    cursor.peek()
    found = _FLAT.match(cursor.data, cursor.pos)
    if found is None or found[0].count(b"[") > _LISTS:
        return None
    try:
        fields = _DECODER.decode(found[0].decode())
        entry = _checked(fields["dtype"], fields["shape"], *fields["data_offsets"])
    except (KeyError, TypeError, ValueError):
        return None
    if entry is None or entry.end > data_size or (len(fields) > _READ and _has_long(fields)):
        return None
    cursor.pos = found.end()
    return entry


def _checked(dtype: Any, shape: Any, begin: Any, end: Any) -> Entry | None:
    if type(dtype) is not str or dtype not in DTYPE_BITS or type(shape) is not list:
        return None
    if len(shape) > MAX_RANK or any(type(size) is not int for size in (*shape, begin, end)):
        return None
    if any(size >= 1 << 64 for size in shape) or end - begin != byte_length(dtype, tuple(shape)):
        return None
    return Entry(dtype, tuple(shape), begin, end)


def _has_long(fields: dict[str, Any]) -> bool:
    return any(type(each) is int and each.bit_length() > _BITS for each in fields.values())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if not len(fields) == len(pairs) <= MAX_FIELDS:
        raise ValueError("a field is there twice, or there are too many")
    return fields


def _no_json(literal: str) -> NoReturn:
    raise ValueError(literal)


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError("a number beyond the range of a double")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_json, parse_float=_finite)

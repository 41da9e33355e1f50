"""One entry of the tensor table, read field by field, with an error for each broken rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weightgauge.checkpoint.safetensors.json_cursor import JsonCursor
from weightgauge.dtypes import DTYPE_BITS
from weightgauge.errors import printable
from weightgauge.wording import counted

METADATA = "__metadata__"
MAX_RANK = 64
MAX_METADATA = 100_000
MAX_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """A valid entry. Offsets are counted from the start of the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_entry(cursor: JsonCursor, data_size: int) -> Entry:
    """Read and check the object that describes one tensor.

    Parameters
    ----------
    cursor : JsonCursor
        Stands at the value of the entry, and after the call behind it.
    data_size : int
        Number of bytes of data after the header.

    Returns
    -------
    Entry
        Its data have the length that dtype and shape require.

    Raises
    ------
    JsonFault
        If a rule is broken; gives the byte of the field that breaks it.
    """
    start = cursor.pos
    if cursor.peek() != b"{":
        cursor.fail(f"the entry is {cursor.describe()}, not an object")
    cursor.expect(b"{", "at the entry")
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    offsets: tuple[int, int] | None = None
    seen: set[str] = set()
    more = not cursor.take(b"}")
    while more:
        field_start = cursor.pos
        field = cursor.key("in the entry")
        if field in seen:
            cursor.fail(f"the field '{printable(field)}' is there twice", field_start)
        if len(seen) == MAX_FIELDS:
            cursor.fail(f"the entry has more than {MAX_FIELDS:,} fields", field_start, certain=True)
        seen.add(field)
        if field == "dtype":
            dtype = _read_dtype(cursor)
        elif field == "shape":
            shape = _read_shape(cursor)
        elif field == "data_offsets":
            offsets = _read_offsets(cursor, data_size)
        else:
            cursor.skip_value()
        more = cursor.more(b"}", "in the entry")
    if dtype is None or shape is None or offsets is None:
        missing = ", ".join(f for f in ("dtype", "shape", "data_offsets") if f not in seen)
        cursor.fail(f"the entry lacks {missing}", start)
    try:
        expected = byte_length(dtype, shape)
    except ValueError as error:
        cursor.fail(str(error), start)
    begin, end = offsets
    if end - begin != expected:
        cursor.fail(
            f"data_offsets [{begin}, {end}] span {counted(end - begin, 'byte')}, "
            f"but {dtype} {list(shape)} takes {expected}",
            start,
        )
    return Entry(dtype, shape, begin, end)


def byte_length(dtype: str, shape: tuple[int, ...]) -> int:
    """Return the length in bytes of a tensor's data.

    Parameters
    ----------
    dtype : str
        One of the 22 spellings.
    shape : tuple of int
        Dimensions from 0 to 2^64 - 1.

    Raises
    ------
    ValueError
        If the product of the shape, in any order of multiplication, or its bits reach 2^64, or if
        the bits do not fill whole bytes.
    """
    # Dimensions of zero are left out, because a zero would hide an overflow that another order of
    # multiplication runs into.
    if math.prod(size for size in shape if size) >= 1 << 64:
        raise ValueError(f"the product of the shape {list(shape)} is 2^64 or more")
    bits = math.prod(shape) * DTYPE_BITS[dtype]
    if bits >= 1 << 64:
        raise ValueError(f"{dtype} {list(shape)} takes 2^64 bits or more")
    if bits % 8:
        raise ValueError(f"{dtype} {list(shape)} takes {bits} bits, not whole bytes")
    return bits // 8


def read_metadata(cursor: JsonCursor) -> dict[str, str]:
    """Read the value of ``__metadata__``: null, or an object of strings.

    Raises
    ------
    JsonFault
        If it is anything else, repeats a key, or has more than 100,000 keys.
    """
    metadata: dict[str, str] = {}
    if cursor.peek() == b"n":
        cursor.skip_value()
        return metadata
    if cursor.peek() != b"{":
        cursor.fail(f"__metadata__ is {cursor.describe()}, not an object of strings")
    cursor.take(b"{")
    more = not cursor.take(b"}")
    while more:
        key_start = cursor.pos
        key = cursor.key("in __metadata__")
        if key in metadata:
            cursor.fail(f"__metadata__ has the key '{printable(key)}' twice", key_start)
        if len(metadata) == MAX_METADATA:
            problem = f"__metadata__ has more than {MAX_METADATA:,} keys"
            cursor.fail(problem, key_start, certain=True)
        if cursor.peek() != b'"':
            cursor.fail(
                f"__metadata__ value of '{printable(key)}' is {cursor.describe()}, not a string"
            )
        metadata[key] = cursor.string()
        more = cursor.more(b"}", "in __metadata__")
    return metadata


def _read_dtype(cursor: JsonCursor) -> str:
    if cursor.peek() != b'"':
        cursor.fail(f"dtype is {cursor.describe()}, not a string")
    start = cursor.pos
    dtype = cursor.string()
    if dtype not in DTYPE_BITS:
        meant = dtype.upper()
        hint = f"; did you mean {meant}?" if meant in DTYPE_BITS else ""
        cursor.fail(f"unknown dtype '{printable(dtype)}'{hint}", start)
    return dtype


def _read_shape(cursor: JsonCursor) -> tuple[int, ...]:
    if cursor.peek() != b"[":
        cursor.fail(f"shape is {cursor.describe()}, not a list")
    start = cursor.pos
    cursor.take(b"[")
    shape: list[int] = []
    more = not cursor.take(b"]")
    while more:
        if len(shape) == MAX_RANK:
            cursor.fail(f"shape has more than {MAX_RANK} dimensions", start)
        shape.append(cursor.unsigned(f"shape[{len(shape)}]"))
        more = cursor.more(b"]", "in shape")
    return tuple(shape)


def _read_offsets(cursor: JsonCursor, data_size: int) -> tuple[int, int]:
    if cursor.peek() != b"[":
        cursor.fail(f"data_offsets is {cursor.describe()}, not a list")
    start = cursor.pos
    cursor.take(b"[")
    offsets: list[int] = []
    more = not cursor.take(b"]")
    while more:
        if len(offsets) == 2:
            cursor.fail("data_offsets has more than two numbers", start)
        offsets.append(cursor.unsigned(f"data_offsets[{len(offsets)}]"))
        more = cursor.more(b"]", "in data_offsets")
    if len(offsets) != 2:
        count = ("no number", "one number")[len(offsets)]
        cursor.fail(f"data_offsets has {count}, not two", start)
    begin, end = offsets
    if begin > end:
        cursor.fail(f"data_offsets [{begin}, {end}] are reversed", start)
    if end > data_size:
        cursor.fail(
            f"data_offsets [{begin}, {end}] run past the end of the data, "
            f"which has {counted(data_size, 'byte')}",
            start,
        )
    return begin, end

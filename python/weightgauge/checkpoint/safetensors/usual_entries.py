"""Entries of a header that are spelled as nearly every writer spells them, many at a time.

An entry that is spelled otherwise, or is wrong, is left to `header_entry`, which reads field by
field and finds the precise error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import repeat
from operator import sub

from weightgauge.checkpoint.safetensors.header_entry import MAX_RANK, METADATA, byte_length
from weightgauge.checkpoint.safetensors.json_cursor import JsonCursor
from weightgauge.checkpoint.types import TensorInfo
from weightgauge.dtypes import DTYPE_BITS
from weightgauge.records import named_tuples

# An entry with a plain name and the three fields, which one writer puts in one order.
_S = rb"[ \t\n\r]*+"
_NAME = _S + _S.join((rb'"(?P<name>[^"\\\x00-\x1f]*+)"', rb":", rb"\{", b""))
_UNSIGNED = rb"(?P<%b>0|[1-9][0-9]{0,18})"
_OFFSETS = _S.join((rb"\[", _UNSIGNED % b"begin", rb",", _UNSIGNED % b"end", rb"\]"))
_FIELDS = {
    b"dtype": _S.join((rb'"dtype"', rb":", rb'"(?P<dtype>[A-Z0-9_]*+)"')),
    b"shape": _S.join((rb'"shape"', rb":", rb"(?P<shape>\[[0-9, ]*+\])")),
    b"data_offsets": _S.join((rb'"data_offsets"', rb":", _OFFSETS)),
}
_END = _S.join((b"", rb"\}", rb","))
_FIELD = re.compile(rb'"(dtype|shape|data_offsets)"')
_SHAPE = re.compile(rb"\[(?: *+(?:0|[1-9][0-9]{0,18}) *+(?:,(?! *+\])|(?=\])))*+\]")


def read_usual_entries(
    cursor: JsonCursor, tensors: list[TensorInfo], data_start: int, data_size: int, shard: int
) -> int:
    """Read entries as long as they have the usual spelling, and a comma behind them.

    Parameters
    ----------
    cursor : JsonCursor
        Stands at an entry, and after the call behind those that were read.
    tensors : list of TensorInfo
        Receives what was read.
    data_start, data_size : int
        Where in the file the data begin, and how many bytes they are.
    shard : int
        Place of the file among the shards.

    Returns
    -------
    int
        How many entries are to be read field by field before it is worth while to come back. That
        is 1, or as many as have the usual spelling if one of them is wrong; then none is taken.
    """
    data, pos = cursor.data, cursor.pos
    order = tuple(_FIELD.findall(data, data.find(b"{", pos) + 1, data.find(b"}", pos) + 1))
    if sorted(order) != sorted(_FIELDS):
        return 1
    pattern = _entry(order)
    rows = []
    while (found := pattern.match(data, pos)) is not None:
        rows.append(found.groups())
        pos = found.end()
    if rows:
        columns = dict(zip(pattern.groupindex, zip(*rows, strict=True), strict=True))
        try:
            tensors += _tensors(columns, data_start, data_size, shard)
        except ValueError:
            return len(rows)
        cursor.pos = pos
    return 1


@cache
def _entry(order: tuple[bytes, ...]) -> re.Pattern[bytes]:
    comma = _S.join((b"", b",", b""))
    return re.compile(_NAME + comma.join(_FIELDS[field] for field in order) + _END)


def _tensors(
    columns: Mapping[str, Sequence[bytes]], data_start: int, data_size: int, shard: int
) -> list[TensorInfo]:
    """Return the tensors of entries; raise ValueError if anything about one of them is unusual."""
    names = b"\n".join(columns["name"]).decode().split("\n")  # no name has a raw line break
    begins, ends = (list(map(int, columns[side])) for side in ("begin", "end"))
    storages = map(_Storages().__getitem__, zip(columns["dtype"], columns["shape"], strict=True))
    dtypes, shapes, sizes = zip(*storages, strict=True)
    if METADATA in names or max(ends) > data_size or list(map(sub, ends, begins)) != list(sizes):
        raise ValueError
    offsets = [data_start + begin for begin in begins]
    return named_tuples(TensorInfo, names, dtypes, shapes, repeat(shard), offsets, sizes)


class _Storages(dict[tuple[bytes, bytes], tuple[str, tuple[int, ...], int]]):
    """Dtype, shape and length in bytes by the text of dtype and shape, each text read once."""

    def __missing__(self, text: tuple[bytes, bytes]) -> tuple[str, tuple[int, ...], int]:
        """Read a text; raise ValueError if dtype or shape is unusual."""
        dtype = text[0].decode()
        if dtype not in DTYPE_BITS or _SHAPE.fullmatch(text[1]) is None:
            raise ValueError
        sizes = text[1][1:-1].split(b",") if text[1] != b"[]" else ()
        if len(sizes) > MAX_RANK:
            raise ValueError
        shape = tuple(map(int, sizes))
        found = self[text] = dtype, shape, byte_length(dtype, shape)
        return found

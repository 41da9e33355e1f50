"""The header of a safetensors file: from its bytes to a validated tensor table.

A file consists of eight bytes with the little-endian length of the header, the header as JSON, and
the data. Every rule of the format is checked. So are repeated names, products of dimensions that
overflow in one order only, and absurd ranks, with which a file could show two readers different
checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from operator import eq
from typing import NamedTuple

from weightgauge.categorical import numbers_of
from weightgauge.checkpoint.safetensors.entry_columns import EntryColumns
from weightgauge.checkpoint.safetensors.flat_entry import read_flat_entry
from weightgauge.checkpoint.safetensors.header_entry import (
    METADATA,
    Entry,
    read_entry,
    read_metadata,
)
from weightgauge.checkpoint.safetensors.json_cursor import JsonCursor
from weightgauge.checkpoint.safetensors.usual_entries import read_usual_entries
from weightgauge.checkpoint.strict_json import JsonFault
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.errors import HeaderError, printable
from weightgauge.wording import agreeing, counted

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
_RAREST = 64


class TensorTable(NamedTuple):
    """The content of a header: tensors sorted by offset, and the ``__metadata__``."""

    tensors: Tensors
    metadata: dict[str, str]


def check_length(claimed: int, *, file_size: int, path: str) -> None:
    """Check the header length that a file states, before memory of that size is allocated.

    Raises
    ------
    HeaderError
        If it is 0, above the format's limit of 100,000,000, or longer than the file.
    """
    if claimed == 0:
        raise HeaderError("the header length is 0", path=path, offset=0)
    if claimed > MAX_HEADER_BYTES:
        raise HeaderError(
            f"the header length is {claimed}, above the limit of {MAX_HEADER_BYTES}",
            path=path,
            offset=0,
        )
    if claimed > file_size - LENGTH_BYTES:
        raise HeaderError(
            f"the header length is {claimed}, but only {file_size - LENGTH_BYTES} bytes follow: "
            "the file is cut short or is not a safetensors file",
            path=path,
            offset=0,
        )


def parse_header(header: bytes, *, file_size: int, path: str, shard: int = 0) -> TensorTable:
    """Read the tensor table from a header in memory.

    Parameters
    ----------
    header : bytes
        The JSON text, without the eight bytes of length.
    file_size : int
        Length of the whole file in bytes.
    path : str
        Name of the file in messages.
    shard : int
        Place of the file among the shards, which every `TensorInfo` records.

    Returns
    -------
    TensorTable
        The data of all tensors together cover the rest of the file exactly.

    Raises
    ------
    HeaderError
        If a rule is broken; names file, tensor and byte.

    Examples
    --------
    >>> text = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    >>> parse_header(text, file_size=8 + len(text) + 8, path="a.safetensors").tensors[0]
    TensorInfo('w', F32 [2], shard 0, bytes 62..70)
    """

    def fetch(offset: int, length: int) -> bytes:
        return header[offset : offset + length]

    return read_table(fetch, len(header), file_size=file_size, path=path, shard=shard)


def read_table(
    fetch: Callable[[int, int], bytes],
    header_size: int,
    *,
    file_size: int,
    path: str,
    shard: int = 0,
) -> TensorTable:
    """Read the tensor table from a header, piece by piece; see `parse_header`.

    Parameters
    ----------
    fetch : callable
        ``fetch(offset, length)`` returns that part of the JSON text.
    header_size : int
        Length of the JSON text in bytes.
    file_size, path, shard
        As for `parse_header`.
    """
    data_start = LENGTH_BYTES + header_size
    try:
        cursor = JsonCursor(fetch, header_size)
        table = _read_object(cursor, data_start, file_size - data_start, shard)
    except JsonFault as fault:
        offset = None if fault.offset is None else LENGTH_BYTES + fault.offset
        raise HeaderError(fault.problem, path=path, tensor=fault.tensor, offset=offset) from None
    tensors = table.tensors
    _check_names(tensors, path)  # first: entries of one name may overlap, too
    if not _in_sequence(tensors, data_start):
        tensors = _by_offset(tensors)
        _check_sequence(tensors, data_start, path)
    _check_end(tensors, data_start, file_size, path)
    return TensorTable(tensors, table.metadata)


def _read_object(cursor: JsonCursor, data_start: int, data_size: int, shard: int) -> TensorTable:
    if cursor.data.startswith(b"\xef\xbb\xbf"):
        cursor.fail("the header starts with a byte order mark", 0)
    if cursor.peek_on() != b"{":
        cursor.fail(f"the header is {cursor.describe()}, not a JSON object")
    cursor.take(b"{")
    entries = EntryColumns()
    metadata: dict[str, str] = {}
    seen_metadata = False
    more = cursor.peek_on() != b"}"
    if not more:
        cursor.take(b"}")
    apart = 0  # entries that are to be read one by one
    in_vain = 1
    while more:
        if not apart:
            known = len(entries)
            apart = read_usual_entries(cursor, entries, data_start, data_size)
            # Where one entry is unusual, most are: the longer that lasts, the rarer it is asked.
            in_vain = 1 if len(entries) > known else min(2 * in_vain, _RAREST)
            apart = max(apart, in_vain)
        start = cursor.pos
        try:
            name, value, more = _read_entry(cursor, data_size, seen_metadata=seen_metadata)
        except JsonFault as fault:
            # Either the entry is wrong, or the window ends within it.
            cursor.pos = start
            if fault.certain or not cursor.extend():
                raise
            continue
        apart -= 1
        if isinstance(value, Entry):
            storage = value.dtype, value.shape, value.end - value.begin
            entries.add(name, storage, data_start + value.begin)
        else:
            seen_metadata = True
            metadata.update(value)
    if cursor.peek_on():
        cursor.fail(f"after the header's object comes {cursor.describe()}")
    return TensorTable(entries.tensors(shard), metadata)


def _read_entry(
    cursor: JsonCursor, data_size: int, *, seen_metadata: bool
) -> tuple[str, Entry | dict[str, str], bool]:
    """Read one entry field by field; return its name, its content and whether another follows."""
    where = "at the top level of the header"
    start = cursor.pos
    name = cursor.key(where)
    value: Entry | dict[str, str]
    if name == METADATA:
        if seen_metadata:
            cursor.fail("the header has __metadata__ twice", start)
        value = read_metadata(cursor)
    else:
        try:
            value = read_flat_entry(cursor, data_size) or read_entry(cursor, data_size)
        except JsonFault as fault:
            fault.tensor = name
            raise
    return name, value, cursor.more(b"}", where)


def _in_sequence(tensors: Tensors, data_start: int) -> bool:
    """Whether the data of each tensor begin where those of the one before end."""
    import numpy as np

    offsets = np.asarray(tensors.offsets)
    ends = offsets + numbers_of(tensors.nbytes, int, np.int64)
    return bool((offsets == np.append(data_start, ends[:-1])[: len(offsets)]).all())


def _by_offset(tensors: Tensors) -> Tensors:
    """Return the tensors sorted by offset; among those at the same offset the empty ones first."""
    import numpy as np

    nbytes = numbers_of(tensors.nbytes, int, np.int64)
    return tensors.take(np.lexsort((nbytes, np.asarray(tensors.offsets))))


def _check_sequence(tensors: Tensors, data_start: int, path: str) -> None:
    """Check that the data of tensors sorted by offset follow each other without gap or overlap."""
    if _in_sequence(tensors, data_start):
        return
    expected = data_start
    before = None
    for tensor in tensors:
        if tensor.offset != expected:
            neighbour = f"tensor '{printable(before.name)}'" if before else "the header"
            if tensor.offset > expected:
                between = tensor.offset - expected
                problem = (
                    f"{counted(between, 'byte')} that {agreeing(between, 'belongs', 'belong')} to "
                    f"no tensor {agreeing(between, 'lies', 'lie')} before it"
                )
            else:
                problem = (
                    f"its data begin {counted(expected - tensor.offset, 'byte')} inside {neighbour}"
                )
            raise HeaderError(problem, path=path, tensor=tensor.name, offset=tensor.offset)
        expected += tensor.nbytes
        before = tensor


def _check_end(tensors: Tensors, data_start: int, file_size: int, path: str) -> None:
    """Check that the data of the tensors, which follow each other, end where the file does."""
    end = tensors.offsets[-1] + tensors.nbytes[-1] if tensors else data_start
    if end != file_size:
        raise HeaderError(
            f"{counted(file_size - end, 'byte')} at the end of the file "
            f"{agreeing(file_size - end, 'belongs', 'belong')} to no tensor",
            path=path,
            tensor=tensors.names[-1] if tensors else None,
            offset=end,
        )


def _check_names(tensors: Tensors, path: str) -> None:
    # Sorting needs an eighth of the memory of a set of a million names.
    names = sorted(tensors.names)
    if not any(map(eq, names, islice(names, 1, None))):
        return
    first: dict[str, int] = {}
    for name, offset in zip(tensors.names, tensors.offsets, strict=True):
        if name in first:
            raise HeaderError(
                f"the name is used twice: its data begin at byte {first[name]} "
                f"and at byte {offset}",
                path=path,
                tensor=name,
                offset=offset,
                hint="programs disagree on which one counts: the file has to be written again",
            )
        first[name] = offset

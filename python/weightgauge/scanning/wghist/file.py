"""The histograms of a model as one safetensors file, by custom named ``.wghist``.

It has three tensors, whatever the number of slices. ``table`` (U64) has a row for each slice: low
bits left out of a key, zeros, NaNs, Infs, the key of the largest magnitude, the number of entries,
and the bytes of a step, of a count and of a residual. ``description`` (U8) is a JSON document with
everything else. ``counts`` (U8) has for each slice, one after the other, the steps, counts and
residuals of its `PackedHistogram`, little-endian. The metadata name the format and its version, and
have a digest of all of it.

A file is read as if a stranger had written it. The description comes first; what it says of shapes
and formats bounds the table, the table has to account for every byte of the counts, and only then
are counts read, slice by slice.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from weightgauge.checkpoint.byte_source import MemoryBytes
from weightgauge.checkpoint.formats import HISTOGRAMS
from weightgauge.checkpoint.safetensors.writing import WrittenTensor
from weightgauge.checkpoint.strict_json import JsonFault, loads
from weightgauge.dtypes import DTYPE_BITS
from weightgauge.files import write_atomically
from weightgauge.magnitudes.counts_file import (
    PIECE_BYTES,
    CountsForm,
    CountsReader,
    counts_file,
    open_counts,
)
from weightgauge.scanning.packed_histogram import PackedHistogram, unpack
from weightgauge.scanning.saved_model import SavedModel, SavedSlice
from weightgauge.scanning.wghist.description import Counted, described, told
from weightgauge.scanning.wghist.schema import MOST_ELEMENTS, DescriptionError
from weightgauge.wording import agreeing, counted

ENDING = HISTOGRAMS.suffixes[0]
FORMAT = "weightgauge.histograms"
FORM = CountsForm(
    format=FORMAT,
    version="4",
    tensors={"table": ("U64", 2), "description": ("U8", 1), "counts": ("U8", 1)},
)

MOST_DESCRIPTION_BYTES = 4_000_000_000
"""Longest description: about a thousand bytes a slice, and as many slices as anybody has."""

_FEWEST_SLICE_BYTES = 500  # of a slice's description: the names of its members take more
_WIDTHS = (1, 2, 4, 8)
_ARRAYS = ("steps", "counts", "residuals")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Row(NamedTuple):
    """What the table says of one slice; all 0 where it has no counts."""

    dropped_bits: int = 0
    zeros: int = 0
    nans: int = 0
    infs: int = 0
    max_key: int = 0
    entries: int = 0
    step_bytes: int = 0
    count_bytes: int = 0
    residual_bytes: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of its counts."""
        return self.entries * (self.step_bytes + self.count_bytes + self.residual_bytes)


_COLUMNS = len(_Row._fields)
_ROW_BYTES = 8 * _COLUMNS


def write_histograms(histograms: SavedModel, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write the histograms of a model; see `ModelHistograms.save`."""
    content = file_content(described(histograms), histograms.slices)
    # A file that could not be read again is no use to anybody: nothing is replaced by it.
    _read(CountsReader(MemoryBytes(content, os.fsdecode(path)), FORM))
    write_atomically(path, content, force=force)


def file_content(description: Any, slices: Sequence[SavedSlice]) -> bytes:
    """Return the content of a file of histograms.

    Parameters
    ----------
    description : object
        What `described` returned.
    slices : sequence of SavedSlice
        The slices, with their counts.

    Returns
    -------
    bytes
        The same for the same counts every time.
    """
    rows = np.zeros((len(slices), _COLUMNS), "<u8")
    counts: list[bytes] = []
    for i, item in enumerate(slices):
        packed = item.packed
        if packed is None:
            continue
        arrays = [getattr(packed, name) for name in _ARRAYS]
        rows[i] = _Row(
            packed.dropped_bits,
            packed.zeros,
            packed.nans,
            packed.infs,
            packed.max_key,
            len(packed.counts),
            *(array.itemsize if array.size else 0 for array in arrays),
        )
        counts += [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays]
    text = json.dumps(description, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    # Names of files that are not UTF-8 hold lone surrogates, which no UTF-8 has.
    text = _SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)
    raw = text.encode()
    tensors = [
        WrittenTensor("table", "U64", rows.shape, [rows.tobytes()]),
        WrittenTensor("description", "U8", (len(raw),), [raw]),
        WrittenTensor("counts", "U8", (sum(map(len, counts)),), counts),
    ]
    return counts_file(FORM, tensors)


def read_histograms(path: str | os.PathLike[str]) -> SavedModel:
    """Read the histograms of a model; see `ModelHistograms.load`."""
    with open_counts(path, FORM) as reader:
        return _read(reader)


def _read(reader: CountsReader) -> SavedModel:
    model, counted = _description(reader)
    rows = _rows(reader, counted)
    slices = tuple(
        item if how is None else item._replace(packed=_packed(reader, number, item, how, row))
        for number, (item, how, row) in enumerate(zip(model.slices, counted, rows, strict=True))
    )
    reader.check_digest()
    return replace(model, slices=slices)


def _description(reader: CountsReader) -> tuple[SavedModel, list[Counted | None]]:
    """Read and check the description, against the length of the table as well."""
    (length,) = reader.shape("description")
    slices, columns = reader.shape("table")
    if columns != _COLUMNS:
        reader.fail("table", f"has {columns:,} columns, not {_COLUMNS}")
    if length > MOST_DESCRIPTION_BYTES:
        reader.fail("description", f"has {length:,} bytes, above {MOST_DESCRIPTION_BYTES:,}")
    if slices * _FEWEST_SLICE_BYTES > length:
        reader.fail("table", f"has {slices:,} rows, more than are described")
    text = bytearray()
    while len(text) < length:
        piece = reader.read("description", min(PIECE_BYTES, length - len(text)))
        if b"\0" in piece:  # as in a sparse file, whose end nobody wants to wait for
            reader.fail("description", "is no text")
        text += piece
    try:
        model, counted = told(loads(bytes(text)))
    except JsonFault as error:
        reader.fail("description", error.problem)
    except DescriptionError as error:
        reader.fail("description", str(error))
    if len(counted) != slices:
        reader.fail("description", f"has {len(counted):,} slices, and the table {slices:,} rows")
    return model, counted


def _rows(reader: CountsReader, counted: Sequence[Counted | None]) -> list[_Row]:
    """Read the table, and check that it accounts for all bytes of the counts."""
    raw = reader.read("table", _ROW_BYTES * len(counted))
    words = np.frombuffer(raw, "<u8").reshape(len(counted), _COLUMNS)
    rows = [_Row(*row) for row in words.tolist()]
    for number, (row, how) in enumerate(zip(rows, counted, strict=True)):
        problem = _problem(row, how)
        if problem:
            reader.fail(f"table[{number}]", problem)
    (stored,) = reader.shape("counts")
    needed = sum(row.nbytes for row in rows)
    if stored != needed:
        reader.fail("counts", f"have {stored:,} bytes, and the table accounts for {needed:,}")
    return rows


def _problem(row: _Row, how: Counted | None) -> str:
    """Say why a row of the table does not fit the description of its slice; "" if it does."""
    if how is None:
        return "has counts, and the description none" if any(row) else ""
    bits = DTYPE_BITS[how.dtype]
    if row.dropped_bits >= bits:
        left = f"{counted(row.dropped_bits, 'bit')} {agreeing(row.dropped_bits)} left out"
        return f"{left} of keys of {how.dtype}"
    if row.entries > min(how.elements, 1 << bits - row.dropped_bits):
        return f"has {row.entries:,} entries, more than {how.elements:,} elements can have"
    widths = (row.step_bytes, row.count_bytes, row.residual_bytes)
    needed = (1, 1, row.dropped_bits > 0) if row.entries else (0, 0, 0)
    for width, wanted in zip(widths, needed, strict=True):
        if width not in (_WIDTHS if wanted else (0,)):
            return f"{width} bytes are no width of its numbers"
    return ""


def _packed(
    reader: CountsReader, number: int, item: SavedSlice, how: Counted, row: _Row
) -> PackedHistogram:
    """Read the counts of one slice and check them against its description."""
    entries = row.entries
    packed = PackedHistogram(
        how.dtype,
        row.dropped_bits,
        reader.words("counts", row.step_bytes or 1, entries, zeros=1),
        reader.words("counts", row.count_bytes or 1, entries, zeros=0),
        reader.words(
            "counts",
            row.residual_bytes or 1,
            entries if row.residual_bytes else 0,
            zeros=entries,
        ),
        row.zeros,
        row.nans,
        row.infs,
        row.max_key,
        how.rms,
    )
    where = f"counts of slices[{number}]"
    if item.scale != 1.0 and (row.dropped_bits or how.dtype == "F64"):
        reader.fail(where, "are of bins or of F64, which are not scaled")
    try:
        histogram = unpack(packed)
    except ValueError as error:
        reader.fail(where, str(error))
    elements = histogram.n + row.zeros + row.nans + row.infs
    if elements != how.elements or elements > MOST_ELEMENTS:
        reader.fail(where, f"are {elements:,}, and the description says {how.elements:,}")
    fit = item.fit
    if item.scale == 1.0 and (fit.n, fit.zeros) != (histogram.n, row.zeros):
        reader.fail(where, "are not those of the elements and zeros that the description has")
    return packed

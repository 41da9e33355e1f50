"""Entries that are read many at a time are read as field by field, whatever the header says."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders import pack
from header_cases import parse, refused
from weightgauge.checkpoint.safetensors.header_entry import byte_length
from weightgauge.errors import HeaderError

NAMES = st.text(max_size=8) | st.sampled_from(["__metadata__", "h.0.weight", "\u00e9", "a\\"])
SHAPES = st.lists(st.integers(0, 4), max_size=4)
PUT = [b"", *(bytes([byte]) for byte in b'09, "\\{}[]:-\xff\x00'), b"\xc3\xa9"]
PUT += [b"dtype", b"null", b"1e3", b"99999999999999999999"]
DTYPES = st.sampled_from(["BF16", "F32", "U8", "F4", "BOOL", "C64"])


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return a valid header, spelled in one of many ways, and how many bytes of data it is for."""
    entries: dict[str, Any] = {}
    end = 0
    for name in draw(st.lists(NAMES, max_size=6, unique=True)):
        if name == "__metadata__":
            entries[name] = {"format": "pt"}
            continue
        dtype, shape = draw(DTYPES), draw(SHAPES)
        if dtype == "F4":
            shape = [*shape, 2]  # whole bytes
        begin, end = end, end + byte_length(dtype, tuple(shape))
        fields = [("dtype", dtype), ("shape", shape), ("data_offsets", [begin, end])]
        entries[name] = dict(draw(st.permutations(fields)))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))
    text = json.dumps(entries, ensure_ascii=draw(st.booleans()), separators=separators)
    return text.encode(errors="surrogatepass"), end


@settings(max_examples=300, deadline=None)
@given(headers())
def test_valid_headers_are_read_as_field_by_field(header: tuple[bytes, int]) -> None:
    text, data_size = header
    try:
        tensors = parse(pack(text, bytes(data_size)))
    except HeaderError as error:
        assert "UTF-8" in str(error) or "surrogate" in str(error)
    else:
        names = [name for name in json.loads(text) if name != "__metadata__"]
        assert sorted(tensor.name for tensor in tensors) == sorted(names)


@settings(max_examples=500, deadline=None)
@given(
    headers(),
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 3),
            st.sampled_from(PUT),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_damaged_headers_are_told_as_field_by_field(
    header: tuple[bytes, int], damages: list[tuple[int, int, bytes]]
) -> None:
    text, data_size = header
    for at, removed, put in damages:
        at %= len(text) + 1
        text = text[:at] + put + text[at + removed :]
    if text:
        try:
            parse(pack(text, bytes(data_size)))
        except HeaderError as error:
            assert "model.safetensors" in str(error)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=80))
@example(b'{"\xff":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"b":1}')
def test_any_bytes_are_told_as_field_by_field(text: bytes) -> None:
    try:
        parse(struct.pack("<Q", len(text)) + text)
    except HeaderError as error:
        assert "model.safetensors" in str(error)


@pytest.mark.parametrize("wrong", [0, 1, 7, 8, 9])
def test_the_first_wrong_entry_of_many_is_named(wrong: int) -> None:
    entries = {
        f"h.{i}.weight": {"dtype": "U8", "shape": [2], "data_offsets": [2 * i, 2 * i + 2]}
        for i in range(10)
    }
    entries[f"h.{wrong}.weight"]["shape"] = [3]
    error = refused(pack(json.dumps(entries).encode(), bytes(20)))
    assert error.tensor == f"h.{wrong}.weight"
    assert "span 2 bytes, but U8 [3] takes 3" in str(error)


def test_names_need_not_be_ascii() -> None:
    entries = {
        name: {"dtype": "U8", "shape": [], "data_offsets": [i, i + 1]}
        for i, name in enumerate(["caf\u00e9", "\u65e5\u672c", "\U0001f600", "plain"])
    }
    text = json.dumps(entries, ensure_ascii=False).encode()
    assert [tensor.name for tensor in parse(pack(text, bytes(4)))] == list(entries)

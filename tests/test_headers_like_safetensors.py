"""Headers are read as the package `safetensors` reads them, but for what is listed here.

Whatever one of both accepts, the other does, and every format, shape and byte of data is the same.
What is refused here and accepted there is one of `STRICTER`; nothing is accepted here alone.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders import pack
from header_cases import parse
from weightgauge.errors import HeaderError

STRICTER = {
    "a name twice": r"the name is used twice|is there twice",
    "an unknown field twice": r"the field .* is there twice",
    "a key of the metadata twice": r"__metadata__ has the key .* twice",
    "a product that overflows behind a zero": r"the product of the shape .* is 2\^64 or more",
    "more than 64 dimensions": r"more than 64 dimensions",
    "more than 1,000 fields": r"more than 1,000 fields",
    "more than 100,000 keys of the metadata": r"more than 100,000 keys",
    "more than 100 levels": r"nested deeper than 100 levels",
    "more than 65,536 bytes of an unknown value": r"not closed within 65,536 bytes",
    "an integer of more than 300 digits": r"holds an integer of 301 digits",
    "a key twice in an unknown value": r"has the key .* twice in one object",
    "an entry that is a list": r"the entry is a list",
    "a format that is an object": r"dtype is an object",
}
"""What is refused here though the package accepts it, and the words that tell it."""

READ = st.sampled_from(
    ["F32", "BF16", "F16", "U8", "F64", "F8_E4M3", "F4", "BOOL", "C64", "F6_E2M3"]
)
BITS = {"F4": 4, "F6_E2M3": 6, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F16": 16, "BF16": 16, "F32": 32}
BITS |= {"F64": 64, "C64": 64}
PUT = st.sampled_from(
    [
        *(*'"{}[],:-0129', "null", "true", "1e1", "1.0", "\\u0061", "\\", "\n", " ", "9" * 20, "é"),
        *('"a":1,', '"x":{},', '"dtype":"F32",', '"shape":[2],', "[[1]]", "18446744073709551615"),
    ]
)


def theirs(content: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]] | None:
    """Return what the package reads of a file; None where it refuses it."""
    try:
        read = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        return None
    return {name: (view["dtype"], tuple(view["shape"]), bytes(view["data"])) for name, view in read}


def assert_alike(content: bytes) -> bool:
    """Compare both readers; return whether the file is accepted."""
    wanted = theirs(content)
    try:
        read = parse(content)
    except HeaderError as error:
        if wanted is not None:
            assert any(re.search(words, str(error)) for words in STRICTER.values()), str(error)
        return False
    assert wanted is not None
    assert {
        each.name: (each.dtype, each.shape, content[each.offset : each.offset + each.nbytes])
        for each in read
    } == wanted
    return True


def distinct(size: int) -> bytes:
    """Return bytes in which every place but the last few is told from every other."""
    return b"".join(i.to_bytes(2, "little") for i in range((size + 1) // 2))[:size]


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A header's content, most of which fits its data, and the data."""
    table: dict[str, Any] = {}
    end = 0
    for name in draw(st.lists(st.text(max_size=6), max_size=5, unique=True)):
        dtype = draw(READ)
        shape = draw(st.lists(st.integers(0, 5), max_size=4))
        size = BITS[dtype]
        for side in shape:
            size *= side
        begin, end = end, end + size // 8
        table[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    if draw(st.booleans()):
        table["__metadata__"] = draw(
            st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
        )
    order = draw(st.permutations(list(table)))
    return {name: table[name] for name in order}, distinct(end)


@settings(max_examples=400)
@given(tables(), st.booleans(), st.sampled_from([None, 1]))
def test_valid_headers(table: tuple[dict[str, Any], bytes], ascii_only: bool, indent: int) -> None:
    header, data = table
    text = json.dumps(header, ensure_ascii=ascii_only, indent=indent)
    assert_alike(pack(text.encode(errors="surrogatepass"), data))


NUMBERS = st.integers(-1, 40) | st.sampled_from([2**31, 2**32, 2**63, 2**64 - 1, 2**64, 10**30])
ODD = st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=4) | st.lists(NUMBERS)


@settings(max_examples=400)
@given(tables(), st.data())
def test_a_field_with_another_value(
    table: tuple[dict[str, Any], bytes], data: st.DataObject
) -> None:
    header, content = table
    names = [name for name in header if name != "__metadata__"]
    if names:
        entry = header[data.draw(st.sampled_from(names))]
        entry[data.draw(st.sampled_from(["dtype", "shape", "data_offsets", "other"]))] = data.draw(
            ODD | st.lists(st.integers(0, 5), max_size=3) | READ
        )
    assert_alike(pack(json.dumps(header), content))


@settings(max_examples=600)
@given(tables(), st.lists(st.tuples(st.integers(0, 999), st.integers(0, 3), PUT), max_size=3))
def test_damaged_headers(
    table: tuple[dict[str, Any], bytes], damages: list[tuple[int, int, str]]
) -> None:
    header, content = table
    text = json.dumps(header)
    for at, removed, put in damages:
        at %= len(text) + 1
        text = text[:at] + put + text[at + removed :]
    assert_alike(pack(text, content))


@settings(max_examples=200)
@given(st.binary(min_size=8, max_size=80), st.booleans())
@example(b"\x02\0\0\0\0\0\0\0{}", False)
@example(b"\x03\0\0\0\0\0\0\0{} ", False)
@example(b"\x02\0\0\0\0\0\0\0 {}", False)
def test_any_bytes(content: bytes, fitting: bool) -> None:
    if fitting:
        content = (len(content) - 8).to_bytes(8, "little") + content[8:]
    if int.from_bytes(content[:8], "little") <= len(content) - 8:
        assert_alike(content)


def entry(**fields: str) -> str:
    """Return the text of an entry of two bytes, with other fields."""
    usual = {"dtype": '"U8"', "shape": "[2]", "data_offsets": "[0,2]"} | fields
    return "{" + ",".join(f'"{name}":{value}' for name, value in usual.items()) + "}"


def with_field(*values: str) -> str:
    """Return a header whose entry has a field `x` with each of the values."""
    return f'{{"a":{entry()[:-1]}' + "".join(f',"x":{value}' for value in values) + "}}"


WRAPS = entry(shape="[0,1099511627776,1099511627776]", data_offsets="[0,0]")
CASES = {
    "a name twice": f'{{"a":{entry()},"a":{entry()}}}',
    "an unknown field twice": with_field("1", "1"),
    "a key of the metadata twice": f'{{"__metadata__":{{"k":"1","k":"2"}},"a":{entry()}}}',
    "a product that overflows behind a zero": f'{{"a":{WRAPS},"b":{entry()}}}',
    "more than 64 dimensions": f'{{"a":{entry(shape="[2" + ",1" * 64 + "]")}}}',
    "more than 1,000 fields": f'{{"a":{entry(**{f"x{i}": "1" for i in range(998)})}}}',
    "more than 100,000 keys of the metadata": '{"__metadata__":{'
    + ",".join(f'"{i}":""' for i in range(100_001))
    + f'}},"a":{entry()}}}',
    "more than 100 levels": with_field("[" * 101 + "]" * 101),
    "more than 65,536 bytes of an unknown value": with_field("[" + "1," * 32_768 + "1]"),
    "an integer of more than 300 digits": with_field("1" * 301),
    "a key twice in an unknown value": with_field('{"k":1,"k":1}'),
    "an entry that is a list": '{"a":["U8",[2],[0,2]]}',
    "a format that is an object": '{"a":' + entry(dtype='{"U8":null}') + "}",
}


@pytest.mark.parametrize("case", STRICTER)
def test_what_is_refused_here_alone(case: str) -> None:
    content = pack(CASES[case], bytes(2))
    assert theirs(content) is not None
    with pytest.raises(HeaderError, match=STRICTER[case]):
        parse(content)


@pytest.mark.parametrize(
    "value", ["1e999", "-1e999", "9" * 400, "9" * 5000, "[1e999]", '"\\ud800"']
)
@pytest.mark.parametrize("other", ["", ',"y":"\\u0041"'])
def test_values_that_nobody_reads_are_refused_by_both(value: str, other: str) -> None:
    """Read at one stroke and field by field, where an escape is."""
    content = pack(with_field(value)[:-2] + other + "}}", bytes(2))
    assert theirs(content) is None
    with pytest.raises(HeaderError, match="'a'"):
        parse(content)


@pytest.mark.parametrize(
    "value", ["1e308", "1" * 290, "5e-324", "-0", "[[1.5]]", '"\\ud83d\\ude00"']
)
def test_other_values_that_nobody_reads_are_read_by_both(value: str) -> None:
    assert assert_alike(pack(with_field(value), bytes(2)))

"""The JSON of a header, its metadata, and names that come twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders import entry, pack
from header_cases import (
    EIGHT,
    entry_text,
    limited,
    parse,
    refused,
)
from weightgauge.checkpoint.safetensors import header
from weightgauge.checkpoint.safetensors.header import parse_header, read_table
from weightgauge.errors import HeaderError

# ---------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    ("header", "offset"),
    [
        (b'{"\xff":{}}', 10),
        (b'{"\xed\xa0\x80":{}}', 10),
        (b"\xef\xbb\xbf{}", 8),
        (b'{"a":{"dtype":"F32","sha', None),
        (b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', None),
        (b'{"a":NaN}', None),
        (b'{"a":Infinity}', None),
        (b"[]", 8),
        (b'"a"', 8),
        (b"null", 8),
        (b"   ", None),
        (b"{}{}", 10),
        (b'{} {"a":1}', 11),
        (b"{}\x00", 10),
        (b"{,}", 9),
        (b'{"a":' + json.dumps(entry("F32", [0], 0, 0)).encode() + b",}", None),
        (b'{"a\n":{}}', 9),
        (b'{"\\x41":{}}', 9),
        (b'{"\\ud800":{}}', 9),
        (b"{'a':{}}", 9),
    ],
    ids=[
        "not_utf8",
        "utf8_surrogate",
        "byte_order_mark",
        "truncated",
        "nan_in_shape",
        "nan",
        "infinity",
        "top_level_list",
        "top_level_string",
        "top_level_null",
        "only_spaces",
        "second_document",
        "second_document_after_space",
        "nul_behind",
        "comma_alone",
        "trailing_comma",
        "raw_control_character",
        "bad_escape",
        "half_a_surrogate_pair",
        "single_quotes",
    ],
)
def test_header_that_is_not_one_strict_json_object(header: bytes, offset: int | None) -> None:
    error = refused(pack(header))
    assert error.offset is not None
    if offset is not None:
        assert error.offset == offset


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a":{"dtype":' + b"[" * 200_000,
        b'{"a":{"extra":' + b"[" * 200_000 + b"]" * 200_000 + b"}}",
        b'{"a":{"extra":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}}",
        b'{"__metadata__":{"a":' + b"[" * 200_000 + b"}}",
    ],
    ids=["lists", "objects", "in_dtype", "in_unknown_field", "objects_in_field", "in_metadata"],
)
def test_deep_nesting_is_a_quick_error(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pack(header))
    limited(f"refuse({str(path)!r})", extra_bytes=200_000_000, cpu_seconds=10)


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":{"dtype":"F32","shape":[' + b"1," * 10_000_000 + b"1]}}",
        b'{"a":{"dtype":"F32","shape":[' + b"1" * 20_000_000 + b"]}}",
        b'{"a":{"extra":[' + b"[]," * 6_000_000 + b"[]]}}",
        b'{"a":[' + b"[]," * 6_000_000 + b"[]]}",
        b'{"' + b"\\n" * 10_000_000 + b'":1}',
        b" " * 20_000_000,
    ],
    ids=["long_shape", "long_number", "many_lists", "list_entry", "long_escapes", "spaces"],
)
def test_large_hostile_header_does_not_grow_in_memory(tmp_path: Path, value: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pack(value))
    # ten bytes for each byte of the file, where json.loads would need up to a hundred
    limited(f"refuse({str(path)!r})", extra_bytes=200_000_000, cpu_seconds=20)


def test_white_space_round_the_header_is_accepted() -> None:
    table = f'{{"h.7.weight":{entry_text()}}}'
    for text in (f" \n\t\r{table}", f"{table} \n\t\r", " " * 3_000_000 + table + " " * 3_000_000):
        (tensor,) = parse(pack(text, EIGHT))
        assert tensor.name == "h.7.weight"
        assert tensor.offset == 8 + len(text)


def test_white_space_and_order_inside_do_not_matter() -> None:
    text = """
    { "b" : { "data_offsets" : [ 4 , 8 ] ,
              "shape" : [ 1 ] , "dtype" : "F32" } ,
      "a" :\t{ "dtype":"F32", "shape":[\n1\r\n], "data_offsets":[0,4] } }
    """
    assert [(t.name, t.shape, t.nbytes) for t in parse(pack(text, EIGHT))] == [
        ("a", (1,), 4),
        ("b", (1,), 4),
    ]


def test_unknown_field_is_ignored_as_the_format_does() -> None:
    text = f'{{"w":{entry_text()[:-1]},"extra":{{"deep":[1,"]}}",null]}},"note":"x","n":-1.5e3}}}}'
    assert [tensor.name for tensor in parse(pack(text, EIGHT))] == ["w"]
    bad = text.replace("null", "NaN")
    assert refused(pack(bad, EIGHT)).tensor == "w"
    twice = text.replace('"deep"', '"deep":1,"deep"')
    assert "twice" in str(refused(pack(twice, EIGHT)))


# ---------------------------------------------------------------- metadata and repeated names


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [("null", {}), ("{}", {}), ('{"format":"pt","\\u0061":"\\u00e9"}', {"format": "pt", "a": "é"})],
    ids=["null", "empty", "strings"],
)
def test_metadata_is_null_or_strings(metadata: str, expected: dict[str, str]) -> None:
    header = f'{{"__metadata__":{metadata}}}'.encode()
    table = parse_header(header, file_size=8 + len(header), path="model.safetensors")
    assert table.metadata == expected
    assert list(table.tensors) == []


@pytest.mark.parametrize(
    "metadata",
    ['{"a":1}', '{"a":null}', '{"a":{"b":"c"}}', "[]", '"a"', "1", "true", entry_text()],
)
def test_metadata_that_is_not_strings(metadata: str) -> None:
    assert "__metadata__" in str(refused(pack(f'{{"__metadata__":{metadata}}}')))


@pytest.mark.parametrize("second", ["h.7.weight", "h.7.\\u0077eight", "\\u0068\\u002e7.weight"])
def test_duplicate_tensor_name_also_as_an_escape(second: str) -> None:
    half = entry_text(shape="[1]", offsets="[0,4]")
    other = entry_text(shape="[1]", offsets="[4,8]")
    error = refused(pack(f'{{"h.7.weight":{half},"{second}":{other}}}', EIGHT))
    assert error.tensor == "h.7.weight"
    assert "twice" in str(error)
    assert "h.7.weight" in str(error)


def test_duplicate_of_an_empty_tensor() -> None:
    empty = entry_text(shape="[0]", offsets="[0,0]")
    error = refused(pack(f'{{"h.7.weight":{empty},"h.7.weight":{empty}}}'))
    assert error.tensor == "h.7.weight"


@pytest.mark.parametrize(
    "text",
    [
        '"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]',
        '"dtype":"F32","shape":[2],"data_offsets":[0,8],"sh\\u0061pe":[2]',
        '"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]',
        '"x":1,"x":1,"dtype":"F32","shape":[2],"data_offsets":[0,8]',
    ],
    ids=["dtype", "shape_as_escape", "data_offsets", "unknown"],
)
def test_duplicate_field(text: str) -> None:
    error = refused(pack(f'{{"h.7.weight":{{{text}}}}}', EIGHT))
    assert error.tensor == "h.7.weight"
    assert "twice" in str(error)


@pytest.mark.parametrize(
    "header",
    [
        '{"__metadata__":{"a":"1","a":"2"}}',
        '{"__metadata__":{"a":"1","\\u0061":"2"}}',
        '{"__metadata__":{},"__metadata__":{}}',
        '{"__metadata__":{},"\\u005f_metadata__":{}}',
    ],
    ids=["key", "key_as_escape", "whole", "whole_as_escape"],
)
def test_duplicate_metadata(header: str) -> None:
    assert "twice" in str(refused(pack(header)))


# ---------------------------------------------------------------- limits


class Fetched:
    """The text of a header, and how much of it was asked for."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.bytes = 0

    def __call__(self, offset: int, length: int) -> bytes:
        self.bytes += length
        return self.text[offset : offset + length]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '{"w":{' + ",".join(f'"{i:x}":0' for i in range(1_000_000)) + "}}",
            "the entry has more than 1,000 fields",
        ),
        (
            '{"__metadata__":{' + ",".join(f'"{i:x}":""' for i in range(1_000_000)) + "}}",
            "__metadata__ has more than 100,000 keys",
        ),
        (
            '{"w":{"x":[' + "0," * 5_000_000 + "0]}}",
            "a value is not closed within 65,536 bytes",
        ),
    ],
    ids=["fields", "metadata", "ignored_value"],
)
def test_what_is_beyond_a_limit_is_not_read_on(text: str, problem: str) -> None:
    fetch = Fetched(text.encode())
    with pytest.raises(HeaderError, match=problem):
        read_table(fetch, len(fetch.text), file_size=8 + len(fetch.text), path="m")
    assert fetch.bytes <= 4 << 20 < len(fetch.text)


def test_as_many_fields_as_may_be() -> None:
    more = "".join(f',"{i}":0' for i in range(997))
    text = entry_text()[:-1] + more
    assert len(parse(pack(f'{{"w":{text}}}}}', EIGHT))) == 1
    assert "1,000 fields" in str(refused(pack(f'{{"w":{text},"x":0}}}}', EIGHT)))


@pytest.mark.parametrize("length", [10, 255, 256, 257, 2048, 3_000_000])
@pytest.mark.parametrize("piece", [r"\n", r"\u00e9", r"\"", r"\\", r"\ud83d\ude00", "é"])
def test_names_full_of_escapes(length: int, piece: str) -> None:
    spelled = piece * (length // len(piece.encode()))
    (tensor,) = parse(pack(f'{{"w{spelled}":{entry_text()}}}', EIGHT))
    assert tensor.name == json.loads(f'"w{spelled}"')


# ---------------------------------------------------------------- entries read at one stroke


@pytest.mark.parametrize(
    "value",
    [
        *("0", "-0", "01", "1.5", "1e999", "true", "null", "NaN", "Infinity", "[0,[1]]", "{}"),
        *('"x"', '"{"', '"}"', '"\\u0041"', '"\\ud800"', '"\x01"', '"é"', "[1,2,]", "tru", ""),
        "9" * 5000,
        *("[" * levels + "]" * levels for levels in (1, 99, 100, 101, 1900)),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        '{{"dtype":"F32","x":{},"shape":[2],"data_offsets":[0,8]}}',
        '{{ "x" : {} , "data_offsets":[0, 8], "shape": [ 2 ] ,"dtype":"F32" }}',
        '{{"dtype":"F32","shape":{},"data_offsets":[0,8]}}',
        '{{"dtype":"F32","shape":[{}],"data_offsets":[0,8]}}',
        '{{"dtype":"F32","shape":[2],"data_offsets":[{},8]}}',
        '{{"dtype":"F32","shape":[2],"data_offsets":[0,{}]}}',
        '{{"dtype":{},"shape":[2],"data_offsets":[0,8]}}',
        '{{"dtype":"F32","shape":[2],"data_offsets":[0,8],"dtype":{}}}',
    ],
)
def test_entries_read_at_one_stroke_are_those_read_field_by_field(
    text: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = pack(f'{{"w":{text.format(value)}}}', EIGHT)

    def answer() -> object:
        try:
            return parse(raw)
        except HeaderError as error:
            return str(error), error.offset

    at_once = answer()
    monkeypatch.setattr(header, "read_flat_entry", lambda *_: None)
    assert answer() == at_once

"""The header of a safetensors file: every rule of the format, and every way to break it."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import TWO_FLOATS, entry, pack, safetensors_bytes, table_of
from weightgauge.checkpoint import TensorInfo, open_checkpoint
from weightgauge.checkpoint.dtypes import DTYPE_BITS
from weightgauge.checkpoint.header import parse_header
from weightgauge.errors import CheckpointError, HeaderError, NotACheckpointError, printable

VALID = safetensors_bytes(
    {
        "h.0.attn.weight": ("F32", [2, 3], bytes(24)),
        "h.0.attn.bias": ("BF16", [3], bytes(6)),
        "wte.weight": ("F16", [1], bytes(2)),
    },
    metadata={"format": "pt"},
)
EIGHT = bytes(8)


def parse(content: bytes) -> list[TensorInfo]:
    """Parse a file's bytes as if they were read from model.safetensors."""
    (length,) = struct.unpack_from("<Q", content)
    header = content[8 : 8 + length]
    return parse_header(header, file_size=len(content), path="model.safetensors").tensors


def open_bytes(tmp_path: Path, content: bytes) -> list[TensorInfo]:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    return list(open_checkpoint(path).tensors)


def refused(content: bytes, kind: type[CheckpointError] = HeaderError) -> CheckpointError:
    with pytest.raises(kind) as caught:
        parse(content)
    assert caught.value.path == "model.safetensors"
    assert "model.safetensors" in str(caught.value)
    return caught.value


def refused_file(
    tmp_path: Path, content: bytes, kind: type[CheckpointError] = HeaderError
) -> CheckpointError:
    with pytest.raises(kind) as caught:
        open_bytes(tmp_path, content)
    assert type(caught.value) is kind
    assert "model.safetensors" in str(caught.value)
    return caught.value


def entry_text(dtype: str = '"F32"', shape: str = "[2]", offsets: str = "[0,8]") -> str:
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'


def one_tensor(**fields: str) -> bytes:
    return pack(f'{{"h.7.weight":{entry_text(**fields)}}}', EIGHT)


# ---------------------------------------------------------------- the length


@pytest.mark.parametrize("content", [b"", b"\x10" + bytes(6)], ids=["empty_file", "seven_bytes"])
def test_file_too_short_for_a_length(tmp_path: Path, content: bytes) -> None:
    refused_file(tmp_path, content)


@pytest.mark.parametrize(
    "claimed",
    [0, 10**6, 100_000_001, 2**63, 2**64 - 1],
    ids=["zero", "above_file", "above_limit", "two_to_63", "two_to_64_less_1"],
)
def test_header_length_is_refused_and_named(tmp_path: Path, claimed: int) -> None:
    content = struct.pack("<Q", claimed) + b'{"a":1}' + bytes(9)
    error = refused_file(tmp_path, content)
    assert str(claimed) in str(error)
    assert error.offset == 0


def test_claimed_length_is_not_allocated(tmp_path: Path) -> None:
    sparse = tmp_path / "model.safetensors"
    with sparse.open("wb") as file:
        file.write(struct.pack("<Q", 2**63))
        file.truncate(2**40)
    limited(f"refuse({str(sparse)!r})", extra_bytes=50_000_000)


def test_every_prefix_of_a_valid_file_is_refused(tmp_path: Path) -> None:
    assert len(open_bytes(tmp_path, VALID)) == 3
    for length in range(len(VALID)):
        refused_file(tmp_path, VALID[:length])


# ---------------------------------------------------------------- other kinds of files


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (struct.pack(">Q", 60) + VALID[8:], "big-endian"),
        (b"GGUF\x03\x00\x00\x00" + bytes(64), "GGUF"),
        (b"GGUF\x03\x00\x00\x00" + struct.pack("<Q", 0x7B) + bytes(64), "GGUF"),
        (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS"),
        (b"PK\x03\x04\x00\x00\x08\x08" + bytes(80), "pickle"),
        (b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u.", "pickle"),
        (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.", "pickle"),
        (b"\x89HDF\r\n\x1a\n" + bytes(80), "HDF5"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + bytes(600_000), "gzip"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", "NumPy"),
        (b'{"model_type": "llama", "hidden_size": 4096}', "JSON"),
        (b"please download this file by hand\n", "text"),
    ],
    ids=[
        "big_endian_length",
        "gguf",
        "gguf_of_123_tensors",
        "html_page",
        "lfs_pointer",
        "zip_of_torch_save",
        "pickle_protocol_2",
        "pickle_protocol_4",
        "hdf5",
        "gzip_with_a_plausible_length",
        "npy",
        "json",
        "text",
    ],
)
def test_foreign_file_is_recognised(tmp_path: Path, content: bytes, expected: str) -> None:
    error = refused_file(tmp_path, content, NotACheckpointError)
    assert expected in str(error)


def test_pickle_is_never_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    # GLOBAL os.mkdir, one string argument, REDUCE: makes a directory when unpickled
    content = b"cos\nmkdir\n(V" + str(trap).encode() + b"\ntR."
    for payload in (content, b"\x80\x02" + content, pack(content)):
        with pytest.raises(CheckpointError):
            open_bytes(tmp_path, payload)
    assert not trap.exists()


def test_damaged_safetensors_file_is_not_called_something_else(tmp_path: Path) -> None:
    # 123 is "{" and 60 is "<": a length may spell the start of another format
    for length in (0x7B, 0x3C, 0x8B1F, 0x0280, 0x0480):
        header = b'{"a":{"dtype":"F32"}}'.ljust(length)
        error = refused_file(tmp_path, pack(header))
        assert "'a'" in str(error)
        refused_file(tmp_path, pack(header)[:-1])


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
    assert table.tensors == []


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


# ---------------------------------------------------------------- dtype and shape


def test_all_22_dtypes_of_the_format_are_known() -> None:
    names = {
        *("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64"),
        *("F4", "F6_E2M3", "F6_E3M2"),
        *("F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"),
        *("F16", "BF16", "F32", "F64", "C64"),
    }
    assert len(names) == 22
    assert set(DTYPE_BITS) == names
    for name in names:
        nbytes = DTYPE_BITS[name]  # eight elements: as many bytes as one has bits
        (tensor,) = parse(safetensors_bytes({"w": (name, [2, 4], bytes(nbytes))}))
        assert (tensor.dtype, tensor.shape, tensor.nbytes) == (name, (2, 4), nbytes)


@pytest.mark.parametrize(
    "dtype", ['"F128"', '"f32"', '"bfloat16"', '""', "null", "32", '["F32"]', '"F32 "']
)
def test_dtype_unknown_or_not_a_string(dtype: str) -> None:
    error = refused(one_tensor(dtype=dtype))
    assert error.tensor == "h.7.weight"
    assert "dtype" in str(error)


@pytest.mark.parametrize(
    "fields",
    [
        '"dtype":"F32","shape":[2]"data_offsets":[0,8]',
        '"dtype":"F32","shape":[2],"data_offsets":[0,8],',
        '"dtype":"F32",,"shape":[2],"data_offsets":[0,8]',
        ',"dtype":"F32","shape":[2],"data_offsets":[0,8]',
        '"dtype":"F32","shape":[2],"data_offsets":[0,8]}',
        '"dtype" "F32","shape":[2],"data_offsets":[0,8]',
        '"dtype":"F32","shape":[2,],"data_offsets":[0,8]',
        '"dtype":"F32","shape":[,],"data_offsets":[0,8]',
        '"dtype":"F32","shape":[2 1],"data_offsets":[0,8]',
        '"dtype":"F32","shape":[02],"data_offsets":[0,8]',
        '"dtype":"F32","shape":[2],"data_offsets":[00,8]',
        '"dtype":"F32","shape":[2],"data_offsets":[0,8,]',
        '"dtype":"F32",\'shape\':[2],"data_offsets":[0,8]',
    ],
)
def test_punctuation_inside_an_entry(fields: str) -> None:
    good = '"dtype":"F32","shape":[2],"data_offsets":[0,8]'
    assert len(parse(pack(f'{{"w":{{{good}}}}}', EIGHT))) == 1
    refused(pack(f'{{"w":{{{fields}}}}}', EIGHT))


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
)
def test_fields_come_in_any_order(order: tuple[int, ...]) -> None:
    fields = ('"dtype":"F32"', '"shape":[2]', '"data_offsets":[0,8]')
    text = ",".join(fields[place] for place in order)
    (tensor,) = parse(pack(f'{{"w":{{{text}}}}}', EIGHT))
    assert (tensor.dtype, tensor.shape, tensor.nbytes) == ("F32", (2,), 8)


def test_lower_case_dtype_is_refused_with_the_right_spelling() -> None:
    assert "F32?" in str(refused(one_tensor(dtype='"f32"')))


@pytest.mark.parametrize("field", ["dtype", "shape", "data_offsets"])
def test_field_missing(field: str) -> None:
    whole = entry("F32", [2], 0, 8)
    del whole[field]
    error = refused(pack({"h.7.weight": whole}, EIGHT))
    assert error.tensor == "h.7.weight"
    assert f"lacks {field}" in str(error)


@pytest.mark.parametrize(
    "value",
    [
        "-2",
        "-0",
        "2.0",
        "2e0",
        "true",
        "null",
        '"2"',
        "[2]",
        "{}",
        "18446744073709551616",
        "02",
        "+2",
    ],
)
def test_dimension_that_is_no_unsigned_integer(value: str) -> None:
    error = refused(one_tensor(shape=f"[{value}]"))
    assert error.tensor == "h.7.weight"
    assert "h.7.weight" in str(error)
    assert "shape[0]" in str(error)


@pytest.mark.parametrize("shape", ["2", "null", '"2"', "{}", "[2", "[2,]", "[,2]", "[2 2]"])
def test_shape_that_is_no_list(shape: str) -> None:
    assert refused(one_tensor(shape=shape)).tensor == "h.7.weight"


@pytest.mark.parametrize(
    ("shape", "offsets"),
    [
        ([2**63 + 1, 2], "[0,8]"),
        ([2**62, 4], "[0,0]"),
        ([2**32, 2**32], "[0,0]"),
        ([2**63, 2, 2], "[0,0]"),
        ([0, 2**40, 2**40], "[0,0]"),
        ([2**40, 2**40, 0], "[0,0]"),
        ([2**40, 0, 2**40], "[0,0]"),
        ([2**62], "[0,0]"),
    ],
    ids=[
        "wraps_to_2",
        "wraps_to_0",
        "squares",
        "wraps_later",
        "zero_first",
        "zero_last",
        "zero_mid",
        "bits",
    ],
)
def test_product_of_the_shape_overflows_in_any_order(shape: list[int], offsets: str) -> None:
    error = refused(one_tensor(shape=json.dumps(shape), offsets=offsets))
    assert error.tensor == "h.7.weight"
    assert str(shape[0]) in str(error)


def test_rank_64_is_accepted_and_65_refused() -> None:
    (tensor,) = parse(one_tensor(shape=json.dumps([2] + [1] * 63)))
    assert len(tensor.shape) == 64
    error = refused(one_tensor(shape=json.dumps([2] + [1] * 64)))
    assert error.tensor == "h.7.weight"
    assert "64" in str(error)


@pytest.mark.parametrize(("dtype", "elements"), [("F4", 3), ("F6_E2M3", 2), ("F6_E3M2", 5)])
def test_packed_elements_that_do_not_fill_whole_bytes(dtype: str, elements: int) -> None:
    error = refused(one_tensor(dtype=f'"{dtype}"', shape=f"[{elements}]"))
    assert error.tensor == "h.7.weight"
    assert "whole bytes" in str(error)


# ---------------------------------------------------------------- offsets


@pytest.mark.parametrize(
    "offsets",
    [
        "[8,0]",
        "[-8,0]",
        "[8]",
        "[]",
        "[0,8,8]",
        "[0,9]",
        "[8,16]",
        "[0,18446744073709551616]",
        "[18446744073709551608,18446744073709551615]",
        "[0,4]",
        "[0,7]",
        '["0","8"]',
        "[0.0,8.0]",
        "null",
        "{}",
        "8",
    ],
    ids=[
        "reversed",
        "negative",
        "one",
        "none",
        "three",
        "past_the_end",
        "behind_the_end",
        "two_to_64",
        "near_two_to_64",
        "too_small",
        "not_a_multiple",
        "strings",
        "floats",
        "null",
        "object",
        "number",
    ],
)
def test_offsets_are_refused(offsets: str) -> None:
    error = refused(one_tensor(offsets=offsets))
    assert error.tensor == "h.7.weight"
    assert "h.7.weight" in str(error)
    assert error.offset is not None


@pytest.mark.parametrize(
    ("first", "second", "size", "named"),
    [
        ((0, 8), (4, 12), 12, "b"),
        ((0, 8), (0, 8), 8, "b"),
        ((4, 12), (0, 8), 12, "a"),
        ((0, 8), (12, 20), 20, "b"),
        ((4, 12), (12, 20), 20, "a"),
        ((0, 8), (8, 16), 17, "b"),
        ((8, 16), (0, 8), 24, "a"),
    ],
    ids=[
        "overlap",
        "same_place",
        "overlap_unsorted",
        "hole",
        "hole_at_start",
        "trailing",
        "trailing_unsorted",
    ],
)
def test_data_must_be_covered_exactly_once(
    first: tuple[int, int], second: tuple[int, int], size: int, named: str
) -> None:
    table = {"a": entry("F32", [2], *first), "b": entry("F32", [2], *second)}
    error = refused(pack(table, bytes(size)))
    assert error.tensor == named
    assert error.offset is not None
    assert error.offset >= len(pack(table))


def test_data_without_any_tensor_is_refused() -> None:
    assert refused(pack("{}", b"\x00")).offset == 10


def test_empty_tensor_inside_another_is_refused() -> None:
    table = {"a": entry("F32", [2], 0, 8), "e": entry("F32", [0], 4, 4)}
    assert refused(pack(table, EIGHT)).tensor == "e"


# ---------------------------------------------------------------- legal oddities


def test_no_tensors_at_all() -> None:
    assert parse(pack("{}")) == []


def test_empty_tensor_in_the_middle_scalar_and_misaligned_f64() -> None:
    content = safetensors_bytes(
        {
            "byte": ("U8", [1], b"\x01"),
            "empty": ("F32", [3, 0, 2], b""),
            "scalar": ("F16", [], bytes(2)),
            "wide": ("F64", [2], bytes(16)),
            "last": ("I64", [0], b""),
        }
    )
    tensors = {tensor.name: tensor for tensor in parse(content)}
    start = len(content) - 19
    assert [(t.offset - start, t.nbytes, t.size) for t in tensors.values()] == [
        (0, 1, 1),
        (1, 0, 0),
        (1, 2, 1),
        (3, 16, 2),
        (19, 0, 0),
    ]
    assert tensors["scalar"].shape == ()
    assert tensors["wide"].offset % 8 != 0


@pytest.mark.parametrize("pad", range(8))
def test_odd_header_length(pad: int) -> None:
    table, data = table_of({"w": TWO_FLOATS})
    raw = json.dumps(table).encode() + b" " * pad
    (tensor,) = parse(pack(raw, data))
    assert tensor.offset == 8 + len(raw)


def test_tensors_come_sorted_by_offset_whatever_the_order_in_the_header() -> None:
    table, data = table_of({name: ("U8", [1], b"\x01") for name in "abcdef"})
    shuffled = dict(sorted(table.items(), key=lambda item: (ord(item[0]) * 5) % 7))
    assert list(shuffled) != list(table)
    assert [tensor.name for tensor in parse(pack(shuffled, data))] == list("abcdef")


HOSTILE = {
    "escape": "a\x1b[31mred\x1b]0;title\x07",
    "script": "<script>alert(1)</script>",
    "formula": "=HYPERLINK(1)",
    "bidi": "abc\u202egpj.exe\u2066",
    "nul": "a\x00b",
    "empty": "",
    "megabyte": "x" * 1_000_000,
    "newline": "a\nb\r",
    "quote": 'a"b\\c',
    "emoji": "\U0001f600",
    "invisible": "a\u200bb",
}


@pytest.mark.parametrize("escaped", [True, False], ids=["as_escapes", "raw"])
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_name_is_accepted_and_inert_in_messages(name: str, escaped: bool) -> None:
    table = {name: entry("F32", [2], 0, 8)}
    header = json.dumps(table, ensure_ascii=escaped)
    (tensor,) = parse(pack(header, EIGHT))
    assert tensor.name == name
    table[name]["dtype"] = "F99"
    error = refused(pack(json.dumps(table, ensure_ascii=escaped), EIGHT))
    assert error.tensor == name
    for text in (str(error), repr(tensor), printable(name)):
        assert text.isprintable()
        assert len(text) < 600


# ---------------------------------------------------------------- size


def test_a_million_tensors_in_300_megabytes(tmp_path: Path) -> None:
    count = 1_000_000
    path = tmp_path / "model.safetensors"
    rows = (
        f'"m.{i // 1000}.e.{i % 1000}.w":'
        f'{{"dtype":"U8","shape":[2],"data_offsets":[{2 * i},{2 * i + 2}]}}'
        for i in range(count)
    )
    header = ("{" + ",".join(rows) + "}").encode()
    with path.open("wb") as file:
        file.write(pack(header))
        file.truncate(8 + len(header) + 2 * count)
    code = f"""
        checkpoint = open_checkpoint({str(path)!r})
        assert len(checkpoint.tensors) == {count}
        last = checkpoint.tensors[-1]
        assert last.name == "m.999.e.999.w", last
        assert last.offset + last.nbytes == {path.stat().st_size}
    """
    # a minute of processor time: ten times what it takes, and far from anything quadratic
    limited(code, extra_bytes=300_000_000, cpu_seconds=60)


def test_long_names_and_metadata_across_the_reading_window() -> None:
    # entries longer than a reading step, and many of them, so that steps end at odd places
    names = [f"{i:04}" + "y" * (i * 997 % 30_000) for i in range(400)]
    tensors = {name: ("U8", [1], b"\x01") for name in names}
    metadata = {f"k{i}": "v" * 100_000 for i in range(30)}
    content = safetensors_bytes(tensors, metadata=metadata)
    (length,) = struct.unpack_from("<Q", content)
    table = parse_header(content[8 : 8 + length], file_size=len(content), path="m")
    assert [tensor.name for tensor in table.tensors] == names
    assert table.metadata == metadata


LIMITED = """
import resource
import sys

from weightgauge.checkpoint import open_checkpoint
from weightgauge.errors import HeaderError, NotACheckpointError


def refuse(path):
    try:
        open_checkpoint(path)
    except (HeaderError, NotACheckpointError) as error:
        assert "model.safetensors" in str(error)
        assert len(str(error)) < 2000
    else:
        raise SystemExit("was not refused")


extra_bytes, cpu_seconds = map(int, sys.argv[1:])
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + extra_bytes, used + extra_bytes))
resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
"""


def limited(code: str, *, extra_bytes: int, cpu_seconds: int = 30) -> None:
    """Run code in a process with little memory and time beyond what the imports took."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED + textwrap.dedent(code), str(extra_bytes), str(cpu_seconds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- random damage


def test_random_damage_gives_no_other_error(tmp_path: Path) -> None:
    random_source = random.Random(20240229)
    path = tmp_path / "model.safetensors"
    header_end = 8 + struct.unpack_from("<Q", VALID)[0]
    pieces = (b'"', b"{", b"}", b"[", b"]", b",", b"\\u", b"-", b"0", b"9" * 30, b"\xff", b"NaN")
    for _ in range(4000):
        damaged = bytearray(VALID)
        for _ in range(random_source.randint(1, 4)):
            place = random_source.randrange(header_end)
            match random_source.randrange(4):
                case 0:
                    damaged[place] = random_source.randrange(256)
                case 1:
                    del damaged[place : place + random_source.randint(1, 12)]
                case 2:
                    damaged[place:place] = random_source.choice(pieces)
                case _:
                    other = random_source.randrange(header_end)
                    damaged[place:place] = damaged[other : other + random_source.randint(1, 40)]
        if random_source.random() < 0.7:
            # keep length and data in step so that the damage reaches the deeper checks
            length = len(damaged) - (len(VALID) - header_end) - 8
            damaged[:8] = struct.pack("<Q", max(length, 0))
        path.write_bytes(damaged)
        try:
            checkpoint = open_checkpoint(path)
        except (HeaderError, NotACheckpointError) as error:
            assert str(path) in str(error)
        else:
            covered = sum(tensor.nbytes for tensor in checkpoint.tensors)
            (length,) = struct.unpack_from("<Q", damaged)
            assert covered == len(damaged) - 8 - length


def test_nothing_is_accepted_that_the_reference_refuses() -> None:
    random_source = random.Random(20240301)
    table, data = table_of({"a": TWO_FLOATS, "b": ("F4", [0, 2], b""), "c": ("F16", [], bytes(2))})
    text = json.dumps({"__metadata__": {"format": "pt"}, **table})
    pieces = ('"', "{", "}", "[", "]", ",", ":", "\\u0062", "-", "0", "9" * 20, "null", " ", "1e1")
    accepted = 0
    for _ in range(4000):
        damaged = text
        for _ in range(random_source.randint(1, 2)):
            place = random_source.randrange(len(damaged))
            kept = place + random_source.choice((0, 0, 1, 3))
            damaged = damaged[:place] + random_source.choice(pieces) + damaged[kept:]
        content = pack(damaged, data)
        try:
            ours = {(t.name, t.dtype, t.shape, t.nbytes) for t in parse(content)}
        except HeaderError:
            continue
        reference = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
        assert ours == {
            (name, view["dtype"], tuple(view["shape"]), len(view["data"]))
            for name, view in reference
        }
        accepted += 1
    assert accepted > 100  # white space, and changes inside names


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
fields = st.dictionaries(
    st.sampled_from(["dtype", "shape", "data_offsets", "other"]),
    json_values | st.sampled_from(["F32", "U8", [2], [0, 8], [0, 2]]),
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5) | st.just("__metadata__"), fields | json_values))
def test_any_json_object_is_read_or_refused(table: dict[str, object]) -> None:
    header = json.dumps(table).encode()
    try:
        tensors = parse(pack(header, EIGHT))
    except HeaderError:
        return
    assert sum(tensor.nbytes for tensor in tensors) == 8


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "__metadata__"),
        st.sampled_from(["U8", "F16", "BF16", "F64", "F8_E4M3"]).flatmap(
            lambda dtype: st.tuples(st.just(dtype), st.lists(st.integers(0, 4), max_size=3))
        ),
        max_size=6,
    ),
    st.booleans(),
    st.sampled_from([None, 0, 2]),
    st.randoms(use_true_random=False),
)
def test_every_valid_table_is_read_as_it_was_written(
    layouts: dict[str, tuple[str, list[int]]],
    ensure_ascii: bool,
    indent: int | None,
    random_source: random.Random,
) -> None:
    tensors = {}
    for name, (dtype, shape) in layouts.items():
        size = 1
        for length in shape:
            size *= length
        tensors[name] = (dtype, shape, bytes(size * DTYPE_BITS[dtype] // 8))
    table, data = table_of(tensors)
    order = list(table)
    random_source.shuffle(order)
    shuffled = {name: table[name] for name in order}
    content = pack(json.dumps(shuffled, ensure_ascii=ensure_ascii, indent=indent), data)
    read = {tensor.name: tensor for tensor in parse(content)}
    start = len(content) - len(data)
    assert {
        name: (t.dtype, list(t.shape), [t.offset - start, t.offset + t.nbytes - start])
        for name, t in read.items()
    } == {name: (e["dtype"], e["shape"], e["data_offsets"]) for name, e in table.items()}

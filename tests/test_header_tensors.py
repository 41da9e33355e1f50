"""The entries of a header: dtype, shape and offsets."""

from __future__ import annotations

import json

import pytest

from builders import entry, pack, safetensors_bytes
from header_cases import (
    EIGHT,
    one_tensor,
    parse,
    refused,
)
from weightgauge.dtypes import DTYPE_BITS

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


_USUAL = '"{name}":{{"dtype":"F32","shape":[2],"data_offsets":[{begin},{end}]}}'
_SPELLINGS = {
    "usual": _USUAL,
    "sorted": '"{name}":{{"data_offsets":[{begin},{end}],"dtype":"F32","shape":[2]}}',
    "shape first": '"{name}":{{"shape":[2],"dtype":"F32","data_offsets":[{begin},{end}]}}',
    "spaced": _USUAL.replace(":", " :\t").replace(",", "\n, "),
    "escaped": _USUAL.replace("{name}", "\\u0061{name}"),
    "one field more": _USUAL.replace('"shape"', '"note":"}}","shape"'),
    "braces in the name": _USUAL.replace("{name}", "{{{name}}}"),
}


def spelled(spellings: list[str]) -> tuple[list[str], list[str]]:
    """Write one entry in each of the spellings; return them and their names."""
    entries = [
        _SPELLINGS[spelling].format(name=f"h.{i}.w", begin=8 * i, end=8 * i + 8)
        for i, spelling in enumerate(spellings)
    ]
    return entries, [next(iter(json.loads(f"{{{each}}}"))) for each in entries]


@pytest.mark.parametrize("spelling", _SPELLINGS)
@pytest.mark.parametrize("other", _SPELLINGS)
def test_many_entries_in_two_spellings(spelling: str, other: str) -> None:
    entries, names = spelled([spelling] * 20 + [other] * 20 + [spelling, other] * 20)
    text = f"{{{','.join(entries)}}}"
    tensors = parse(pack(text, bytes(8 * len(names))))
    assert [tensor.name for tensor in tensors] == names
    data_start = 8 + len(text.encode())
    for i, tensor in enumerate(tensors):
        assert (tensor.dtype, tensor.shape, tensor.nbytes) == ("F32", (2,), 8)
        assert tensor.offset == data_start + 8 * i


@pytest.mark.parametrize("spelling", _SPELLINGS)
@pytest.mark.parametrize(("right", "wrong"), [("F32", "F31"), ("[2]", "[02]"), ("[2]", "[3]")])
def test_one_wrong_entry_among_many_is_named(spelling: str, right: str, wrong: str) -> None:
    entries, names = spelled([spelling] * 60)
    entries[33] = entries[33].replace(right, wrong)
    error = refused(pack(f"{{{','.join(entries)}}}", bytes(8 * 60)))
    assert error.tensor == names[33]


def test_the_name_of_the_metadata_is_no_tensor_among_many() -> None:
    entries, _ = spelled(["usual"] * 60)
    entries[33] = entries[33].replace("h.33.w", "__metadata__")
    assert "__metadata__" in str(refused(pack(f"{{{','.join(entries)}}}", bytes(8 * 60))))


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

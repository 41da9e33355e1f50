"""Legal oddities of headers, and random damage."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import TWO_FLOATS, entry, pack, safetensors_bytes, table_of
from header_cases import (
    EIGHT,
    VALID,
    parse,
    refused,
)
from weightgauge.checkpoint import open_checkpoint
from weightgauge.dtypes import DTYPE_BITS
from weightgauge.errors import HeaderError, NotACheckpointError, printable

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

"""The formats of bitsandbytes: the same fit as of the matrix multiplied out."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from blockwise_matrices import Blockwise
from packed_fits import STEM, assert_as_oracle, assert_no_warning, assert_same, numbers
from packed_matrices import as_stored

STATE = "weight.quant_state.bitsandbytes__nf4"


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("block", [64, 128, 4096])
def test_every_type_is_the_matrix_multiplied_out(fit_packed, fit_plain, kind, nested, block):
    quantised = Blockwise(96, 256, kind=kind, nested=nested, block=block)
    values = quantised.values()
    item, result = fit_packed(quantised.tensors())
    of_eight = ", which has 8 bits" if nested else ""
    assert item.decoded == f"{kind.upper()} x absmax per group of {block:,}{of_eight}"
    assert_same(item, fit_plain(values))
    assert_as_oracle(item, values)
    assert_no_warning(result)


@pytest.mark.parametrize("shape", [(7, 9), (33, 65), (1, 129), (3, 5, 7)])
@pytest.mark.parametrize("nested", [False, True])
def test_blocks_go_on_across_rows_and_the_last_is_shorter(fit_packed, fit_plain, shape, nested):
    quantised = Blockwise(*shape, nested=nested, nested_block=2)
    item, _ = fit_packed(quantised.tensors())
    assert_same(item, fit_plain(quantised.values()))


@pytest.mark.parametrize("nested", [False, True])
def test_large_matrices_however_they_are_read(fit_packed, fit_plain, nested):
    quantised = Blockwise(345, 641, nested=nested)
    plain = fit_plain(quantised.values())
    for options in ({"threads": 1}, {"threads": 3}, {"io": "pread"}):
        assert_same(fit_packed(quantised.tensors(), **options)[0], plain)
    exact, _ = fit_packed(quantised.tensors(), exact=True)
    assert_same(exact, fit_plain(quantised.values(), exact=True))


@pytest.mark.parametrize("few", ["all", "half", "one"])
def test_scales_of_few_values_are_counted_a_second_time(fit_packed, fit_plain, few):
    """Magnitudes are few, or some of their bins are crowded: the fit is that of each of them."""
    quantised = Blockwise(512, 640)
    if few == "all":
        quantised.absmax = quantised.absmax.astype(ml_dtypes.bfloat16).astype(np.float32)
    else:
        quantised.absmax[:: 2 if few == "half" else 8] = 0.03
    values = quantised.values()
    item, _ = fit_packed(quantised.tensors())
    assert_same(item, fit_plain(values))
    assert_as_oracle(item, values)


def test_bytes_in_the_clothes_of_another_format(fit_packed, fit_plain):
    """`bnb_4bit_quant_storage: bfloat16`: two bytes an item."""
    quantised = Blockwise(96, 256)
    tensors = quantised.tensors()
    tensors["weight"] = tensors["weight"].reshape(-1).view("<i4")[:, None]
    assert_same(fit_packed(tensors)[0], fit_plain(quantised.values()))


HEADS = {
    "model_type": "llama",
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": 66, "head_dim": 33},
}


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize(("kind", "shape"), [("q", (132, 66)), ("o", (66, 132))])
def test_heads(fit_packed, fit_plain, io, kind, shape):
    """Heads of an odd number of columns begin within a byte."""
    options = {
        **{"per": "head", "stem": f"model.layers.0.self_attn.{kind}_proj"},
        "settings": HEADS,
    }
    quantised = Blockwise(*shape, nested=True)
    heads, _ = fit_packed(quantised.tensors(), io=io, **options)
    plain = fit_plain(quantised.values(), **options)
    assert [item.head for item in heads] == [0, 1, 2, 3]
    for item, other in zip(heads, plain, strict=True):
        assert_same(item, other)


@pytest.mark.parametrize("odd", [np.nan, np.inf, 0, -0.25, 1e-45, 3e38])
@pytest.mark.parametrize("rows", [48, 600])
def test_odd_scales(fit_packed, fit_plain, odd, rows):
    quantised = Blockwise(rows, 256)
    quantised.absmax[::3] = odd
    with np.errstate(all="ignore"):
        values = quantised.values()
    item, result = fit_packed(quantised.tensors())
    assert_same(item, fit_plain(values))
    told = {each.id for each in result.findings}
    rule = "non-finite" if not np.isfinite(odd) else "zero" if odd == 0 else "negative"
    assert (f"{rule}-scales" in told) == (odd <= 0 or not np.isfinite(odd))


def int8(rows, columns, seed=0):
    """LLM.int8: a matrix of codes with the largest magnitude of each row, and it multiplied out."""
    rng = np.random.default_rng(seed)
    codes = np.clip(rng.normal(0, 40, (rows, columns)).round(), -127, 127).astype(np.int8)
    codes[0, 0] = -128
    scales = np.exp2(rng.uniform(-4, -3, rows)).astype(np.float32)
    values = codes.astype(np.float32) / np.float32(127) * scales[:, None]
    tensors = {"weight": codes, "SCB": scales, "weight_format": np.array(0, np.uint8)}
    return tensors, values


@pytest.mark.parametrize("shape", [(64, 96), (345, 641)])
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_int8(fit_packed, fit_plain, shape, io):
    tensors, values = int8(*shape)
    item, result = fit_packed(tensors, io=io)
    assert item.decoded == "INT8 x SCB / 127 per row"
    assert_same(item, fit_plain(values))
    assert_no_warning(result)
    del tensors["weight_format"]
    assert_same(fit_packed(tensors)[0], fit_plain(values))


def test_int8_of_another_order_is_not_measured(fit_packed):
    tensors, _ = int8(64, 96)
    tensors["weight_format"] = np.array(2, np.uint8)
    item, result = fit_packed(tensors)
    assert item.status == "not_applicable"
    (told,) = (each for each in result.findings if each.id == "unmeasured")
    assert "'weight_format' does not say that it lies in rows" in told.message


def test_digests_and_saved_counts(tmp_path, fit_packed):
    item, _ = fit_packed(Blockwise(64, 128, nested=True).tensors())
    saved = wg.scan(tmp_path)
    (kept,) = (each.fit for each in saved.slices if each.fit.fitted)
    assert repr(numbers(kept)) == repr(numbers(item))
    assert item.digest == kept.digest is not None


def test_compared_with_the_matrix_multiplied_out(tmp_path, fit_packed, fit_plain):
    quantised = Blockwise(96, 256, nested=True)
    fit_plain(quantised.values())
    fit_packed(quantised.tensors())
    (pair,) = wg.compare(tmp_path / "plain", tmp_path).pairs
    assert (pair.kind, pair.changed) == ("q", 0)
    assert pair.k_a == pair.k_b


UP = "model.layers.2.mlp.up_proj"


def model(folder, write, *, lost=(), more=None, nested=True, layers=4):
    """Some layers of the same shape, of which each has another offset in its text."""
    tensors = {}
    for layer in range(layers):
        quantised = Blockwise(64, 256, nested=nested, seed=layer)
        if nested:
            quantised.state["nested_offset"] = 0.03 + layer / 1024
        stem = f"model.layers.{layer}.mlp.up_proj"
        tensors |= {f"{stem}.{n}": as_stored(a) for n, a in quantised.tensors().items()}
    kept = {name: each for name, each in {**tensors, **(more or {})}.items() if name not in lost}
    write(folder / "model.safetensors", kept)
    (folder / "config.json").write_text("{}")
    return kept


def told(folder, rule):
    return [(each.tensor, each.level) for each in wg.check(folder).findings if each.id == rule]


@pytest.mark.parametrize(
    "name",
    ["weight", "weight.absmax", "weight.quant_map", STATE, "weight.nested_absmax"],
)
def test_what_is_lost_is_a_fault(tmp_path, write_checkpoint, name):
    model(tmp_path, write_checkpoint)
    assert [each.id for each in wg.check(tmp_path).findings if each.level != "note"] == []
    model(tmp_path, write_checkpoint, lost=[f"{UP}.{name}"])
    assert told(tmp_path, "missing-part") == [(f"{UP}.{name}", "fault")]


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("weight", 8191, "[8192, 1]"),
        ("weight.absmax", 255, "[256]"),
        ("weight.nested_absmax", 0, None),
    ],
)
def test_what_was_cut_is_named(tmp_path, write_checkpoint, name, size, expected):
    array = Blockwise(64, 256, nested=True).tensors()[name][:size]
    model(tmp_path, write_checkpoint, more={f"{UP}.{name}": as_stored(array)})
    found = [each for each in wg.check(tmp_path).findings if each.id == "shape-contradicts"]
    assert [(each.tensor, each.level) for each in found] == [(f"{UP}.{name}", "fault")]
    assert (expected or "[1]") in found[0].message
    assert ("64 x 256 in blocks of 64" in found[0].message) == (expected is not None)


def test_scales_of_lost_bytes_are_a_fault(tmp_path, write_checkpoint):
    tensors, _ = int8(64, 96)
    del tensors["weight"]
    named = {f"{UP}.{name}": as_stored(array) for name, array in tensors.items()}
    write_checkpoint(tmp_path / "model.safetensors", named)
    assert told(tmp_path, "missing-part") == [(f"{UP}.weight", "fault")]


def test_four_bits_are_called_quantised(tmp_path, write_checkpoint):
    model(tmp_path, write_checkpoint)
    assert "quantised" in {each.id for each in wg.diagnose(tmp_path).findings}


WHOLE = Blockwise(64, 256, nested=True)
PLAIN = Blockwise(64, 256)


def said(quantised, **changed):
    return quantised.tensors(json.dumps({**quantised.state, **changed}).encode())


HOSTILE = [
    *(b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 4000, b'{"shape": ' + b"9" * 4000 + b"}"),
    *(b"{}", b'{"shape": [64, 256]}', b" " * 5000),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("quantised", [WHOLE, PLAIN], ids=["nested", "plain"])
def test_texts_of_any_sort_are_told_of_and_not_measured(fit_packed, quantised, text):
    item, result = fit_packed(quantised.tensors(text))
    assert (item.status, item.n) == ("not_applicable", 0)
    (unmeasured,) = (each for each in result.findings if each.id == "unmeasured")
    assert len(unmeasured.message) < 300


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (said(PLAIN, shape=None), "says shape = null"),
        (said(PLAIN, shape=[]), "says shape = []"),
        (said(PLAIN, shape=[16384]), "says shape = [16384]"),
        (said(PLAIN, shape=[64, 256.0]), "says shape ="),
        (said(PLAIN, shape=[64, True]), "says shape ="),
        (said(PLAIN, shape=[-64, -256]), "says shape ="),
        (said(PLAIN, shape=[1 << 60, 1 << 60]), "too large"),
        (said(PLAIN, shape=[10**400, 1]), "says shape ="),
        (said(PLAIN, shape=[1] * 5), "says shape ="),
        (said(PLAIN, shape=[64, 128]), "its codes are 8,192 bytes and its scales 256"),
        (said(PLAIN, blocksize=0), "says blocksize = 0"),
        (said(PLAIN, blocksize="64"), "says blocksize ="),
        (said(PLAIN, blocksize=[64]), "says blocksize ="),
        (said(PLAIN, blocksize=65), "scales are [256], and not [253]"),
        (said(PLAIN, blocksize=10**30), "says blocksize ="),
        (said(WHOLE, nested_blocksize=0), "says nested_blocksize = 0"),
        (said(WHOLE, nested_offset=None), "says nested_offset = null"),
        (said(WHOLE, nested_offset="0"), "says nested_offset ="),
        (said(WHOLE, nested_offset=float("nan")), "says nested_offset ="),
        (said(WHOLE, nested_offset=10**100), "says nested_offset ="),
        (said(WHOLE, nested_offset=True), "says nested_offset ="),
        (said(WHOLE, nested_blocksize=2), "and not [128]"),
        (PLAIN.tensors() | {"weight.quant_map": np.zeros(15, np.float32)}, "is F32 [15]"),
        (PLAIN.tensors() | {"weight.quant_map": np.zeros(16, np.float16)}, "is F16 [16]"),
        (WHOLE.tensors() | {"weight.nested_quant_map": np.zeros(16, np.float32)}, "F32 [16]"),
        (PLAIN.tensors() | {"weight.absmax": np.zeros(256, np.int32)}, "scales are I32"),
        (PLAIN.tensors() | {STATE.replace("nf4", "fp4"): np.zeros(2, np.uint8)}, "two types"),
        ({"weight": np.zeros((4, 6), np.int8), "SCB": np.ones(5, np.float32)}, "are [5]"),
        ({"weight": np.zeros((4, 6), np.int8), "SCB": np.ones(4, np.int32)}, "scales are I32"),
        ({"weight": np.zeros(4, np.int8), "SCB": np.ones(4, np.float32)}, "its codes [4]"),
    ],
)
def test_what_contradicts_itself_is_named_and_not_measured(fit_packed, tensors, words):
    item, result = fit_packed(tensors)
    assert (item.status, item.n) == ("not_applicable", 0)
    (unmeasured,) = (each for each in result.findings if each.id == "unmeasured")
    assert words in unmeasured.message
    assert len(unmeasured.message) < 300


def test_a_model_keeps_other_formats(tmp_path, write_checkpoint):
    """Beside four bits of some modules lie plain weights of others."""
    weight = np.random.default_rng(3).normal(0, 0.02, (64, 256)).astype(np.float32)
    plain = f"{STEM}.weight"
    model(tmp_path, write_checkpoint, more={plain: as_stored(weight)}, nested=False)
    found = {item.tensor: item for item in wg.fit(tmp_path).slices if item.fitted}
    assert len(found) == 5
    assert (found[plain].decoded, found[plain].n) == ("", weight.size)


def test_texts_are_not_read_where_they_are_too_many(monkeypatch, fit_packed):
    monkeypatch.setattr("weightgauge.anatomy.survey.MOST_OF_ALL", 10)
    item, result = fit_packed(PLAIN.tensors())
    assert item.status == "not_applicable"
    (unmeasured,) = (each for each in result.findings if each.id == "unmeasured")
    assert "and cannot be read" in unmeasured.message

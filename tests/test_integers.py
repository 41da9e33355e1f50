"""Integers of compressed-tensors other than four packed bits: the fit of the matrix multiplied out.

A byte each (`int-quantized`), and words of two to eight bits (`pack-quantized`).
"""

from __future__ import annotations

import json

import numpy as np
import pytest

import weightgauge as wg
from integer_matrices import Integers
from packed_fits import STEM, assert_as_oracle, assert_no_warning, assert_same, numbers
from packed_matrices import as_stored

PLAIN, PACKED = "int-quantized", "pack-quantized"
PER = {None: "per row", "tensor": "per tensor", 32: "per group of 32", 128: "per group of 128"}


def stored(quantised, form):
    """Its tensors and its settings."""
    tensors = quantised.plain() if form == PLAIN else quantised.packed()
    return tensors, quantised.settings(form)


@pytest.mark.parametrize("group", PER)
@pytest.mark.parametrize("zeros", [False, True])
def test_bytes_are_the_matrix_multiplied_out(fit_packed, fit_plain, group, zeros):
    quantised = Integers(96, 256, group, zeros=zeros)
    values = quantised.values()
    item, result = fit_packed(*stored(quantised, PLAIN))
    integers = "(INT8 - zero point)" if zeros else "INT8"
    assert item.decoded == f"{integers} x weight_scale {PER[group]}"
    assert item.shape == (96, 256)
    assert_same(item, fit_plain(values))
    assert_as_oracle(item, values)
    if not zeros:
        assert_no_warning(result)


@pytest.mark.parametrize("bits", [2, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("group", [None, 32])
@pytest.mark.parametrize("zeros", [False, True])
def test_words_are_the_matrix_multiplied_out(fit_packed, fit_plain, bits, group, zeros):
    """Of rows that do not fill the words of zero points."""
    quantised = Integers(93, 256, group, bits=bits, zeros=zeros, floats="F16")
    values = quantised.values()
    item, _ = fit_packed(*stored(quantised, PACKED))
    integers = f"(INT{bits} - zero point)" if zeros else f"INT{bits}"
    assert item.decoded == f"{integers} x weight_scale {PER[group]}"
    assert item.shape == (93, 256)
    assert_same(item, fit_plain(values))


def test_one_scale_for_all_words(fit_packed, fit_plain):
    quantised = Integers(64, 96, "tensor")
    assert_same(fit_packed(*stored(quantised, PACKED))[0], fit_plain(quantised.values()))


def test_four_bits_in_a_byte(fit_packed, fit_plain):
    quantised = Integers(64, 256, 32, bits=4)
    item, _ = fit_packed(*stored(quantised, PLAIN))
    assert item.decoded == "INT4 x weight_scale per group of 32"
    assert_same(item, fit_plain(quantised.values()))


@pytest.mark.parametrize("form", [PLAIN, PACKED])
@pytest.mark.parametrize("group", [None, 32])
def test_large_matrices_however_they_are_read(fit_packed, fit_plain, form, group):
    """Of more groups than are kept, and zero points of more columns than are read, at a time."""
    quantised = Integers(37, 9248, group, zeros=True)
    plain = fit_plain(quantised.values())
    for options in ({"threads": 1}, {"threads": 3}, {"io": "pread"}):
        assert_same(fit_packed(*stored(quantised, form), **options)[0], plain)
    exact, _ = fit_packed(*stored(quantised, form), exact=True, errors="full")
    assert_same(exact, fit_plain(quantised.values(), exact=True, errors="full"))


HEADS = {
    "model_type": "llama",
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": 64, "head_dim": 16},
}


@pytest.mark.parametrize("kind", ["q", "o"])
@pytest.mark.parametrize(("form", "bits"), [(PLAIN, 8), (PACKED, 8), (PACKED, 3)])
def test_heads(fit_packed, fit_plain, kind, form, bits):
    options = {
        **{"per": "head", "stem": f"model.layers.0.self_attn.{kind}_proj"},
        "settings": HEADS,
    }
    quantised = Integers(64, 64, 32, bits=bits, zeros=True)
    heads, _ = fit_packed(*stored(quantised, form), **options)
    plain = fit_plain(quantised.values(), **options)
    assert [item.head for item in heads] == [0, 1, 2, 3]
    for item, other in zip(heads, plain, strict=True):
        assert_same(item, other)


@pytest.mark.parametrize("odd", [np.nan, 0, -0.25])
@pytest.mark.parametrize("form", [PLAIN, PACKED])
def test_odd_scales(fit_packed, fit_plain, odd, form):
    quantised = Integers(48, 256, 32)
    quantised.scales[::3] = odd
    item, result = fit_packed(*stored(quantised, form))
    assert_same(item, fit_plain(quantised.values()))
    rule = "non-finite" if np.isnan(odd) else "negative" if odd else "zero"
    assert f"{rule}-scales" in {each.id for each in result.findings}


@pytest.mark.parametrize("form", [PLAIN, PACKED])
def test_saved_compared_and_fed(tmp_path, fit_packed, fit_plain, form):
    quantised = Integers(96, 256, 32, zeros=True)
    fit_plain(quantised.values())
    item, _ = fit_packed(*stored(quantised, form))
    (kept,) = (each.fit for each in wg.scan(tmp_path).slices if each.fit.fitted)
    assert repr(numbers(kept)) == repr(numbers(item))
    assert item.digest == kept.digest is not None
    (pair,) = wg.compare(tmp_path / "plain", tmp_path).pairs
    assert (pair.kind, pair.changed, pair.k_a) == ("q", 0, pair.k_b)


@pytest.mark.parametrize("form", [PLAIN, PACKED])
def test_a_changed_zero_point_is_found(tmp_path, fit_packed, form):
    quantised = Integers(64, 128, 32, zeros=True)
    fit_packed(*stored(quantised, form))
    wg.scan(tmp_path).save(tmp_path / "before.wghist")
    quantised.zeros[63, 3] += 1 if quantised.zeros[63, 3] < 0 else -1
    fit_packed(*stored(quantised, form))
    found = wg.check(tmp_path, against=tmp_path / "before.wghist", identical=True)
    told = {each.tensor for each in found.findings if each.level == "fault"}
    assert f"{STEM}.weight_zero_point" in told


LAYERS = range(4)
UP = "model.layers.2.mlp.up_proj"


def model(form, **options):
    """Some layers of the same shape, and what their configuration says."""
    tensors = {"model.norm.weight": np.ones(128, np.float32)}
    for layer in LAYERS:
        quantised = Integers(64, 128, seed=layer, **options)
        stem = f"model.layers.{layer}.mlp.up_proj"
        tensors |= {f"{stem}.{n}": each for n, each in stored(quantised, form)[0].items()}
    return tensors, quantised.settings(form)


@pytest.fixture
def findings(tmp_path, write_checkpoint):
    """What `check` finds in tensors with a configuration."""

    def run(tensors, settings):
        named = {name: as_stored(each) for name, each in tensors.items()}
        write_checkpoint(tmp_path / "model.safetensors", named)
        (tmp_path / "config.json").write_text(json.dumps({"quantization_config": settings}))
        return wg.check(tmp_path).findings

    return run


def faults(found):
    return [(each.id, each.tensor) for each in found if each.level == "fault"]


@pytest.mark.parametrize("form", [PLAIN, PACKED])
@pytest.mark.parametrize("zeros", [False, True])
def test_whole_models_are_whole(findings, form, zeros):
    found = findings(*model(form, group=32, zeros=zeros))
    assert faults(found) == [] and "unmeasured" not in {each.id for each in found}
    assert "quantised" not in {each.id for each in found}


@pytest.mark.parametrize("form", [PLAIN, PACKED])
@pytest.mark.parametrize("leaf", ["codes", "weight_scale", "weight_zero_point"])
@pytest.mark.parametrize("all_of_them", [False, True])
def test_what_is_lost_is_a_fault(findings, form, leaf, all_of_them):
    tensors, settings = model(form, group=32, zeros=True)
    codes = "weight" if form == PLAIN else "weight_packed"
    lost = codes if leaf == "codes" else leaf
    layers = LAYERS if all_of_them else [2]
    names = [f"model.layers.{layer}.mlp.up_proj.{lost}" for layer in layers]
    found = findings({name: each for name, each in tensors.items() if name not in names}, settings)
    told = {tensor for rule, tensor in faults(found) if rule == "missing-part"}
    assert told == set(names)


@pytest.mark.parametrize("group", [None, 32, "tensor"])
def test_lost_bytes_whose_scales_are_left(findings, group):
    tensors, settings = model(PLAIN, group=group)
    del tensors[f"{UP}.weight"]
    assert ("missing-part", f"{UP}.weight") in faults(findings(tensors, settings))


def test_scales_of_a_head_that_is_the_embedding_are_no_fault(findings):
    tensors, settings = model(PLAIN)
    tensors["lm_head.weight_scale"] = Integers(64, 128).scales
    assert faults(findings(tensors, settings)) == []


@pytest.mark.parametrize(
    ("form", "leaf", "cut"),
    [
        (PLAIN, "weight", np.s_[:48]),
        (PLAIN, "weight", np.s_[:, :96]),
        (PLAIN, "weight_scale", np.s_[:48]),
        (PLAIN, "weight_scale", np.s_[:, :3]),
        (PLAIN, "weight_zero_point", np.s_[:, :3]),
        (PACKED, "weight_packed", np.s_[:48]),
        (PACKED, "weight_packed", np.s_[:, :24]),
        (PACKED, "weight_scale", np.s_[:, :3]),
        (PACKED, "weight_zero_point", np.s_[:8]),
    ],
)
def test_what_was_cut_is_named(findings, form, leaf, cut):
    tensors, settings = model(form, group=32, zeros=True)
    name = f"{UP}.{leaf}"
    tensors[name] = np.ascontiguousarray(tensors[name][cut])
    found = findings(tensors, settings)
    assert faults(found) == [("shape-contradicts", name)]


@pytest.mark.parametrize("form", [PLAIN, PACKED])
def test_four_bits_and_fewer_are_called_quantised(findings, form):
    bits = 4 if form == PLAIN else 2
    assert "quantised" in {each.id for each in findings(*model(form, group=32, bits=bits))}


def test_plain_weights_where_integers_are_stated(findings):
    tensors, settings = model(PLAIN)
    weights = {name: each.astype(np.float32) for name, each in tensors.items() if each.ndim == 2}
    plain = {name: each for name, each in weights.items() if name.endswith(".weight")}
    assert ("not-packed", None) in faults(findings(plain, settings))


BY_ROW, BY_32 = Integers(64, 128), Integers(64, 128, 32, zeros=True)
THREE = Integers(64, 128, 32, bits=3)
INDEX = {"weight_g_idx": np.zeros(128, np.int32)}


@pytest.mark.parametrize(
    ("tensors", "settings", "words"),
    [
        (BY_ROW.plain(), None, "packed by an int8 quantiser, which is not decoded"),
        (BY_ROW.plain(), BY_ROW.settings(PACKED), "its format is pack-quantized"),
        (BY_ROW.packed(), BY_ROW.settings(PLAIN), "its format is int-quantized"),
        (BY_ROW.plain(), BY_ROW.settings("float-quantized"), "its format is float-quantized"),
        (BY_ROW.plain(), BY_ROW.settings(PLAIN, type="float"), "its codes are of type float"),
        (BY_ROW.plain(), BY_ROW.settings(PLAIN, num_bits=16), "says 16 bits"),
        (BY_ROW.packed(), BY_ROW.settings(PACKED, num_bits=1), "says 1 bits"),
        (BY_ROW.plain(), BY_ROW.settings(PLAIN, strategy="tensor"), "says strategy = tensor"),
        (BY_32.plain(), BY_32.settings(PLAIN, strategy="channel"), "says strategy = channel"),
        (BY_32.packed(), BY_32.settings(PACKED, strategy="block"), "its strategy is block"),
        (BY_32.plain(), BY_32.settings(PLAIN, group_size=64), "do not fill by 64"),
        (BY_32.packed(), BY_32.settings(PACKED, group_size=64), "do not fill by 64"),
        (BY_ROW.plain(), BY_ROW.settings(PLAIN, symmetric=False), "('weight_zero_point')"),
        (BY_ROW.plain(), BY_ROW.settings(PLAIN, actorder="group"), "there is no weight_g_idx"),
        (BY_ROW.plain() | INDEX, BY_ROW.settings(PLAIN), "its groups are out of order"),
        (THREE.packed() | INDEX, THREE.settings(PACKED), "its groups are out of order"),
        (Integers(64, 130).packed(), BY_ROW.settings(PACKED), "do not fill their words"),
        (BY_32.plain() | {"weight": np.zeros((64, 128), np.uint8)}, BY_32.settings(PLAIN), "U8"),
        (BY_32.plain() | {"weight": np.zeros(64, np.int8)}, BY_32.settings(PLAIN), "no matrix"),
        (
            BY_32.plain() | {"weight_zero_point": np.zeros((64, 4), np.int32)},
            BY_32.settings(PLAIN),
            "its zero points are I32",
        ),
        (
            BY_32.packed() | {"weight_scale": np.ones(1, np.float32)},
            BY_32.settings(PACKED, group_size=None, strategy="tensor"),
            "zero points are [16, 4]",
        ),
        (
            Integers(64, 128, zeros=True).packed() | {"weight_scale": np.ones(1, np.float32)},
            BY_ROW.settings(PACKED, strategy="tensor", symmetric=False),
            "its rows have zero points of their own, and one scale",
        ),
    ],
)
def test_what_contradicts_itself_is_named_and_not_measured(fit_packed, tensors, settings, words):
    item, result = fit_packed(tensors, settings)
    assert (item.status, item.n) == ("not_applicable", 0)
    (told,) = (each for each in result.findings if each.id == "unmeasured")
    assert words in told.message
    assert len(told.message) < 250


def test_several_schemes_of_one_class(fit_packed):
    """The shape that is stored decides of words, and nothing of bytes."""
    settings = BY_ROW.settings(PACKED)
    four = {"num_bits": 4, "group_size": None, "strategy": "channel"}
    settings["config_groups"]["other"] = {"targets": ["QKVLinear"], "weights": four}
    tensors = BY_ROW.packed()
    assert fit_packed(tensors, settings)[0].decoded == "INT8 x weight_scale per row"
    del tensors["weight_shape"]
    _, result = fit_packed(tensors, settings)
    assert "does not say which" in "".join(each.message for each in result.findings)
    settings["format"] = PLAIN
    _, result = fit_packed(BY_ROW.plain(), settings)
    assert "does not say which" in "".join(each.message for each in result.findings)

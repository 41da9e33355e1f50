"""What is said of scales that are zero, negative or no numbers, and of zero points astray."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

import weightgauge as wg
from packed_matrices import Quantised, as_stored, ternary
from packed_models import METHODS, UP, matrices, modules, packed_model, put

SCALES = {"compressed": "weight_scale", "gptq": "scales", "awq": "scales"}
RULES = ("non-finite-scales", "zero-scales", "negative-scales", "off-centre", "one-sign")


@pytest.fixture
def folder(tmp_path, write_checkpoint):
    """Write a model whose matrix UP was changed; return its folder."""

    def make(form, change=None, everywhere=False, **settings):
        whole = matrices()
        for module, each in whole.items():
            if change is not None and (everywhere or module == UP):
                change(each)
        method = METHODS[form] | settings
        return put(write_checkpoint, tmp_path / "m", packed_model(form, whole), method)

    return make


def told(findings, rules=RULES):
    return {(each.id, each.level, each.tensor, each.value) for each in findings if each.id in rules}


def some(value, count):
    def change(quantised):
        quantised.scales.reshape(-1)[:count] = value

    return change


def turned(every):
    """AutoRound's: some groups with a negative scale, and the codes mirrored."""

    def change(quantised):
        quantised.scales[::every] *= -1
        quantised.codes[::every] = np.minimum(16 - quantised.codes[::every], 15)

    return change


@pytest.mark.parametrize("form", METHODS)
@pytest.mark.parametrize(
    ("change", "rule", "level", "count"),
    [
        (some(np.nan, 2), "non-finite-scales", "fault", 2),
        (some(np.inf, 1), "non-finite-scales", "fault", 1),
        (some(-np.inf, 1), "non-finite-scales", "fault", 1),
        (some(0, 3), "zero-scales", "warning", 3),
        (some(-0.0, 1), "zero-scales", "warning", 1),
        (some(-0.01, 4), "negative-scales", "warning", 4),
        (turned(1), "negative-scales", "warning", 256),
        (turned(2), "negative-scales", "note", 128),
    ],
)
def test_odd_scales_are_counted_and_named(folder, form, change, rule, level, count):
    findings = wg.check(folder(form, change)).findings
    assert told(findings) == {(rule, level, f"{UP}.{SCALES[form]}", count)}
    weights = {each.tensor for each in findings if each.id == "non-finite"}
    assert bool(weights) == (rule == "non-finite-scales")
    assert f"{UP}.{SCALES[form]}" not in weights


@pytest.mark.parametrize("form", METHODS)
def test_scales_that_are_all_zero_are_a_fault_and_come_before_their_weights(folder, form):
    scales, weights, *_ = wg.check(folder(form, some(0, None))).findings
    assert (scales.id, scales.level, scales.value) == ("zero-scales", "fault", 256)
    assert (weights.id, weights.level) == ("all-zero", "fault")
    assert scales.tensor.rpartition(".")[0] == weights.tensor.rpartition(".")[0] == UP


@pytest.mark.parametrize("form", METHODS)
def test_what_scales_without_numbers_spoil_comes_after_them(folder, form):
    first, second, *_ = wg.check(folder(form, some(np.nan, 2))).findings
    assert (first.id, second.id) == ("non-finite-scales", "non-finite")


@pytest.mark.parametrize("form", METHODS)
def test_usual_scales_are_not_told_of(folder, form):
    assert told(wg.check(folder(form)).findings) == set()


def test_however_they_are_read(folder, tmp_path):
    """The same in one thread, from a file that is read, out of saved counts and from a feed."""
    path = folder("gptq", some(-0.01, 4))
    expected = wg.fit(path)
    assert told(expected.findings)
    saved = wg.scan(path)
    saved.save(tmp_path / "m.wghist")
    others = [
        wg.fit(path, threads=1, io="pread"),
        wg.fit(saved),
        wg.fit(str(tmp_path / "m.wghist")),
    ]
    for other in others:
        assert told(other.findings) == told(expected.findings)
        assert other.to_dicts() == expected.to_dicts()
    (item,) = (each for each in expected.slices if each.tensor == f"{UP}.scales")
    assert (item.n, item.negatives, item.zeros, item.status) == (256, 4, 0, "not_applicable")
    assert np.isnan(item.k) and np.isnan(item.max)


def test_scales_that_were_not_chosen(folder):
    path = folder("gptq", some(-0.01, 4))
    assert told(wg.fit(path, include="*.qweight").findings) == set()


@pytest.mark.parametrize(
    ("value", "rule"),
    [(0, "zero-scales"), (-0.1, "negative-scales"), (np.nan, "non-finite-scales")],
)
def test_scales_of_other_codes(tmp_path, write_checkpoint, value, rule):
    """Blocks of FP8, and the one scale of ternary codes."""
    rng = np.random.default_rng(1)
    blocks = rng.uniform(0.01, 0.02, (4, 4)).astype(np.float32)
    blocks[1, 2] = value
    codes = rng.integers(0, 120, (512, 512), np.uint8)
    tensors = {
        "model.layers.0.mlp.up_proj.weight": ("F8_E4M3", codes.shape, codes.tobytes()),
        "model.layers.0.mlp.up_proj.weight_scale_inv": as_stored(blocks),
    }
    single = ternary(rng.integers(-1, 2, (64, 64)), np.array([value], np.float32))
    packed = {f"model.layers.0.mlp.down_proj.{name}": each for name, each in single.items()}
    tensors |= {name: as_stored(each) for name, each in packed.items()}
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "bitnet"}}')
    found = {(each.tensor, each.value) for each in wg.check(path).findings if each.id == rule}
    assert found == {
        ("model.layers.0.mlp.up_proj.weight_scale_inv", 1),
        ("model.layers.0.mlp.down_proj.weight_scale", 1),
    }


def test_scales_of_eight_bits_may_be_zero(tmp_path, write_checkpoint):
    """Those of the smallest blocks round to zero in E4M3."""
    rng = np.random.default_rng(1)
    scales = np.full((64, 8), 0x38, np.uint8)
    scales[3, 4] = 0
    name = "model.layers.0.mlp.up_proj.weight"
    tensors = {
        name: ("F4", (64, 128), rng.bytes(64 * 64)),
        f"{name}_scale": ("F8_E4M3", scales.shape, scales.tobytes()),
    }
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    assert told(wg.fit(path).findings) == {("zero-scales", "note", f"{name}_scale", 1)}


def test_eight_bits_are_no_reason_for_scales_that_are_all_zero(tmp_path, write_checkpoint):
    rng = np.random.default_rng(1)
    name = "model.layers.0.mlp.up_proj.weight"
    tensors = {
        name: ("F4", (64, 128), rng.bytes(64 * 64)),
        f"{name}_scale": ("F8_E4M3", (64, 8), bytes(64 * 8)),
    }
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    assert ("zero-scales", "fault", f"{name}_scale", 512) in told(wg.fit(path).findings)


def test_the_other_format_of_gptq_is_suspected(folder):
    """All zero points are one too small, and more weights are positive."""
    findings = wg.check(folder("gptq", checkpoint_format="gptq_v2")).findings
    found = told(findings)
    assert {(rule, level) for rule, level, _, _ in found} == {("off-centre", "fault")}
    assert {name for _, _, name, _ in found} == {f"{module}.qweight" for module in modules()}
    for module, quantised in matrices().items():
        values = quantised.codes.astype(int) - 7
        share = np.count_nonzero(values > 0) / np.count_nonzero(values)
        assert any(name == f"{module}.qweight" and value == share for _, _, name, value in found)


@pytest.mark.parametrize(
    "moved", [lambda number: -(number % 4 == 0), lambda number: 1 - 2 * (number % 2)]
)
def test_some_matrices_off_centre_are_no_fault(folder, moved):
    """Seven of 28, or all of them, but on either side."""
    numbers = count()

    def change(quantised):
        quantised.zeros = (quantised.zeros.astype(int) + moved(next(numbers))).astype(np.uint8)

    found = told(wg.check(folder("gptq", change, everywhere=True)).findings, ["off-centre"])
    assert {level for _, level, _, _ in found} == {"warning"} and len(found) >= 7


def test_zero_points_that_are_lost(tmp_path, write_checkpoint):
    """Stored less one, words of zeros mean zero points of one."""
    tensors = packed_model("gptq")
    tensors[f"{UP}.qzeros"] = np.zeros_like(tensors[f"{UP}.qzeros"])
    path = put(write_checkpoint, tmp_path / "m", tensors, METHODS["gptq"])
    ((rule, level, name, value),) = told(wg.check(path).findings)
    assert (rule, level, name) == ("off-centre", "warning", f"{UP}.qweight")
    assert value > 0.98


def test_zero_points_of_zero_leave_one_sign(tmp_path, write_checkpoint):
    tensors = packed_model("awq")
    tensors[f"{UP}.qzeros"] = np.zeros_like(tensors[f"{UP}.qzeros"])
    path = put(write_checkpoint, tmp_path / "m", tensors, METHODS["awq"])
    assert {found[:3] for found in told(wg.check(path).findings)} == {
        ("one-sign", "fault", f"{UP}.qweight")
    }


def test_weights_somewhat_off_centre_are_usual(folder):
    """A quarter of a step: 54 % are positive."""

    def shift(quantised):
        rng = np.random.default_rng(5)
        moved = np.clip(rng.normal(8.25, 2.5, quantised.codes.shape).round(), 0, 15)
        quantised.codes = moved.astype(np.uint8)

    assert told(wg.check(folder("gptq", shift, everywhere=True)).findings) == set()


def test_asymmetric_groups_are_not_off_centre(tmp_path, write_checkpoint):
    rng = np.random.default_rng(2)
    quantised = Quantised(128, 256, 64, symmetric=False)
    weights = rng.normal(0, 0.02, (128, 4, 64))
    low, high = weights.min(-1, keepdims=True), weights.max(-1, keepdims=True)
    scales = ((high - low) / 15).astype(np.float16)
    zeros = np.clip(np.round(-low / scales), 1, 15)
    codes = np.clip(np.round(weights / scales) + zeros, 0, 15)
    quantised.codes = codes.reshape(128, 256).astype(np.uint8)
    quantised.scales, quantised.zeros = scales[..., 0], zeros[..., 0].astype(np.uint8)
    tensors = {f"{UP}.{name}": as_stored(each) for name, each in quantised.awq().items()}
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    assert told(wg.fit(path).findings) == set()

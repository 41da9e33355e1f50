"""NVFP4: codes with a scale for each 16 of them, and a scale of all these, against NumPy."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

import oracle
import weightgauge as wg
from closeness import relative
from test_mxfp4 import E2M1
from weightgauge.cli import main

STEM = "model.layers.0.self_attn.q_proj"
ROWS, COLUMNS = 48, 64
OF_ALL = {"modelopt": np.float32(3.71e-4), "ct": np.float32(2695.37)}
# What ModelOpt multiplies with, and what compressed-tensors divides by.
LAYOUTS = {"modelopt": ("weight", "weight_scale_2"), "ct": ("weight_packed", "weight_global_scale")}


def draw(seed=0, shape=(ROWS, COLUMNS)):
    rng = np.random.default_rng(seed)
    of_magnitude = np.array([0.06, *[0.94 / 7] * 7]) / 2
    codes = rng.choice(16, (2, *shape[:-1], shape[-1] // 2), p=np.tile(of_magnitude, 2))
    scales = rng.integers(0x40, 0x60, (*shape[:-1], shape[-1] // 16), dtype=np.uint8)
    return (codes[0] | codes[1] << 4).astype(np.uint8), scales


def decoded(codes, scales):
    """Code x scale in double precision, before the scale of all."""
    pairs = np.stack([E2M1[codes & 15], E2M1[codes >> 4]], axis=-1)
    values = pairs.reshape(*codes.shape[:-1], -1)
    return values * np.repeat(scales.view(ml_dtypes.float8_e4m3fn).astype(float), 16, axis=-1)


def named(layout, codes, scales, of_all=None, stem=STEM):
    packed, last = LAYOUTS[layout]
    of_all = np.asarray(OF_ALL[layout] if of_all is None else of_all)
    return {
        f"{stem}.{packed}": ("U8", codes.shape, codes.tobytes()),
        f"{stem}.weight_scale": ("F8_E4M3", scales.shape, scales.tobytes()),
        f"{stem}.{last}": ("F32", of_all.shape, of_all.tobytes()),
    }


def by_all(values, layout):
    of_all = float(OF_ALL[layout])
    return values / of_all if layout == "ct" else values * of_all


def fit_of(path, **options):
    return next(item for item in wg.fit(path, **options).slices if item.n)


def assert_fit_of(item, values, rel=1e-12):
    x = oracle.magnitudes(values)
    expected = oracle.order_fit(x)
    assert item.n == x.size
    assert item.k == relative(expected.k, rel=rel)
    assert item.lam == relative(expected.lam, rel=rel)
    assert item.max == relative(x[-1], rel=rel)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_fits_are_those_of_the_matrix_multiplied_out(tmp_path, write_checkpoint, layout, io):
    codes, scales = draw()
    path = write_checkpoint(tmp_path / "model.safetensors", named(layout, codes, scales))
    result = wg.fit(path, io=io)
    item, *beside = result.slices
    assert (item.kind, item.shape) == ("q", (ROWS, COLUMNS))
    signs = {"modelopt": "x weight_scale_2", "ct": "/ weight_global_scale"}
    assert item.decoded == f"NVFP4 x weight_scale {signs[layout]}"
    assert_fit_of(item, by_all(decoded(codes, scales), layout))
    assert {each.status for each in beside} == {"not_applicable"}
    assert [each.id for each in result.findings if each.level != "note"] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_are_those_of_float32_where_they_are_made(tmp_path, write_checkpoint, layout):
    """As both libraries dequantise: the scale times or by that of all first, then the code."""
    codes, scales = draw(1)
    path = write_checkpoint(tmp_path / "quantised.safetensors", named(layout, codes, scales))
    each = scales.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    each = each / OF_ALL["ct"] if layout == "ct" else each * OF_ALL["modelopt"]
    pairs = np.stack([E2M1[codes & 15], E2M1[codes >> 4]], axis=-1).astype(np.float32)
    values = pairs.reshape(ROWS, COLUMNS) * np.repeat(each, 16, axis=-1)
    assert values.dtype == np.float32
    plain = write_checkpoint(
        tmp_path / "plain.safetensors",
        {f"{STEM}.weight": ("F32", values.shape, values.tobytes())},
    )
    (pair,) = wg.compare(path, plain).pairs
    assert pair.difference_rms == 0
    (other,) = wg.fit(plain, protocol="paper").slices
    paper = fit_of(path, protocol="paper")
    assert (paper.k, paper.lam) == (other.k, other.lam)


def test_parts_of_a_matrix(tmp_path, write_checkpoint):
    codes, scales = draw(2)
    path = write_checkpoint(tmp_path / "model.safetensors", named("ct", codes, scales))
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": 4}))
    found = [item for item in wg.fit(path, per="head").slices if item.head is not None]
    assert [item.head for item in found] == [0, 1, 2, 3]
    for item, part in zip(found, np.split(by_all(decoded(codes, scales), "ct"), 4), strict=True):
        assert_fit_of(item, part)


def test_quantiles_and_saved_counts(tmp_path, write_checkpoint):
    codes, scales = draw(3)
    path = write_checkpoint(tmp_path / "model.safetensors", named("modelopt", codes, scales))
    counts = tmp_path / "counts.wghist"
    assert main(["scan", str(path), "-o", str(counts), "-q"], standalone_mode=False) in (None, 0)
    item, saved = fit_of(path), fit_of(counts)
    assert (saved.k, saved.lam, saved.max) == (item.k, item.lam, item.max)


def test_a_stack_of_experts(tmp_path, write_checkpoint):
    codes, scales = draw(4, (3, 32, 64))
    stem = "model.layers.0.mlp.experts.down_proj"
    tensors = named("modelopt", codes, scales, stem=stem)
    values = by_all(decoded(codes, scales), "modelopt")
    found = [item for item in wg.fit(write_checkpoint(tmp_path / "m.safetensors", tensors)).slices]
    whole = next(item for item in found if item.n and item.expert is None)
    assert whole.shape == (3, 32, 64)
    assert_fit_of(whole, values)
    for item in found:
        if item.expert is not None:
            assert_fit_of(item, values[item.expert])


def test_codes_in_a_format_of_their_own(tmp_path, write_checkpoint):
    codes, scales = draw(5)
    tensors = named("modelopt", codes, scales)
    tensors[f"{STEM}.weight"] = ("F4", (ROWS, COLUMNS), codes.tobytes())
    item = fit_of(write_checkpoint(tmp_path / "model.safetensors", tensors))
    assert item.decoded.endswith("x weight_scale per 1 x 16 block x weight_scale_2")
    assert_fit_of(item, by_all(decoded(codes, scales), "modelopt"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_negative_scale_of_all_turns_the_sign_of_every_weight(tmp_path, write_checkpoint, layout):
    codes, scales = draw(6)
    tensors = named(layout, codes, scales, np.float32(-0.25))
    item = fit_of(write_checkpoint(tmp_path / "model.safetensors", tensors))
    assert item.negatives == np.count_nonzero(decoded(codes, scales) > 0)


@pytest.mark.parametrize("of_all", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_scale_of_all_raises(tmp_path, write_checkpoint, layout, of_all):
    codes, scales = draw(6)
    tensors = named(layout, codes, scales, np.float32(of_all))
    result = wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))
    item, *_ = result.slices
    assert (item.n, item.zeros + item.nonfinite) == (0, ROWS * COLUMNS)
    assert result.findings[0].level == "fault"
    assert result.findings[0].tensor.startswith(STEM)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight_scale": ("F8_E4M3", (ROWS, 3), bytes(ROWS * 3))}, "its scales are [48, 3]"),
        ({"weight_scale": ("F32", (ROWS, 4), bytes(ROWS * 16))}, "its scales are F32"),
        ({"weight_scale": None}, "its scales are missing"),
        ({"weight_scale_2": ("F32", (2,), bytes(8))}, "is not one number"),
        ({"weight_scale_2": ("F64", (), bytes(8))}, "is not one number"),
        ({"weight_scale_2": ("F32", (0,), b"")}, "is not one number"),
        ({"comfy_quant": ("U8", (19,), b'{"format": "nvfp4"}')}, "its scales lie in tiles"),
        ({"pre_quant_scale": ("BF16", (COLUMNS,), bytes(2 * COLUMNS))}, "its inputs have scales"),
        ({"weight": ("U8", (ROWS * 32,), bytes(ROWS * 32))}, "its scales are [48, 4]"),
        ({"weight": ("U8", (ROWS, 0), b"")}, ""),
    ],
)
def test_what_does_not_fit_is_told_and_not_measured(tmp_path, write_checkpoint, change, words):
    tensors = named("modelopt", *draw(7))
    for name, stored in change.items():
        if stored is None:
            del tensors[f"{STEM}.{name}"]
        else:
            tensors[f"{STEM}.{name}"] = stored
    result = wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))
    assert {(item.status, item.n) for item in result.slices} <= {
        ("not_applicable", 0),
        ("empty", 0),
    }
    told = [each.message for each in result.findings if each.level != "note"]
    assert told and any(words in message for message in told), told


def test_the_list_says_how_values_are_made(tmp_path, write_checkpoint, capsys):
    path = write_checkpoint(tmp_path / "model.safetensors", named("ct", *draw(8)))
    assert main(["ls", str(path)], standalone_mode=False) in (None, 0)
    assert "NVFP4 x weight_scale / weight_global_scale" in capsys.readouterr().out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_codes_have_a_shape_of_their_own_beside_the_base(tmp_path, write_checkpoint, layout):
    """ModelOpt keeps the name of the weight: that its bytes are half as many is no fault."""
    codes, scales = draw(9)
    path = write_checkpoint(tmp_path / "quantised.safetensors", named(layout, codes, scales))
    values = by_all(decoded(codes, scales), layout).astype(np.float32)
    plain = {f"{STEM}.weight": ("F32", values.shape, values.tobytes())}
    base = write_checkpoint(tmp_path / "base.safetensors", plain)
    told = {each.id for each in wg.check(path, against=base).findings}
    assert {"not-compared", "dtype-differs"} <= told
    assert not told & {"shape-differs", "unrelated", "extra-tensor"}


def test_codes_of_two_quantised_models_are_held_against_each_other(tmp_path, write_checkpoint):
    path, base = (
        write_checkpoint(tmp_path / f"{rows}.safetensors", named("modelopt", *draw(9, (rows, 64))))
        for rows in (48, 32)
    )
    told = [each.tensor for each in wg.check(path, against=base).findings if each.level == "fault"]
    assert f"{STEM}.weight" in told


def test_scales_in_tiles_are_not_taken_for_scales_in_rows(tmp_path, write_checkpoint):
    """ComfyUI names its NVFP4 as ModelOpt does, and stores scales as matrix units take them."""
    metadata = {"_quantization_metadata": json.dumps({"layers": {STEM: {"format": "nvfp4"}}})}
    other, rows = "model.layers.0.self_attn.k_proj", "model.layers.0.self_attn.o_proj"
    codes = np.random.default_rng(10).integers(0x20, 0x50, (128, 128), dtype=np.uint8)
    tensors = named("modelopt", *draw(10)) | {
        f"{other}.weight": ("F8_E4M3", codes.shape, codes.tobytes()),
        f"{other}.weight_scale": ("F8_E8M0", (128, 4), b"\x70" * 512),
        f"{rows}.weight": ("F8_E4M3", codes.shape, codes.tobytes()),
        f"{rows}.weight_scale": ("F32", (128, 1), np.ones(128, np.float32).tobytes()),
    }
    path = write_checkpoint(tmp_path / "model.safetensors", tensors, metadata=metadata)
    result = wg.fit(path)
    assert [item.kind for item in result.slices if item.decoded] == ["o"]
    told = {each.tensor: each.message for each in result.findings if "tiles" in each.message}
    assert "cannot be decoded: its scales lie in tiles" in told[f"{STEM}.weight"]
    assert "its scale is not applied: its scales lie in tiles" in told[f"{other}.weight"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scales_of_all_as_two_libraries_name_them(tmp_path, write_checkpoint, layout):
    """The name of the codes tells whose they are; the other tensor is one of its own."""
    codes, scales = draw(12)
    tensors = named(layout, codes, scales)
    for _, last in LAYOUTS.values():
        tensors.setdefault(f"{STEM}.{last}", ("F32", (), np.float32(7).tobytes()))
    item = fit_of(write_checkpoint(tmp_path / "model.safetensors", tensors))
    assert_fit_of(item, by_all(decoded(codes, scales), layout))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", range(3))
def test_what_is_lost_of_one_matrix_is_a_fault(tmp_path, write_checkpoint, layout, place):
    lost = (LAYOUTS[layout][0], "weight_scale", LAYOUTS[layout][1])[place]
    tensors = {}
    for name in ("q", "k", "o"):
        stem = STEM.replace("q_", f"{name}_")
        tensors |= named(layout, *draw(11), stem=stem)
    del tensors[f"{STEM}.{lost}"]
    result = wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))
    faults = [(each.id, each.tensor) for each in result.findings if each.level == "fault"]
    assert faults == [("missing-part", f"{STEM}.{lost}")]
    assert [item.kind for item in result.slices if item.decoded] == ["k", "o"]


@pytest.mark.parametrize(
    ("layout", "of_all"),
    [
        *(("modelopt", each) for each in (1e37, -1e37, 3e38, np.inf, np.nan)),
        *(("ct", each) for each in (1e-38, 1e-45, 0.0, np.inf)),
    ],
)
def test_products_beyond_float32_are_infinite(tmp_path, write_checkpoint, layout, of_all):
    """A corrupt scale of all: which products are infinite, or NaN, is told one by one."""
    codes, scales = draw(seed=6)
    scales[0, 0], codes[0, :8] = 0x7E, 0  # the largest scale, of zeros alone
    tensors = named(layout, codes, scales, np.float32(of_all))
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    pairs = np.stack([E2M1[codes & 15], E2M1[codes >> 4]], axis=-1).astype(np.float32)
    by_block = scales.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    with np.errstate(all="ignore"):
        by = by_block / np.float32(of_all) if layout == "ct" else by_block * np.float32(of_all)
        values = pairs.reshape(ROWS, -1) * np.repeat(by, 16, axis=-1)
    finite = values[np.isfinite(values)]
    item = next(each for each in wg.fit(path).slices if each.shape == (ROWS, COLUMNS))
    assert item.n == np.count_nonzero(finite)
    assert item.zeros == np.count_nonzero(finite == 0)
    assert item.nonfinite == values.size - finite.size
    assert item.negatives == np.count_nonzero(finite < 0)
    assert item.fitted == (item.n > 100)
    if item.fitted:
        assert_fit_of(item, finite)
    saved = next(each for each in wg.scan(path).slices if each.fit.shape == (ROWS, COLUMNS))
    assert (saved.fit.n, saved.fit.k) == (item.n, item.k) or not item.fitted
    assert saved.histogram().n == item.n


EXPERTS = "model.layers.0.mlp.experts"
NAMES = {
    "module": ("down_proj.weight", "down_proj.weight_scale", "down_proj.weight_scale_2"),
    "ct": ("down_proj.weight_packed", "down_proj.weight_scale", "down_proj.weight_global_scale"),
    "codes": ("down_proj", "down_proj_weight_scale", "down_proj_weight_scale_2"),
}


def stack(names, of_all, *, turned=False):
    """Three experts, and one scale of all or three: their tensors, and their values."""
    codes, scales = draw(seed=7, shape=(3, ROWS, COLUMNS))
    stored = (
        [codes, scales] if not turned else [np.swapaxes(x, 1, 2).copy() for x in (codes, scales)]
    )
    arrays = zip(NAMES[names], ("U8", "F8_E4M3", "F32"), [*stored, of_all], strict=True)
    tensors = {
        f"{EXPERTS}.{name}": (dtype, each.shape, each.tobytes()) for name, dtype, each in arrays
    }
    values, of_all = decoded(codes, scales), of_all.reshape(-1, 1, 1).astype(float)
    return tensors, values / of_all if names == "ct" else values * of_all


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("shape", [(), (3,), (3, 1, 1)])
@pytest.mark.parametrize("names", NAMES)
def test_experts_have_a_scale_of_all_each(tmp_path, write_checkpoint, names, shape, io):
    of_all = np.geomspace(1e-3, 7e-3, 3 if shape else 1).astype(np.float32).reshape(shape)
    tensors, values = stack(names, of_all)
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    result = wg.fit(path, io=io)
    codes, *beside = tensors
    assert_fit_of(result.wholes[codes], values, rel=1e-6)  # of products rounded to float32
    experts = [item for item in result.slices if item.expert is not None]
    assert [item.expert for item in experts] == [0, 1, 2]
    for item, of_expert in zip(experts, values, strict=True):
        assert item.shape == (ROWS, COLUMNS)
        assert_fit_of(item, of_expert, rel=1e-6)
    left = [item for item in result.slices if item.tensor in beside]
    assert {item.status for item in left} == {"not_applicable"}


@pytest.mark.parametrize(("experts", "turned"), [(2, False), (3, True)])
def test_stacks_that_do_not_fit_are_named(tmp_path, write_checkpoint, experts, turned):
    """Two scales of all for three experts; or blocks that lie down the columns."""
    tensors, _ = stack("codes", np.ones(3, np.float32), turned=turned)
    *_, of_all = tensors
    tensors[of_all] = "F32", (experts,), np.ones(experts, np.float32).tobytes()
    result = wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))
    assert {item.status for item in result.slices} == {"not_applicable"}
    (found,) = (each for each in result.findings if each.id == "unmeasured")
    assert ("down the columns" if turned else "nor one for each matrix") in found.message

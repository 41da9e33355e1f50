"""Packed integers of four bits and of BitNet: the same fit as of the matrix multiplied out."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from packed_fits import STEM, assert_as_oracle, assert_no_warning, assert_same, numbers
from packed_matrices import FLOATS, Quantised, as_stored, ternary

FORMS = ["compressed", "gptq", "awq"]
CONFIGS = {"compressed": {}, "gptq": {"quant_method": "gptq"}, "awq": {"quant_method": "awq"}}


def packed(quantised, form):
    return getattr(quantised, form)(), CONFIGS[form]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("scales", FLOATS)
def test_every_form_is_the_matrix_multiplied_out(fit_packed, fit_plain, form, symmetric, scales):
    quantised = Quantised(96, 256, 32, scales=scales, symmetric=symmetric)
    values = quantised.values()
    item, result = fit_packed(*packed(quantised, form))
    assert_same(item, fit_plain(values))
    assert_as_oracle(item, values)
    assert_no_warning(result)


@pytest.mark.parametrize("form", FORMS)
def test_large_matrices_however_they_are_read(fit_packed, fit_plain, form):
    """More weights than are sorted at once, rows of no power of two, and threads."""
    quantised = Quantised(344, 640, 128, symmetric=False)
    plain = fit_plain(quantised.values(), exact=True)
    found = [
        fit_packed(*packed(quantised, form), **options)[0]
        for options in ({"threads": 1}, {"threads": 3}, {"io": "pread"}, {"exact": True})
    ]
    assert len({repr(numbers(item)) for item in found}) == 1
    for name in ("n", "zeros", "negatives", "max"):
        assert getattr(found[0], name) == getattr(plain, name)
    for name in ("k", "lam", "r2", "ks", "rms"):
        assert getattr(found[0], name) == relative(getattr(plain, name), rel=1e-10)
    # They have terms for single magnitudes, and the plain matrix has them for narrow bins.
    whole = fit_packed(*packed(quantised, form), errors="full")[0]
    plain = fit_plain(quantised.values(), exact=True, errors="full")
    for name in ("k_se", "ln_lambda_se", "k_se_matrix", "ln_lambda_se_matrix"):
        assert getattr(whole, name) == relative(getattr(plain, name), rel=1e-3)
    # Rows of a sample that lie side by side are taken together: it may be another one.
    for name in ("k_se_matrix", "ln_lambda_se_matrix"):
        assert 0.75 < getattr(found[0], name) / getattr(whole, name) < 1.33


@pytest.mark.parametrize("form", ["gptq", "awq"])
def test_neighbours_in_a_word_are_sampled_together(fit_packed, form):
    """Rows whose scales differ give the errors of a matrix whose neighbours lie elsewhere."""
    quantised = Quantised(512, 512, 128)
    rng = np.random.default_rng(3)
    of_rows = np.exp(0.5 * rng.standard_normal((512, 1)))
    quantised.scales = (np.full((512, 4), 0.01) * of_rows).astype(np.float16)
    sampled, full = (
        fit_packed(*packed(quantised, form), errors=errors)[0] for errors in ("sampled", "full")
    )
    assert sampled.ln_lambda_se_matrix > 3 * sampled.ln_lambda_se
    assert 0.75 < sampled.ln_lambda_se_matrix / full.ln_lambda_se_matrix < 1.33


@pytest.mark.parametrize("form", ["compressed", "gptq"])
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_an_index_decides_the_group_of_each_column(fit_packed, fit_plain, form, io):
    quantised = Quantised(48, 512, 64, symmetric=False).shuffled()
    tensors = getattr(quantised, form)(index=True)
    item, _ = fit_packed(tensors, {**CONFIGS[form], "desc_act": True}, io=io)
    assert_same(item, fit_plain(quantised.values()))
    assert item.decoded.endswith("per group of 64, by g_idx")


def test_an_index_that_was_never_set_changes_nothing(fit_packed, fit_plain):
    quantised = Quantised(48, 512, 64)
    tensors = quantised.compressed()
    tensors["weight_g_idx"] = np.full(512, -1, np.int32)
    assert_same(fit_packed(tensors)[0], fit_plain(quantised.values()))


@pytest.mark.parametrize(("form", "name"), [("compressed", "weight_g_idx"), ("gptq", "g_idx")])
def test_an_index_of_zeros_alone_was_never_set(fit_packed, fit_plain, form, name):
    """Exporters without an order leave it so, and no other group would have a column."""
    quantised = Quantised(48, 512, 64)
    tensors = getattr(quantised, form)() | {name: np.zeros(512, np.int32)}
    assert_same(fit_packed(tensors, CONFIGS[form])[0], fit_plain(quantised.values()))
    one = Quantised(48, 512, 512)
    tensors = getattr(one, form)() | {name: np.zeros(512, np.int32)}
    assert_same(fit_packed(tensors, CONFIGS[form])[0], fit_plain(one.values()))


@pytest.mark.parametrize("group", [129, 2**63, 2**64 - 1, 2**64, 10**30])
def test_one_group_may_be_stated_to_be_larger_than_a_row(fit_packed, fit_plain, group):
    quantised = Quantised(64, 128, 128)
    plain = fit_plain(quantised.values())
    by_group = {"config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": group}}}}
    assert_same(fit_packed(quantised.compressed(), by_group)[0], plain)
    assert_same(fit_packed(quantised.gptq(), CONFIGS["gptq"] | {"group_size": group})[0], plain)


@pytest.mark.parametrize(
    ("form", "left", "codes"),
    [
        ("compressed", ["weight_scale", "weight_shape"], "weight_packed"),
        ("gptq", ["qzeros", "scales", "g_idx"], "qweight"),
        ("gptq", ["scales", "g_idx"], "qweight"),
        ("awq", ["qzeros", "scales"], "qweight"),
    ],
)
def test_codes_that_are_lost_are_missed(tmp_path, write_checkpoint, form, left, codes):
    """What lies beside them is there and says so, in one matrix or in all."""
    tensors = getattr(Quantised(64, 128, 32), form)()
    stems = [f"model.layers.{i}.mlp.{part}_proj" for i in range(4) for part in ("up", "gate")]
    whole = {f"{stem}.{name}": as_stored(each) for stem in stems for name, each in tensors.items()}
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS[form]))

    def missing(lost):
        kept = {
            name: each
            for name, each in whole.items()
            if name.rpartition(".")[0] not in lost or name.rpartition(".")[2] in left
        }
        write_checkpoint(tmp_path / "model.safetensors", kept)
        found = wg.check(tmp_path).findings
        return [(each.tensor, each.level) for each in found if each.id == "missing-part"]

    assert missing([]) == []
    assert missing(stems[2:3]) == [(f"{stems[2]}.{codes}", "fault")]
    assert missing(stems) == [(f"{stem}.{codes}", "fault") for stem in stems]


@pytest.mark.parametrize("group", [9, -1, 2**31 - 1])
def test_columns_of_a_group_that_does_not_exist_are_no_numbers(fit_packed, group):
    quantised = Quantised(48, 64, 16)
    tensors = quantised.gptq()
    tensors["g_idx"][5] = group
    item, result = fit_packed(tensors)
    assert (item.nonfinite, item.n + item.zeros) == (48, 48 * 63)
    assert "non-finite" in {each.id for each in result.findings}


@pytest.mark.parametrize("columns", [60, 61, 71])
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_rows_that_do_not_fill_their_words(fit_packed, fit_plain, columns, io):
    """What fills up the last word of a row is no weight."""
    quantised = Quantised(30, columns, columns, symmetric=False)
    item, _ = fit_packed(quantised.compressed(), io=io)
    assert item.shape == (30, columns)
    assert_same(item, fit_plain(quantised.values()))


def test_scales_of_rows_and_one_for_all(fit_packed, fit_plain):
    quantised = Quantised(40, 128, 128)
    item, _ = fit_packed(quantised.compressed())
    assert item.decoded == "INT4 x weight_scale per row"
    assert_same(item, fit_plain(quantised.values()))
    quantised.scales[:] = quantised.scales[0, 0]
    tensors = quantised.compressed() | {"weight_scale": quantised.scales[0]}
    item, _ = fit_packed(tensors)
    assert item.decoded == "INT4 x weight_scale per tensor"
    assert_same(item, fit_plain(quantised.values()))


def test_zero_points_are_stored_less_one_or_not(fit_packed, fit_plain):
    """GPTQ's first format borrows from the next zero point of a word where one is 0."""
    quantised = Quantised(64, 128, 32, symmetric=False)
    quantised.zeros[::3] = 0
    quantised.zeros[1::3] = 15
    plain = fit_plain(quantised.values())
    for second, form in ((False, None), (False, "gptq"), (True, "gptq_v2")):
        settings = {"quant_method": "gptq"} | ({"checkpoint_format": form} if form else {})
        assert_same(fit_packed(quantised.gptq(second=second), settings)[0], plain)


@pytest.mark.parametrize("settings", [{}, {"group_size": 32}, {"desc_act": False}])
def test_gptq_without_an_index(fit_packed, fit_plain, settings):
    quantised = Quantised(64, 128, 32)
    item, _ = fit_packed(quantised.gptq(index=False), {"quant_method": "gptq", **settings})
    assert item.decoded == "(INT4 - zero point) x scales per group of 32"
    assert_same(item, fit_plain(quantised.values()))


HEADS = {
    "model_type": "llama",
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": 64, "head_dim": 32},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize(("kind", "shape"), [("q", (128, 64)), ("o", (64, 128))])
def test_heads(fit_packed, fit_plain, form, io, kind, shape):
    stem = f"model.layers.0.self_attn.{kind}_proj"
    quantised = Quantised(*shape, 16, symmetric=False)
    options = {"per": "head", "stem": stem, "settings": HEADS, "io": io}
    heads, _ = fit_packed(*packed(quantised, form), **options)
    plain = fit_plain(quantised.values(), stem=stem, settings=HEADS, per="head")
    assert [item.head for item in heads] == [0, 1, 2, 3]
    for item, other in zip(heads, plain, strict=True):
        assert_same(item, other)


PHI = {
    "model_type": "phi3",
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64},
}


@pytest.mark.parametrize("form", FORMS)
def test_fused_parts(fit_packed, fit_plain, form):
    stem = "model.layers.0.self_attn.qkv_proj"
    quantised = Quantised(128, 64, 32, symmetric=False)
    found, _ = fit_packed(*packed(quantised, form), stem=stem, settings=PHI)
    plain = fit_plain(quantised.values(), stem=stem, settings=PHI)
    assert [item.part for item in found] == [item.part for item in plain] == ["q", "k", "v", None]
    for item, other in zip(found, plain, strict=True):
        assert_same(item, other)


@pytest.mark.parametrize("odd", [np.nan, np.inf, 0, -0.25, 1e-45, 3e38])
@pytest.mark.parametrize("form", FORMS)
def test_odd_scales(fit_packed, fit_plain, form, odd):
    quantised = Quantised(48, 64, 16, scales="F32")
    quantised.scales[::3, 1] = odd
    with np.errstate(all="ignore"):
        values = quantised.values()
    assert_same(fit_packed(*packed(quantised, form))[0], fit_plain(values))


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("layer", ["bitlinear", "autobitlinear", None])
def test_ternary_weights(fit_packed, dtype, layer):
    rng = np.random.default_rng(4)
    values = rng.integers(-1, 2, (64, 96))
    scale = np.array([1.7], dtype)
    settings = {"quant_method": "bitnet"} | ({"linear_class": layer} if layer else {})
    item, _ = fit_packed(ternary(values, scale), settings)
    weight = np.float32(scale[0])
    expected = weight if layer == "autobitlinear" else np.float32(1) / weight
    assert (item.max, item.shape, item.kind) == (expected, (64, 96), "q")
    assert item.n == np.count_nonzero(values)
    assert item.zeros == np.count_nonzero(values == 0)
    assert item.decoded == f"ternary {'x' if layer == 'autobitlinear' else '/'} weight_scale"


def test_ternary_rows_are_where_they_belong(tmp_path, write_checkpoint, fit_packed):
    """Heads of q are rows, which BitNet packs a quarter of the matrix apart."""
    values = np.zeros((128, 64), int)
    values[32:64] = 1  # the second head
    tensors = ternary(values, np.array([2], np.float32))
    settings = {"quant_method": "bitnet"}
    heads, _ = fit_packed(tensors, settings, per="head", settings=HEADS)
    assert [item.n for item in heads] == [0, 32 * 64, 0, 0]


def test_digests_and_saved_counts(tmp_path, fit_packed):
    quantised = Quantised(64, 128, 32)
    item, _ = fit_packed(quantised.compressed())
    saved = wg.scan(tmp_path / "model.safetensors")
    (kept,) = (each.fit for each in saved.slices if each.fit.fitted)
    assert repr(numbers(kept)) == repr(numbers(item))
    fit_packed({"other": quantised.compressed()["weight_packed"]})
    bare = wg.scan(tmp_path / "model.safetensors")  # integers, whose digest is that of their bytes
    assert item.digest == kept.digest == bare.tensors[0]["digest"] is not None


@pytest.mark.parametrize(("per", "level"), [("tensor", None), ("head", "note")])
def test_columns_that_round_to_zero_in_one_head_are_no_warning(fit_packed, per, level):
    """A column of small weights is all zeros in the few rows of a head."""
    quantised = Quantised(128, 64, 32)
    quantised.codes[:32, 5] = 8
    _, result = fit_packed(quantised.gptq(), CONFIGS["gptq"], settings=HEADS, per=per)
    told = [each.level for each in result.findings if each.id == "dead-columns"]
    assert told == ([level] if level else [])


@pytest.mark.parametrize("form", FORMS)
def test_compared_with_the_matrix_multiplied_out(tmp_path, fit_packed, fit_plain, form):
    quantised = Quantised(96, 256, 32, symmetric=False)
    fit_plain(quantised.values())
    fit_packed(*packed(quantised, form))
    (pair,) = wg.compare(tmp_path / "plain", tmp_path).pairs
    assert (pair.kind, pair.changed) == ("q", 0)
    assert pair.k_a == pair.k_b


def test_other_groups_than_in_the_base_are_no_fault(tmp_path, write_checkpoint):
    """Their scales have other shapes, as of any two quantisations of one model."""
    paths = []
    for group in (32, 64):
        tensors = Quantised(96, 256, group).gptq(index=False)
        named = {f"{STEM}.{name}": as_stored(array) for name, array in tensors.items()}
        paths.append(write_checkpoint(tmp_path / f"{group}.safetensors", named))
    found = wg.check(paths[1], against=paths[0]).findings
    told = {(each.tensor, each.level) for each in found if each.id == "shape-differs"}
    assert told == {(f"{STEM}.scales", "note"), (f"{STEM}.qzeros", "note")}


def test_diagnosed_and_balanced(tmp_path, fit_packed, fit_plain):
    quantised = Quantised(96, 256, 32, symmetric=False)
    fit_plain(quantised.values())
    fit_packed(*packed(quantised, "gptq"))
    plain = wg.diagnose(tmp_path / "plain", balanced=True).kinds[0]
    item = next(each for each in wg.diagnose(tmp_path, balanced=True).kinds if each.kind == "q")
    assert (item.k_median, item.k_core_median) == (plain.k_median, plain.k_core_median)
    assert item.k_core_median > 0


SYMMETRIC = Quantised(64, 128, 32)
ASYMMETRIC = Quantised(64, 128, 32, symmetric=False)
ZEROS = {"config_groups": {"group_0": {"weights": {"num_bits": 4, "symmetric": False}}}}
EIGHT = {"config_groups": {"group_0": {"weights": {"num_bits": 8}}}}
BY_64 = {"config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 64}}}}
ORDERED = {"config_groups": {"group_0": {"weights": {"num_bits": 4, "actorder": "group"}}}}
FLOAT = {"config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "float"}}}}
SHORT = np.zeros((64, 3), np.float16)


@pytest.mark.parametrize(
    ("tensors", "settings", "words"),
    [
        (SYMMETRIC.compressed(), EIGHT, "its codes are [64, 16], and not [64, 32]"),
        (SYMMETRIC.compressed(), BY_64, "4 groups a row, which its 128 columns do not fill by 64"),
        (SYMMETRIC.compressed(), {"format": "marlin-24"}, "its format is marlin-24"),
        (SYMMETRIC.compressed(), ZEROS, "zero points are missing ('weight_zero_point')"),
        (SYMMETRIC.compressed() | {"weight_scale": SHORT}, {}, "3 groups do not divide"),
        (SYMMETRIC.compressed() | {"weight_scale": SHORT.T}, {}, "scales are [3, 64]"),
        (SYMMETRIC.compressed() | {"weight_scale": np.zeros((64, 4), np.int32)}, {}, "are I32"),
        (SYMMETRIC.compressed() | {"weight_shape": np.array([64, 120])}, {}, "64 x 120 codes"),
        (SYMMETRIC.compressed() | {"weight_shape": np.array([-64, 128])}, {}, "-64 x 128 codes"),
        (ASYMMETRIC.compressed() | {"weight_zero_point": SHORT.view(np.int16)}, {}, None),
        (SYMMETRIC.compressed() | {"weight_g_idx": np.zeros(64, np.int32)}, {}, "I32 [64]"),
        (SYMMETRIC.gptq(), {"bits": 8}, "zero points are [4, 8], and those of 8 bits [4, 16]"),
        (SYMMETRIC.gptq(), {"checkpoint_format": "marlin"}, "its format is marlin"),
        (SYMMETRIC.gptq(index=False), {"desc_act": True}, "there is no g_idx"),
        (SYMMETRIC.gptq(index=False), {"group_size": 64}, "4 groups a row"),
        (SYMMETRIC.gptq(), {"group_size": 64}, "4 groups a row"),
        (SYMMETRIC.gptq(), {"group_size": 64, "desc_act": True}, "4 groups a row"),
        (SYMMETRIC.gptq(), {"group_size": -1}, "do not fill by -1"),
        (SYMMETRIC.awq(), {"quant_method": "awq", "group_size": 0}, "do not fill by 0"),
        (SYMMETRIC.compressed(), ORDERED, "there is no weight_g_idx"),
        (SYMMETRIC.compressed(), FLOAT, "its codes are of type float"),
        (SYMMETRIC.gptq() | {"g_idx": np.zeros(127, np.int32)}, {}, "I32 [127]"),
        (SYMMETRIC.gptq() | {"scales": SHORT.T}, {}, "are [3, 64] and its zero points [4, 8]"),
        (SYMMETRIC.gptq() | {"scales": np.zeros((4, 60), np.float16)}, {}, "outputs"),
        (SYMMETRIC.awq(), {"quant_method": "awq", "version": "gemv"}, "its format is gemv"),
        (SYMMETRIC.awq() | {"qzeros": np.zeros((2, 8), np.int32)}, {}, "its zero points [2, 8]"),
        (
            {
                "weight_packed": np.zeros((1, (1 << 21) + 1), np.int32),
                "weight_scale": np.ones((1, 1), np.float16),
            },
            {},
            "no more than 16,777,216 a side",
        ),
        (
            ternary(np.zeros((8, 64), int), np.ones(3, np.float32)),
            {"quant_method": "bitnet"},
            "it has 3 scales, and not one",
        ),
    ],
)
def test_what_contradicts_itself_is_named_and_not_measured(fit_packed, tensors, settings, words):
    if words is None:
        tensors = tensors | {"weight_zero_point": np.zeros((8, 3), np.int32)}
        words = "zero points are [8, 3], and not [8, 4]"
    item, result = fit_packed(tensors, settings)
    assert (item.status, item.n) == ("not_applicable", 0)
    (told,) = (each for each in result.findings if each.id == "unmeasured")
    assert words in told.message
    assert len(told.message) < 250

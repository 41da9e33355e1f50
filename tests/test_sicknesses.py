"""Copies of one model that were damaged in one way each: which rule names which tensors."""

from __future__ import annotations

import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from health_models import DOWN, LAYER, OUT, UP, Q, wide
from weightgauge.findings import RULES

REMARKS = {"kind-unusual", "nearest", "heavy-tail", "poor-fit"}
"""Notes that follow from what is wrong, or from the size of the model."""


def of_block(tensors, block):
    """Names of the matrices of a block."""
    return [name for name in tensors if f".layers.{block}." in name and tensors[name].ndim == 2]


def of_blocks(tensors):
    """Names of the matrices of all blocks."""
    return [name for name in tensors if ".layers." in name and tensors[name].ndim == 2]


def drop(tensors, *patterns):
    for name in [name for name in tensors if any(each in name for each in patterns)]:
        del tensors[name]


def scatter_zeros(matrix):
    """Let every fiftieth element be zero; no row or column becomes zeros alone."""
    matrix.reshape(-1)[::50] = 0


# Each of these damages tensors and configuration, and returns what must be found: the rule, the
# tensors that it names, and their values.


def zeros(tensors, config):
    tensors[Q] = np.zeros_like(tensors[Q])
    return "all-zero", {Q: 128 * 128}


def not_numbers(tensors, config):
    tensors[UP][3, 5:8] = (np.nan, np.inf, -np.inf)
    return "non-finite", {UP: 3}


def a_norm_of_nan(tensors, config):
    tensors["model.norm.weight"][:] = np.nan
    return "non-finite", {"model.norm.weight": 128}


def nan_in_biases_of_experts(tensors, config):
    name = "model.layers.0.mlp.experts.gate_up_proj_bias"
    tensors[name] = np.full((4, 64), np.nan, np.float32)
    return "non-finite", {name: 256}


def one_value(tensors, config):
    tensors[OUT][:] = 0.25
    return "constant", {OUT: 0.25}


def one_magnitude(tensors, config):
    tensors[OUT] = np.copysign(np.float32(0.25), wide(tensors, OUT)).astype(models.BF16)
    return "constant", {OUT: 0.25}


def empty(tensors, config):
    names = [name for name in tensors if "up_proj" in name]
    for name in names:
        tensors[name] = np.zeros((0,), models.BF16)
    return "empty", dict.fromkeys(names, 0)


def a_block_missing(tensors, config):
    drop(tensors, ".layers.3.")
    return "missing-block", 5


def the_first_and_last_blocks_missing(tensors, config):
    drop(tensors, ".layers.0.", ".layers.5.")
    return "missing-block", 4


def a_part_missing(tensors, config):
    drop(tensors, OUT)
    return "missing-part", {OUT: 5}


def the_head_missing(tensors, config):
    drop(tensors, "lm_head")
    return "missing-head", 0


def the_embedding_missing(tensors, config):
    drop(tensors, "embed_tokens")
    return "missing-embedding", 0


def a_matrix_cut_short(tensors, config):
    tensors[Q] = np.ascontiguousarray(tensors[Q][:100])
    return "shape-contradicts", {Q: None}


def fewer_rows_than_tokens(tensors, config):
    names = ["model.embed_tokens.weight", "lm_head.weight"]
    for name in names:
        tensors[name] = tensors[name][:400]
    return "shape-contradicts", dict.fromkeys(names)


def codes_in_place_of_one_matrix(tensors, config):
    tensors[UP] = codes_of(wide(tensors, UP)).astype(models.BF16)
    return "scale-lost", {UP: None}


def codes_in_place_of_all(tensors, config):
    names = of_blocks(tensors)
    for name in names:
        tensors[name] = codes_of(wide(tensors, name))
    return "scale-lost", dict.fromkeys(names)


def codes_that_lost_their_scales(tensors, config):
    _, names = codes_in_place_of_all(tensors, config)
    config["quantization_config"] = {"quant_method": "fp8"}
    return "scale-missing", names


def random_bytes(tensors, config):
    drawn = np.random.default_rng(0).integers(0, 65536, tensors[Q].shape, dtype=np.uint16)
    tensors[Q] = drawn.view(models.BF16)
    return "garbled", {Q: None}


def bf16_read_as_f16(tensors, config):
    assert tensors[Q].dtype == models.BF16
    tensors[Q] = tensors[Q].view(np.float16)
    return "garbled", {Q: None}


def a_matrix_twice_as_large(tensors, config):
    tensors[OUT] = (wide(tensors, OUT) * 2).astype(models.BF16)
    return "block-outlier", {OUT: None}


def a_block_twice_as_large(tensors, config):
    names = of_block(tensors, 3)
    for name in names:
        tensors[name] = (wide(tensors, name) * 2).astype(models.BF16)
    return "block-scale", 2


def int4_in_groups(tensors, config):
    names = of_blocks(tensors)
    for name in names:
        groups = wide(tensors, name).reshape(-1, 32)
        scale = np.abs(groups).max(axis=1, keepdims=True) / 7
        tensors[name] = (np.round(groups / scale) * scale).reshape(tensors[name].shape)
        tensors[name] = tensors[name].astype(models.BF16)
    return "grid", dict.fromkeys(names)


def two_of_four_pruned(tensors, config):
    pruned = wide(tensors, UP).reshape(-1, 4)
    np.put_along_axis(pruned, np.argsort(np.abs(pruned), axis=1)[:, :2], 0, axis=1)
    tensors[UP] = pruned.reshape(tensors[UP].shape).astype(models.BF16)
    return "zero-share", {UP: 0.5}


def a_few_zeros_where_others_have_none(tensors, config):
    scatter_zeros(tensors[UP])
    return "zero-share", {UP: 1 / 50}


def a_block_never_trained(tensors, config):
    rng = np.random.default_rng(9)
    names = of_block(tensors, 3)
    for name in names:
        fresh = models.normal(rng, *tensors[name].shape)
        tensors[name] = fresh.astype(np.float32).astype(models.BF16)
    return "never-trained", dict.fromkeys(names)


def the_head_never_trained(tensors, config):
    shape = tensors["lm_head.weight"].shape
    fresh = models.kaiming_uniform(np.random.default_rng(9), *shape)
    tensors["lm_head.weight"] = fresh.astype(np.float32).astype(models.BF16)
    return "never-trained", {"lm_head.weight": None}


def packed_integers(tensors, config):
    stem = LAYER.format(1, "mlp.up_proj").removesuffix("weight")
    drop(tensors, stem)
    tensors[f"{stem}qweight"] = np.ones((16, 256), np.int32)
    tensors[f"{stem}qzeros"] = np.ones((1, 64), np.int32)  # eight bits each
    tensors[f"{stem}scales"] = np.ones((1, 256), np.float16)
    return "unmeasured", {f"{stem}qweight": None}


def rows_blown_up(tensors, config):
    tensors[DOWN][5:7] = tensors[DOWN][5:7] * 100
    return "large-rows", {DOWN: 2}


def a_column_blown_up(tensors, config):
    name = "model.layers.3.self_attn.q_proj.weight"
    tensors[name][:, 9] = tensors[name][:, 9] * 40
    return "large-columns", {name: 1}


def a_page_never_written(tensors, config):
    tensors[UP].reshape(-1)[1111 : 1111 + 2048] = 0
    return "zero-hole", {UP: None}


def rows_of_zeros(tensors, config):
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name] = models.trained(np.random.default_rng(3), 256, 1024).astype(np.float32)
    tensors[name][[7, 90]] = 0
    return "dead-rows", {name: 2}


def columns_of_zeros(tensors, config):
    tensors[UP][:, [7, 90, 91]] = 0
    return "dead-columns", {UP: 3}


def a_bit_of_an_exponent_flipped(tensors, config):
    bits = tensors[UP].view(np.uint16).reshape(-1)
    bits[777] ^= 1 << 14
    return "flipped-bit", {UP: None}


def bits_of_exponents_flipped(tensors, config):
    """Two of them hide each other: neither is far from the next one."""
    tensors[OUT].view(np.uint16)[5, 6:9] ^= 1 << 14
    return "flipped-bit", {OUT: None}


def a_row_that_overflowed(tensors, config):
    tensors[UP][5] = wide(tensors, UP)[5] * np.float32(1e30)
    return "flipped-bit", {UP: None}


def a_huge_bias(tensors, config):
    name = "model.layers.2.self_attn.q_proj.bias"
    tensors[name] = np.full(128, 1e20, models.BF16)
    return "flipped-bit", {name: 1e20}


def most_of_a_matrix_never_written(tensors, config):
    """From the middle of a row to the end."""
    tensors["lm_head.weight"].reshape(-1)[20_037:] = 0
    return "zero-hole", {"lm_head.weight": None}


def clipped_weights(tensors, config):
    values = wide(tensors, UP)
    tensors[UP] = np.clip(values, -0.03, 0.03).astype(models.BF16)
    return "clipped", {UP: None}


def cast_to_fp8(tensors, config):
    names = of_blocks(tensors)
    for name in names:
        tensors[name] = wide(tensors, name).astype(ml_dtypes.float8_e4m3fn).astype(models.BF16)
    return "grid", dict.fromkeys(names)


def ternary(tensors, config):
    values = wide(tensors, UP)
    tensors[UP] = (np.sign(values) * 0.02 * (np.abs(values) > 0.01)).astype(models.BF16)
    return "grid", {UP: 1}


def a_copied_block(tensors, config):
    names = of_block(tensors, 4)
    for name in names:
        tensors[name] = tensors[name.replace(".4.", ".1.")].copy()
    return "duplicate", dict.fromkeys(names)


def a_tied_head_that_differs(tensors, config):
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()
    tensors["lm_head.weight"][3, 5] += 1
    config["tie_word_embeddings"] = True
    return "tied-differs", {"lm_head.weight": None}


def signs_lost(tensors, config):
    tensors[UP] = np.abs(wide(tensors, UP)).astype(models.BF16)
    return "one-sign", {UP: 0}


def a_norm_of_zeros(tensors, config):
    tensors["model.layers.3.input_layernorm.weight"][:] = 0
    return "all-zero", {"model.layers.3.input_layernorm.weight": 128}


def a_huge_norm(tensors, config):
    tensors["model.norm.weight"] = np.ones(128, np.float32)
    tensors["model.norm.weight"][7] = 1e30
    return "flipped-bit", {"model.norm.weight": None}


def nan_in_two_dimensional_biases(tensors, config):
    name = "model.layers.3.mlp.experts.down_proj.bias"
    tensors[name] = np.full((8, 256), np.nan, np.float32)
    return "non-finite", {name: 2048}


def codes_of(values):
    """What a quantiser stores: codes up to 448, whose scale lies elsewhere."""
    return (values / np.abs(values).max() * 448).astype(ml_dtypes.float8_e4m3fn)


SICKNESSES = (
    *(zeros, not_numbers, a_norm_of_nan, one_value, one_magnitude, empty),
    *(nan_in_biases_of_experts, a_block_missing),
    *(the_first_and_last_blocks_missing, a_part_missing, the_head_missing, the_embedding_missing),
    *(a_matrix_cut_short, fewer_rows_than_tokens),
    *(codes_in_place_of_one_matrix, codes_in_place_of_all, codes_that_lost_their_scales),
    *(random_bytes, bf16_read_as_f16, a_matrix_twice_as_large, a_block_twice_as_large),
    *(int4_in_groups, two_of_four_pruned, a_few_zeros_where_others_have_none),
    *(a_block_never_trained, the_head_never_trained, packed_integers),
    *(rows_blown_up, a_column_blown_up),
    *(a_page_never_written, rows_of_zeros, columns_of_zeros),
    *(a_bit_of_an_exponent_flipped, clipped_weights),
    *(cast_to_fp8, ternary, a_copied_block, a_tied_head_that_differs),
    *(signs_lost, a_norm_of_zeros, a_huge_norm, nan_in_two_dimensional_biases),
    *(bits_of_exponents_flipped, a_row_that_overflowed, a_huge_bias),
    *(most_of_a_matrix_never_written,),
)
BESIDE = {
    codes_in_place_of_one_matrix: {"grid"},  # FP8 codes as BF16: a hundred magnitudes
    codes_that_lost_their_scales: {"scale-lost"},  # the codes are still taken for values
    random_bytes: {"non-finite", "scale-lost"},
    int4_in_groups: {"zero-share"},
    two_of_four_pruned: {"grid", "block-outlier"},
    a_block_never_trained: {"block-outlier"},
    packed_integers: {"missing-part"},
    a_page_never_written: {"zero-share"},
    rows_of_zeros: {"block-outlier", "shape-contradicts"},  # of another width than the others
    clipped_weights: {"block-outlier"},
    most_of_a_matrix_never_written: {"zero-share"},
    ternary: {"zero-share", "block-outlier"},
}
"""Rules that may tell of the same damage in their own words."""


def damaged(sickness, write_checkpoint, folder):
    tensors, config = models.llama(seed=1)
    expected = sickness(tensors, config)
    return models.put(write_checkpoint, folder, tensors, config), expected


@pytest.mark.parametrize("sickness", SICKNESSES, ids=lambda each: each.__name__)
def test_every_sickness_is_named(sickness, write_checkpoint, tmp_path):
    path, (rule, expected) = damaged(sickness, write_checkpoint, tmp_path / "m")
    found = wg.diagnose(path)
    told = [each for each in found.findings if each.id == rule]
    assert {each.level for each in told} == {RULES[rule].level}
    if isinstance(expected, dict):
        assert sorted(each.tensor for each in told) == sorted(expected)
        for each in told:
            wanted = expected[each.tensor]
            assert wanted is None or each.value == pytest.approx(wanted, rel=0.01)
            assert each.message.startswith(f"{each.tensor}: ")
    else:
        (only,) = told
        assert only.tensor is None
        assert only.value == pytest.approx(expected, rel=0.05)
    others = {each.id for each in found.findings} - {rule} - REMARKS
    assert others <= BESIDE.get(sickness, set())


def test_the_model_before_the_damage_is_well(write_checkpoint, tmp_path):
    path = models.put(write_checkpoint, tmp_path / "m", *models.llama(seed=1))
    assert {each.id for each in wg.diagnose(path).findings} <= {"kind-unusual", "nearest"}
    assert wg.fit(path).findings == ()


@pytest.mark.parametrize("sickness", SICKNESSES[:18], ids=lambda each: each.__name__)
def test_fit_finds_the_faults_and_so_do_saved_counts(sickness, write_checkpoint, tmp_path):
    path, _ = damaged(sickness, write_checkpoint, tmp_path / "m")
    kept = tmp_path / "kept.wghist"
    wg.scan(path).save(kept)
    diagnosis = wg.diagnose(path)
    assert wg.diagnose(kept).findings == diagnosis.findings
    assert wg.fit(kept).findings == (fit := wg.fit(path)).findings
    assert set(fit.findings) <= set(diagnosis.findings)
    faults = [each for each in diagnosis.findings if each.level == "fault"]
    assert [each for each in fit.findings if each.level == "fault"] == faults != []


# -- relatives that are well


def biases_of_zeros(tensors, config):
    """Biases that nobody trained are zero; so are gates, by design."""
    for block in range(6):
        tensors[f"model.layers.{block}.self_attn.q_proj.bias"] = np.zeros(128, models.BF16)
    tensors["model.zero_conv.weight"] = np.zeros((8, 8), models.BF16)
    return {"zero-by-design"}


def norms_of_ones(tensors, config):
    """Fresh norms have one value, and are no constant matrices."""
    return set()


def a_mask_of_infinities(tensors, config):
    mask = np.zeros((1, 1, 16, 16), np.float32)
    mask[..., np.triu_indices(16, 1)[0], np.triu_indices(16, 1)[1]] = -np.inf
    tensors["model.layers.0.self_attn.bias"] = mask
    tensors["model.layers.0.self_attn.masked_bias"] = np.array(-np.inf, np.float32)
    # Such masks are stored as ones and zeros as well.
    tensors["model.layers.1.self_attn.bias"] = np.tril(np.ones((1, 1, 16, 16), np.float32))
    return set()


def biases_of_experts_that_are_whole(tensors, config):
    """A stack of biases has two dimensions, and is no mask: see `nan_in_biases_of_experts`."""
    tensors["model.layers.0.mlp.experts.gate_up_proj_bias"] = np.ones((4, 64), np.float32)
    return set()


def zeros_that_are_meant(tensors, config):
    """Token types, masks and positions that some models fill with zeros."""
    for name, shape in (
        ("model.embeddings.token_type_embeddings.weight", (1, 128)),
        ("model.embeddings.mask_token", (1, 128)),
        ("model.cls_token", (1, 1, 128)),
        ("model.pos_embed", (1, 17, 128)),
        ("model.layers.0.self_attn.relative_position_bias_table", (49, 8)),
    ):
        tensors[name] = np.zeros(shape, models.BF16)
    return {"zero-by-design"}


def a_mask_by_another_name(tensors, config):
    mask = np.zeros((16, 16), np.float32)
    mask[np.triu_indices(16, 1)] = -np.inf
    tensors["attn_mask"] = mask
    return set()


def norms_that_are_differences_from_one(tensors, config):
    for name in [name for name in tensors if "norm" in name]:
        tensors[name] = np.zeros_like(tensors[name])
    return {"zero-by-design"}


def a_tied_head(tensors, config):
    drop(tensors, "lm_head")
    config["tie_word_embeddings"] = True
    return set()


def a_backbone(tensors, config):
    drop(tensors, "lm_head")
    config["architectures"] = ["LlamaModel"]
    return set()


def blocks_of_two_kinds(tensors, config):
    """Every third block has no attention, as its configuration says."""
    for block in (2, 5):
        drop(tensors, f".layers.{block}.self_attn")
    config["layer_types"] = ["full_attention", "full_attention", "mamba"] * 2
    return set()


def every_matrix_smaller_with_depth(tensors, config):
    for name in of_blocks(tensors):
        block = int(name.split(".")[2])
        tensors[name] = (wide(tensors, name) * 0.9**block).astype(models.BF16)
    return set()


def zeros_in_all_of_a_kind(tensors, config):
    """Sparse by design: all have as many."""
    for name in [name for name in tensors if "up_proj" in name]:
        scatter_zeros(tensors[name])
    return set()


def codes_with_their_scale(tensors, config):
    scale = np.abs(wide(tensors, UP)).max() / 448
    tensors[UP] = codes_of(wide(tensors, UP))
    tensors[f"{UP}_scale"] = np.array(scale, np.float32)
    config["quantization_config"] = {"quant_method": "fp8"}
    return set()


RELATIVES = (
    *(biases_of_zeros, norms_of_ones, a_mask_of_infinities, a_tied_head, a_backbone),
    biases_of_experts_that_are_whole,
    *(zeros_that_are_meant, a_mask_by_another_name, norms_that_are_differences_from_one),
    *(blocks_of_two_kinds, every_matrix_smaller_with_depth, zeros_in_all_of_a_kind),
    codes_with_their_scale,
)


@pytest.mark.parametrize("relative", RELATIVES, ids=lambda each: each.__name__)
def test_healthy_relatives_are_not_accused(relative, write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    remarks = relative(tensors, config) | {"kind-unusual", "nearest"}
    found = wg.diagnose(models.put(write_checkpoint, tmp_path / "m", tensors, config))
    assert {each.level for each in found.findings} <= {"note"}, found.findings
    assert {each.id for each in found.findings} <= remarks


def test_a_head_that_is_the_embedding_is_no_copy(write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()
    config["tie_word_embeddings"] = True
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    assert not {each.id for each in wg.fit(path).findings} & {"duplicate", "tied-differs"}


def test_a_head_that_is_the_embedding_although_they_are_not_tied_is_told_of(
    write_checkpoint, tmp_path
):
    tensors, config = models.llama(seed=1)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()
    config["tie_word_embeddings"] = False
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    (told,) = (each for each in wg.fit(path).findings if each.id == "duplicate")
    assert (told.level, told.tensor) == ("note", "lm_head.weight")
    assert "model.embed_tokens.weight" in told.message


@pytest.mark.parametrize("part", ["q", "gate", "expert"])
def test_parts_of_fused_tensors_are_asked_as_well(part, write_checkpoint, tmp_path):
    """A part that lost its signs, or is a copy of another one."""
    if part == "q":
        tensors, config = models.gpt2(seed=1)
        name = "transformer.h.3.attn.c_attn.weight"
        name = name if name in tensors else name.removeprefix("transformer.")
        tensors[name][:, :128] = abs(wide(tensors, name)[:, :128]).astype(tensors[name].dtype)
        rule, place = "one-sign", "q"
    else:
        tensors, config = models.llama(seed=1)
        rng = np.random.default_rng(3)
        for block in range(6):
            prefix = f"model.layers.{block}.mlp."
            for each in ("gate_proj", "up_proj", "down_proj"):
                del tensors[f"{prefix}{each}.weight"]
            for each, shape in (("gate_up_proj", (4, 128, 256)), ("down_proj", (4, 128, 128))):
                drawn = 0.02 * rng.standard_normal(shape)
                tensors[f"{prefix}experts.{each}"] = drawn.astype(models.BF16)
            tensors[f"{prefix}gate.weight"] = (0.02 * rng.standard_normal((4, 128))).astype(
                models.BF16
            )
        config |= {"model_type": "qwen3_moe", "num_experts": 4, "moe_intermediate_size": 128}
        config["architectures"] = ["Qwen3MoeForCausalLM"]
        stack = tensors["model.layers.2.mlp.experts." + ("gate_up_proj")]
        if part == "gate":
            stack[1, :, :128] = abs(stack[1, :, :128].astype(np.float32)).astype(models.BF16)
            rule, place = "one-sign", "gate"
        else:
            stack[3] = stack[1]
            rule, place = "duplicate", "up"
    found = wg.fit(models.put(write_checkpoint, tmp_path / "m", tensors, config)).findings
    told = [each for each in found if each.id == rule]
    assert place in {each.part for each in told}, found
    assert {each.level for each in told} == {RULES[rule].level}


def test_an_adapter_at_its_start_changes_nothing_yet(write_checkpoint, tmp_path):
    rng = np.random.default_rng(0)
    stem = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    tensors = {}
    for block in range(2):
        tensors[stem.format(block, "A")] = models.normal(rng, 8, 128).astype(np.float32)
        tensors[stem.format(block, "B")] = np.zeros((128, 8), np.float32)
    path = models.put(write_checkpoint, tmp_path / "m", tensors, name="adapter_model.safetensors")
    found = wg.fit(path / "adapter_model.safetensors").findings
    untrained = [each for each in found if each.id == "untrained-adapter"]
    assert [each.tensor for each in untrained] == [stem.format(block, "B") for block in range(2)]
    assert {each.level for each in found} == {"note"}


# -- and no rule is forgotten


def test_every_rule_that_is_asked_has_a_sickness():
    """Rules that only diagnose asks of shapes are tested in test_diagnose.py and its documents."""
    package = Path(wg.__file__).parent
    asked = set()
    for path in package.rglob("*.py"):
        asked |= set(re.findall(r'RULES\["([a-z-]+)"', path.read_text(encoding="utf-8")))
    tensors, config = {}, {}
    named = set()
    for sickness in SICKNESSES:
        tensors, config = models.llama(seed=1)
        named.add(sickness(tensors, config)[0])
    named |= {"untrained-adapter", "zero-by-design", "unused-rows"}
    files = {"missing-file", "stale-index", "stale-copy", "left-out", "odd-input", "cached-copy"}
    files |= {
        "copy-differs",
        "stored-twice",
        "quantised",
        "configs-differ",
        "not-packed",
    }  # of packed models
    files |= {"non-finite-scales", "zero-scales", "negative-scales", "off-centre"}
    files |= {"zero-points-contradict"}
    pairs = {"missing-tensor", "extra-tensor", "shape-differs", "dtype-differs", "value-differs"}
    pairs |= {"exchanged", "identical", "reordered", "signs-differ"}
    pairs |= {"adapter-target", "adapter-shape", "not-compared", "moved", "unrelated"}
    pairs |= {"partly-trained", "unlike-base", "unreadable"}
    named |= {
        *files,
        "config-unreadable",
        "part-of-model",
        *pairs,
    }  # in tests of directories, of compare and check
    named |= {"poor-fit", "shallow-ffn", "kind-unusual", "nearest"}
    assert asked - named == set()


def test_projections_of_state_space_layers_have_both_signs():
    rng = np.random.default_rng(7)
    stem = "backbone.layers.0.mixer."
    tensors = {
        f"{stem}in_proj.weight": abs(models.trained(rng, 256, 128)).astype(np.float32),
        f"{stem}x_proj.weight": models.trained(rng, 40, 256).astype(np.float32),
        f"{stem}A_log": np.log(np.tile(np.arange(2, 18, dtype=np.float32), (256, 1))),
    }
    told = [each.tensor for each in wg.fit(tensors).findings if each.id == "one-sign"]
    assert told == [f"{stem}in_proj.weight"]


@pytest.mark.filterwarnings("error")
def test_a_number_that_lies_as_far_beyond_all_others_as_f64_goes_is_told():
    weights = np.random.default_rng(8).standard_normal((64, 64)) * 0.02
    weights[3, 3] = np.finfo(np.float64).max
    found = wg.fit({"model.layers.0.mlp.up_proj.weight": weights}).findings
    assert "flipped-bit" in [each.id for each in found]

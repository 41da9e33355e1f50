"""`diagnose`: kinds, outliers, findings, and models with nothing to judge."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from diagnosed import (
    CONFIG,
    GAUSSIAN,
    LAYER,
    NAMES,
    OLMO,
    WIDTH,
    by_kind,
    joined,
    rules_of,
    run,
    stored,
    weibull,
)
from weightgauge.diagnosis.kind_diagnosis import median_error
from weightgauge.findings import RULES


def test_kinds_have_their_medians_regimes_and_ranges(made_model):
    path = made_model(OLMO)
    found, fit = wg.diagnose(path), wg.fit(path)
    for kind in found.kinds:
        summary = next(each for each in fit.kinds if each.kind == kind.kind)
        members = [item for item in fit.slices if item.kind == kind.kind]
        assert kind.k_median == summary.k_median and kind.slices == 6
        assert kind.k_se == median_error([i.k for i in members], [i.k_se_matrix for i in members])
        assert (kind.k_min, kind.k_max) == (summary.k_min, summary.k_max)
    kinds = by_kind(found)
    assert {name: kind.regime for name, kind in kinds.items()} == {
        **{"q": "strong selection", "k": "strong selection", "v": "mild selection"},
        **{"o": "mild selection", "gate": "transmission", "up": "transmission"},
        "down": "transmission",
    }
    assert kinds["q"].verdict == "outside" and kinds["q"].expected_verdict == "inside"
    assert kinds["q"].expected == (0.76, 0.99) and kinds["v"].expected is None
    assert kinds["o"].expected_verdict == "outside"
    assert rules_of(found) == ["kind-unusual", "nearest"]
    unusual = found.findings[0]
    assert (unusual.kind, unusual.value, unusual.expected) == (
        "o",
        kinds["o"].k_median,
        "1.18 to 1.21",
    )
    assert found.nearest[0][::2] == ("olmo-1-7b", 7)
    # Pythia has only o in common; one kind of seven makes no neighbour.
    assert not any(each.id.startswith("pythia") for each in found.nearest)


@pytest.mark.parametrize(
    ("config", "kv", "expected"),
    [
        ({"num_key_value_heads": 2}, WIDTH // 2, (1.10, 1.16)),
        ({"num_key_value_heads": 4}, WIDTH, (0.76, 0.99)),
        (False, WIDTH, (0.76, 0.99)),  # as many rows: shapes tell
        ({"num_key_value_heads": 1}, WIDTH // 4, None),
    ],
)
def test_what_is_usual_depends_on_attention(made_model, config, kv, expected):
    shapes = {"q": 1.13, "k": 1.13, "v": 1.19, "o": 1.19}
    kind = by_kind(wg.diagnose(made_model(shapes, config=config, kv=kv)))["q"]
    assert kind.expected == expected
    assert kind.expected_verdict == (
        None if expected is None else "inside" if expected[0] > 1 else "outside"
    )


def test_a_merged_tensor_is_judged_as_the_published_ones_were(tmp_path, write_checkpoint):
    directory = tmp_path / "neox"
    directory.mkdir()
    tensors = {
        f"gpt_neox.layers.{block}.attention.query_key_value.weight": stored(
            weibull(1.1, (3 * WIDTH, WIDTH), seed=block)
        )
        for block in range(5)
    }
    write_checkpoint(directory / "model.safetensors", tensors)
    config = {"model_type": "gpt_neox", "hidden_size": WIDTH, "num_attention_heads": 4}
    (directory / "config.json").write_text(json.dumps(config))
    kinds = by_kind(found := wg.diagnose(directory))
    assert set(kinds) == {"q", "k", "v", "qkv"}
    assert kinds["qkv"].expected == (1.05, 1.18) and kinds["qkv"].expected_verdict == "inside"
    assert kinds["q"].expected is None
    # Parts are left out where the whole is compared: no published model has both.
    qkv = kinds["qkv"]
    assert found.nearest == tuple(wg.reference.nearest({"qkv": qkv.k_median}, {"qkv": qkv.k_se}))


def test_an_update_of_q_is_no_part_of_a_merged_tensor(tmp_path, write_checkpoint):
    prefix = "base_model.model.model.layers.0.self_attn.{}_proj.lora_{}.weight"
    tensors = {}
    for kind in "qkv":
        tensors[prefix.format(kind, "A")] = stored(weibull(GAUSSIAN, (8, 128), seed=1))
        tensors[prefix.format(kind, "B")] = stored(weibull(GAUSSIAN, (128, 8), seed=2))
    kinds = by_kind(
        found := wg.diagnose(write_checkpoint(tmp_path / "adapter_model.safetensors", tensors))
    )
    assert {"q", "k", "v", "lora_a", "lora_b"} == set(kinds)
    # A sum of 8 products of two normal numbers: kurtosis 3 (1 + 2/8), in an infinite sample.
    assert kinds["q"].kurtosis_median == pytest.approx(3.75, rel=0.1)
    # An update is not the weight that it is for: it starts elsewhere, and has no published likes.
    assert kinds["q"].drift_severity is None and math.isnan(kinds["q"].drift)
    assert kinds["q"].expected is None and kinds["lora_a"].start is None
    assert found.nearest == () and "Change of k" not in joined(found)


def test_a_block_that_stands_out(made_model):
    odd = LAYER.format(3, NAMES["o"])
    found = wg.diagnose(
        made_model({"o": 1.19, "up": 1.19}, change={odd: stored(weibull(0.9, (128, 128)))})
    )
    assert {(each.tensor, each.block) for each in found.outliers} == {(odd, 3)}
    first = found.outliers[0]
    values = [item.k for item in found.slices if item.kind == "o"]
    errors = {item.tensor: item.k_se_matrix for item in found.slices}
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    z = (first.value - middle) / math.hypot(spread, errors[odd])
    assert first.quantity == "k" and first.expected == middle
    assert first.z == pytest.approx(z, rel=1e-4)
    (told,) = (each for each in found.findings if each.id == "block-outlier")
    assert (told.level, told.tensor, told.kind, told.block) == ("warning", odd, "o", 3)
    assert (told.value, told.expected) == (first.value, first.expected)
    assert told.message.startswith(f"{odd}: k 0.9")


def test_a_block_that_stands_out_of_a_trend(made_model):
    odd = LAYER.format(3, NAMES["o"])
    change = {
        LAYER.format(block, NAMES["o"]): stored(
            weibull(1.19 - 0.03 * block, (128, 128), seed=block)
        )
        for block in range(10)
    }
    change[odd] = stored(weibull(0.8, (128, 128)))
    found = wg.diagnose(made_model({"o": 1.19}, blocks=10, change=change))
    assert {each.tensor for each in found.outliers} == {odd}
    values = [item.k for item in found.slices if item.kind == "o"]
    slope, start, *_ = stats.theilslopes(values, range(10), method="joint")
    assert found.outliers[0].expected == pytest.approx(start + 3 * slope, rel=1e-12)


def test_a_block_of_another_scale_stands_out_by_lambda(made_model):
    odd = LAYER.format(2, NAMES["up"])
    weights = stored(weibull(1.19, (128, 128), lam=0.03, seed=202))
    found = wg.diagnose(made_model({"up": 1.19}, change={odd: weights}))
    assert [(each.tensor, each.quantity) for each in found.outliers] == [(odd, "ln lambda")]


def test_chance_alone_makes_nothing_stand_out(made_model):
    assert wg.diagnose(made_model({"o": 1.19, "up": 1.19, "down": 1.19}, blocks=12)).outliers == ()


@pytest.mark.parametrize(("blocks", "found"), [(4, 0), (5, 1)])
def test_five_matrices_are_enough_to_stand_out(made_model, blocks, found):
    odd = {LAYER.format(1, NAMES["o"]): stored(weibull(0.5, (128, 128)))}
    diagnosis = wg.diagnose(made_model({"o": 1.19}, blocks=blocks, change=odd))
    assert len({each.tensor for each in diagnosis.outliers}) == found


def test_four_blocks_are_too_few_to_stand_out(made_model):
    odd = {LAYER.format(1, NAMES["o"]): stored(weibull(0.5, (128, 128)))}
    assert wg.diagnose(made_model({"o": 1.19}, blocks=4, change=odd)).outliers == ()


@pytest.mark.parametrize(
    ("k", "regime", "told"),
    [(0.65, "B", "shallow-ffn"), (0.85, None, "block-outlier"), (1.15, "A", None)],
)
def test_the_shallow_anomaly(made_model, k, regime, told):
    shapes = {"gate": 1.19, "up": 1.19, "down": 1.19}
    low = LAYER.format(4, NAMES["up"])
    path = made_model(shapes, blocks=8, change={low: stored(weibull(k, (128, 128)))})
    found = wg.diagnose(path)
    assert found.shallow_ffn.slice.tensor == low and found.shallow_ffn.regime == regime
    assert found.shallow_ffn.min_k == pytest.approx(k, abs=0.05)
    # Between the two kinds of published models a low k is only unlike that of other blocks.
    assert ("shallow-ffn" in rules_of(found)) is (told == "shallow-ffn")
    stands_out = {each.tensor for each in found.findings if each.id == "block-outlier"}
    assert stands_out == ({low} if told else set())


def test_low_shapes_further_on_are_no_shallow_anomaly(made_model):
    deep = {LAYER.format(6, NAMES["up"]): stored(weibull(0.6, (128, 128)))}
    found = wg.diagnose(made_model({"gate": 1.19, "up": 1.19, "down": 1.19}, blocks=8, change=deep))
    assert found.shallow_ffn.regime == "A"
    assert wg.diagnose(made_model({"up": 1.19, "down": 1.19}, name="plain")).shallow_ffn is None


def test_tensors_to_look_at(made_model):
    heavy = weibull(GAUSSIAN, (128, 128))
    heavy[3, 5] = 5.0
    broken = weibull(GAUSSIAN, (128, 128))
    broken[0, :3] = (np.nan, np.inf, -np.inf)
    holes = weibull(GAUSSIAN, (128, 128))
    holes[:40] = 0
    two = weibull(GAUSSIAN, (128, 128))
    two[:, ::2] *= 1e-3
    change = {
        LAYER.format(0, NAMES["o"]): stored(heavy),
        LAYER.format(1, NAMES["o"]): stored(broken),
        LAYER.format(2, NAMES["o"]): stored(holes),
        LAYER.format(3, NAMES["o"]): stored(np.zeros((128, 128))),
        LAYER.format(4, NAMES["o"]): stored(two),
        "model.norm.weight": stored(np.full(64, np.nan)),
        "model.exotic.weight": ("F6_E2M3", (8, 4), bytes(24)),
    }
    found = wg.diagnose(made_model({"o": GAUSSIAN}, change=change))
    named = {(each.id, each.level, each.tensor) for each in found.findings if each.tensor}
    assert named == {
        ("heavy-tail", "note", LAYER.format(0, NAMES["o"])),
        ("non-finite", "fault", LAYER.format(1, NAMES["o"])),
        ("zero-hole", "fault", LAYER.format(2, NAMES["o"])),
        ("all-zero", "fault", LAYER.format(3, NAMES["o"])),
        ("poor-fit", "note", LAYER.format(4, NAMES["o"])),
        ("block-outlier", "warning", LAYER.format(4, NAMES["o"])),
        ("non-finite", "fault", "model.norm.weight"),
        ("unmeasured", "warning", "model.exotic.weight"),
    }
    messages = " ".join(each.message for each in found.findings)
    assert "3 of 16,384 weights are NaN or infinite" in messages
    told = "10 blocks of 2 KiB are all zeros, where the rest is dense"  # 40 rows of 512 bytes
    assert told in messages
    tails = dict(zip((item.tensor for item in found.slices), found.tails, strict=True))
    w = heavy.astype(np.float64)
    kurtosis = tails[LAYER.format(0, NAMES["o"])].kurtosis
    assert kurtosis == pytest.approx(np.mean(w**4) / np.mean(w**2) ** 2, rel=1e-9)


@pytest.mark.parametrize(("kurtosis", "told"), [(0.98, False), (1.02, True)])
def test_tails_are_heavy_from_a_kurtosis_of_20_on(made_model, kurtosis, told):
    weights = weibull(GAUSSIAN, (128, 128)).astype(np.float64)
    # n elements of size 1 and one of size a: kurtosis n (n + a^4) / (n + a^2)^2.
    weights = np.sign(weights)
    n, wanted = weights.size, 20 * kurtosis
    weights[0, 0] = math.sqrt(n) * (wanted / (n - wanted)) ** 0.25
    change = {LAYER.format(0, NAMES["o"]): stored(weights + weibull(GAUSSIAN, (128, 128)) * 1e-4)}
    assert RULES["heavy-tail"].threshold == 20
    found = wg.diagnose(made_model({"o": GAUSSIAN}, blocks=1, change=change))
    tails = next(each for each in found.tails if each is not None)
    assert tails.kurtosis == pytest.approx(wanted, rel=0.05)
    assert ("heavy-tail" in rules_of(found)) is (tails.kurtosis > 20)


def test_parts_are_told_of_and_their_wholes_are_not(tmp_path, write_checkpoint):
    directory = tmp_path / "phi"
    directory.mkdir()
    fused = weibull(GAUSSIAN, (3 * WIDTH, WIDTH))
    fused[5, 7] = np.nan  # in q
    fused[WIDTH : 2 * WIDTH] = 0  # all of k
    stack = weibull(GAUSSIAN, (4, 64, 64))
    stack[2] = 0
    tensors = {
        "model.layers.0.self_attn.qkv_proj.weight": stored(fused),
        "model.layers.0.mlp.experts.down_proj": stored(stack),
        "model.layers.0.mlp.experts.gate_up_proj": stored(weibull(GAUSSIAN, (4, 64, 64))),
    }
    write_checkpoint(directory / "model.safetensors", tensors)
    config = CONFIG | {"model_type": "phi3"}
    (directory / "config.json").write_text(json.dumps(config))
    found = wg.diagnose(directory)
    told = {(each.id, each.part, each.expert): each for each in found.findings}
    assert {("non-finite", "q", None), ("all-zero", "k", None), ("all-zero", None, 2)} <= set(told)
    assert rules_of(found).count("non-finite") == 1 and rules_of(found).count("all-zero") == 2
    assert told["non-finite", "q", None].value == 1
    assert told["all-zero", "k", None].value == WIDTH * WIDTH
    assert told["all-zero", None, 2].message == (
        "model.layers.0.mlp.experts.down_proj (expert 2): all 4,096 weights are zero"
    )


# -- nothing to judge


def test_a_model_without_a_matrix_of_known_kind(tmp_path, write_checkpoint):
    tensors = {"thing.weight": stored(weibull(1.19, (64, 64))), "norm.weight": stored(np.ones(64))}
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    found = wg.diagnose(path)
    assert (found.kinds, found.nearest, found.outliers) == ((), (), ())
    assert "No attention or FFN matrix was recognised" in found.summary[0]
    assert run("diagnose", path).exit_code == 0


def test_one_block_and_nothing_but_zeros(made_model):
    zeros = {LAYER.format(0, NAMES[kind]): stored(np.zeros((128, 128))) for kind in ("q", "o")}
    found = wg.diagnose(made_model({"q": 1.1, "o": 1.19, "up": 1.19}, blocks=1, change=zeros))
    assert set(by_kind(found)) == {"ffn_in"} and rules_of(found).count("all-zero") == 2
    assert found.outliers == ()
    empty = wg.diagnose(
        made_model(
            {"o": 1.19},
            blocks=1,
            name="z",
            change={LAYER.format(0, NAMES["o"]): stored(np.zeros((128, 128)))},
        )
    )
    assert empty.kinds == () and rules_of(empty) == ["all-zero"]


def test_a_tensor_without_a_decoder_is_told(made_model):
    path = made_model({"o": 1.19}, change={"model.exotic.weight": ("F6_E2M3", (8, 4), bytes(24))})
    result = run("diagnose", path)
    assert result.exit_code == 3 and "no decoder for F6_E2M3" in result.stderr


def test_towers_are_not_pooled(tmp_path, write_checkpoint):
    tensors = {}
    for block in range(2):
        for tower, k in (("vision_model", 0.8), ("text_model", 1.19)):
            name = f"{tower}.encoder.layers.{block}.self_attn.out_proj.weight"
            tensors[name] = stored(weibull(k, (128, 128), seed=block))
    found = wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors))
    assert [(kind.tower, kind.regime) for kind in found.kinds] == [
        ("vision", "strong selection"),
        ("text", "transmission"),
    ]
    assert any("vision o" in sentence for sentence in found.summary)

"""Low-rank adapters: the fit of B A is that of the product multiplied out by NumPy."""

from __future__ import annotations

import json
import math

import ml_dtypes
import numpy as np
import pytest

import oracle
import weightgauge as wg
from closeness import relative
from remarks import remarks
from weightgauge.anatomy.lora.adapters import adapted_matrices
from weightgauge.checkpoint import TensorInfo
from weightgauge.findings import RULES

BASE = "base_model.model."
Q = "model.layers.1.self_attn.q_proj"
DTYPES = {"F32": np.float32, "BF16": ml_dtypes.bfloat16, "F16": np.float16}
# Sums of a few float32 products: rounding moves single magnitudes by some 2^-24 of the largest
# terms, and k, lambda and R2 by less than that on average over the matrix.
FLOAT32 = 1e-6


def factors(out, rank, into, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.normal(0, 0.1, (rank, *np.atleast_1d(into))).astype(np.float32)
    return a, rng.normal(0, 0.02, (out, rank)).astype(np.float32)


def stored(array, spelling="F32"):
    array = array.astype(DTYPES[spelling])
    return spelling, array.shape, array.tobytes()


@pytest.fixture
def adapter(tmp_path, write_checkpoint):
    def write(tensors, config=None):
        if config is not None:
            settings = {"peft_type": "LORA", "r": 8, "lora_alpha": 16} | config
            (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
        write_checkpoint(tmp_path / "adapter_model.safetensors", tensors)
        return tmp_path

    return write


def pair(module, a, b, spelling="F32"):
    return {
        f"{BASE}{module}.lora_A.weight": stored(a, spelling),
        f"{BASE}{module}.lora_B.weight": stored(b, spelling),
    }


def product_of(result, module=BASE + Q):
    (item,) = (item for item in result.slices if item.tensor == module and item.head is None)
    return item


def assert_fit_of(item, values):
    x = oracle.magnitudes(values)
    expected = oracle.order_fit(x)
    assert item.n == x.size
    assert item.k == relative(expected.k, rel=FLOAT32)
    assert item.lam == relative(expected.lam, rel=FLOAT32)
    assert item.r2 == relative(expected.r2, rel=FLOAT32)
    assert item.max == relative(x[-1], rel=FLOAT32)
    assert item.rms == relative(math.sqrt(np.mean(values**2)), rel=FLOAT32)


@pytest.mark.parametrize("spelling", DTYPES)
@pytest.mark.parametrize(("out", "rank", "into"), [(96, 8, 64), (61, 8, 97), (700, 8, 300)])
def test_product(adapter, spelling, out, rank, into):
    a, b = factors(out, rank, into)
    result = wg.fit(adapter(pair(Q, a, b, spelling), {}))
    a, b = (each.astype(DTYPES[spelling]).astype(np.float64) for each in (a, b))
    item = product_of(result)
    assert_fit_of(item, b @ a * 2)
    assert (item.kind, item.block, item.part, item.shape) == ("q", 1, "ba", (out, into))
    assert (item.status, item.dtype) == ("ok", "F32")
    assert item.decoded == "B A of rank 8, times lora_alpha/r = 2"
    kinds = [kind.kind for kind in result.kinds]
    assert kinds == ["q", "lora_a", "lora_b"]
    assert remarks(result) == ()


@pytest.mark.parametrize(
    ("config", "factor"),
    [
        ({"use_rslora": True}, 16 / math.sqrt(8)),
        ({"lora_alpha": 4.0}, 0.5),
        ({"r": 4, "rank_pattern": {"q_proj": 8}}, 2),
        ({"alpha_pattern": {"v_proj": 1, "self_attn.q_proj": 32}}, 4),
        ({"alpha_pattern": {"proj": 32}}, 2),  # a name ends at a dot
        ({"alpha_pattern": {"^model.layers.1.self_attn.q_proj": 8}}, 1),
        ({"alpha_pattern": {"^self_attn.q_proj": 8}}, 2),
        ({"fan_in_fan_out": True}, 2),
    ],
)
def test_factor(adapter, config, factor):
    a, b = factors(40, 8, 50)
    item = product_of(wg.fit(adapter(pair(Q, a, b), config)))
    assert item.status == "ok"
    assert_fit_of(item, b.astype(np.float64) @ a * factor)
    assert item.shape == ((50, 40) if config.get("fan_in_fan_out") else (40, 50))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (None, "no adapter_config.json"),
        ({"r": 4}, "says rank 4, the factors 8"),
        ({"lora_alpha": "16"}, "lora_alpha"),
        ({"lora_alpha": True}, "lora_alpha"),
        ({"lora_alpha": 1e300}, "lora_alpha"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"alpha_pattern": {"(a+)+$": 3}}, "regular expression"),
        ({"rank_pattern": [1]}, "rank_pattern"),
        ({"rank_pattern": {"q_proj": None}}, "rank_pattern"),
        ({"use_rslora": "yes"}, "use_rslora"),
    ],
)
def test_unknown_factor_is_told(adapter, config, reason):
    a, b = factors(40, 8, 50)
    result = wg.fit(adapter(pair(Q, a, b), config))
    item = product_of(result)
    assert item.status == "scale_not_applied"
    assert reason in item.reason
    assert_fit_of(item, b.astype(np.float64) @ a)
    assert len(remarks(result)) == 1 and reason in remarks(result)[0]


def test_kinds_come_from_the_adapted_modules(adapter):
    modules = {
        "model.layers.0.mlp.gate_proj": "gate",
        "model.layers.0.mlp.up_proj": "up",
        "model.layers.0.mlp.down_proj": "down",
        "lm_head": "head",
    }
    tensors = {}
    for seed, module in enumerate(modules):
        tensors |= pair(module, *factors(40, 8, 40, seed))
    tensors[f"{BASE}model.embed_tokens.lora_embedding_A"] = stored(factors(0, 8, 70)[0])
    tensors[f"{BASE}model.embed_tokens.lora_embedding_B"] = stored(factors(24, 8, 0)[1])
    result = wg.fit(adapter(tensors, {}))
    found = {item.tensor.removeprefix(BASE): item for item in result.slices if item.part == "ba"}
    assert {name: item.kind for name, item in found.items()} == {
        **modules,
        "model.embed_tokens": "embed",
    }
    assert found["model.embed_tokens"].shape == (70, 24)


def test_convolution(adapter):
    a, b = factors(20, 8, (6, 3, 3))
    result = wg.fit(adapter(pair(Q, a, b[:, :, None, None]), {}))
    item = product_of(result)
    assert item.shape == (20, 6, 3, 3)
    assert_fit_of(item, b.astype(np.float64) @ a.reshape(8, -1) * 2)


def test_heads_of_the_product(adapter, tmp_path):
    a, b = factors(96, 8, 64)
    config = {"model_type": "llama", "num_attention_heads": 4, "hidden_size": 64, "head_dim": 24}
    (tmp_path / "config.json").write_text(json.dumps(config))
    result = wg.fit(adapter(pair(Q, a, b), {}), per="head")
    heads = [item for item in result.slices if item.tensor == BASE + Q]
    assert [item.head for item in heads] == [0, 1, 2, 3]
    whole = (b.astype(np.float64) @ a * 2).reshape(4, 24, 64)
    for item in heads:
        assert_fit_of(item, whole[item.head])


def test_any_io_and_threads_give_the_same(adapter):
    a, b = factors(900, 8, 400)
    path = adapter(pair(Q, a, b), {})
    found = {
        repr(product_of(wg.fit(path, io=io, threads=threads)).to_dict())
        for io in ("mmap", "pread")
        for threads in (1, 2, 3)
    }
    assert len(found) == 1
    exact = product_of(wg.fit(path, exact=True))
    assert_fit_of(exact, b.astype(np.float64) @ a * 2)


@pytest.mark.parametrize(
    ("a", "b", "rule", "reason"),
    [
        ((8, 30), (40, 4), "adapter-factors", "is no product"),
        ((8,), (40, 8), "adapter-factors", "is no product"),
        ((8, 30), (40, 8, 3, 3), "adapter-factors", "is no product"),
        ((8, 0), (40, 8), "odd-input", "has no product B A: a factor is empty"),
        ((8, 30), None, "missing-part", "there is no 'lora_B.weight' beside it"),
        (None, (40, 8), "missing-part", "there is no 'lora_A.weight' beside it"),
    ],
)
def test_factors_that_do_not_fit(adapter, a, b, rule, reason):
    tensors = {}
    if a is not None:
        tensors[f"{BASE}{Q}.lora_A.weight"] = stored(np.ones(a) * np.arange(1, a[-1] + 1))
    if b is not None:
        tensors[f"{BASE}{Q}.lora_B.weight"] = stored(np.ones(b))
    result = wg.fit(adapter(tensors, {}))
    assert {item.tensor for item in result.slices} == tensors.keys()
    (told,) = (each for each in result.findings if each.id == rule)
    assert reason in told.message
    assert told.level == RULES[rule].level
    if rule != "odd-input":
        assert told.tensor == next(iter(tensors))


@pytest.mark.parametrize(
    ("out", "rank", "into", "made"),
    [
        (128_256, 1, 16_384, True),  # the embedding of a model of 405e9 weights
        (256_000, 1, 18_432, True),
        (53_248, 8, 16_384, True),
        (65_536, 1, 65_536, True),
        (131_072, 1, 131_072, False),
        (1 << 20, 1, 1 << 20, False),
        (1 << 20, 65_536, 1 << 20, False),
    ],
)
def test_products_are_bounded_by_their_factors(out, rank, into, made):
    a = TensorInfo(f"{Q}.lora_A.weight", "BF16", (rank, into), 0, 0, 2 * rank * into)
    b = TensorInfo(f"{Q}.lora_B.weight", "BF16", (out, rank), 0, 0, 2 * rank * out)
    adapted, unpaired = adapted_matrices([a, b], {"r": rank, "lora_alpha": 1})
    assert len(adapted) == made
    if not made:
        (told,) = unpaired
        assert f"{out * into:,} values, made of {rank * (out + into):,}" in told.reason


def test_a_rank_that_the_configuration_does_not_state_is_a_fault(adapter):
    result = wg.fit(adapter(pair(Q, *factors(40, 8, 50)), {"r": 4}))
    (told,) = (each for each in result.findings if each.level == "fault")
    assert (told.id, told.tensor) == ("shape-contradicts", f"{BASE}{Q}.lora_A.weight")
    assert "says rank 4, the factors 8" in told.message


def test_factors_of_a_stack_are_not_mixed(adapter):
    """Factors of three experts side by side: their product is none of the experts' updates."""
    tensors = pair("model.layers.0.mlp.experts", *factors(40, 24, 50))
    result = wg.fit(adapter(tensors, {"target_parameters": ["mlp.experts.down_proj"]}))
    assert {item.tensor for item in result.slices} == tensors.keys()
    assert len(remarks(result)) == 1 and "stacked" in remarks(result)[0]


def test_dora_is_told(adapter):
    a, b = factors(40, 8, 50)
    tensors = pair(Q, a, b)
    tensors[f"{BASE}{Q}.lora_magnitude_vector"] = stored(np.ones(40))
    result = wg.fit(adapter(tensors, {"use_dora": True}))
    assert len(remarks(result)) == 1 and "DoRA" in remarks(result)[0]
    assert product_of(result).status == "ok"


def test_zero_and_nonfinite_factors(adapter):
    """B is zero before the first step; content raises nothing."""
    a, b = factors(40, 8, 50)
    assert product_of(wg.fit(adapter(pair(Q, a, 0 * b), {}))).status == "empty"
    a[0, 0] = np.nan
    b[0, 0] = np.inf
    item = product_of(wg.fit(adapter(pair(Q, a, b), {})))
    assert item.nonfinite == 40 + 50 - 1
    assert item.status == "ok"


@pytest.mark.parametrize("text", ["[]", "{", '{"r": NaN}'])
def test_bad_configuration_of_the_adapter(adapter, tmp_path, text):
    path = adapter(pair(Q, *factors(40, 8, 50)))
    (tmp_path / "adapter_config.json").write_text(text)
    result = wg.fit(path)
    (finding,) = (each for each in result.findings if each.id != "odd-input")
    assert finding.id == "config-unreadable"
    assert "adapter_config.json is left out" in finding.message
    # It is there, so that nothing may say that it is not.
    assert not any("there is no adapter_config.json" in line for line in remarks(result))
    assert product_of(result).status == "scale_not_applied"


def test_products_follow_the_choice_of_tensors(adapter):
    path = adapter(pair(Q, *factors(40, 8, 50)), {})
    assert [item.part for item in wg.fit(path, include="*lora_A*").slices] == [None]
    assert len(wg.fit(path, include="*q_proj*").slices) == 3

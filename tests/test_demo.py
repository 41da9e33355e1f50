"""The demo checkpoints, read with `safetensors` and fitted with NumPy and SciPy alone."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from safetensors import deserialize, safe_open
from scipy.stats import linregress

from weightgauge import demo

STEPS = ("step-0", "step-last")
HALF_NORMAL_K = 1.205434319017451  # population shape of |N(0, s)|, middle 80 %
HALF_NORMAL_SE = 1.36471  # times 1/sqrt(n): standard error of k for independent weights
BLOCK_MATRICES = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


def file_of(step):
    return demo.paths()[step] / "model.safetensors"


def table(step):
    """Name -> (dtype, shape, raw little-endian bytes)."""
    entries = deserialize(file_of(step).read_bytes())
    return {name: (e["dtype"], tuple(e["shape"]), bytes(e["data"])) for name, e in entries}


def header(step):
    """Tensor table of the file, in file order: name, dtype, shape and offsets."""
    data = file_of(step).read_bytes()
    entries = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return [item for item in entries.items() if item[0] != "__metadata__"]


def metadata(step):
    with safe_open(file_of(step), framework="numpy") as file:
        return file.metadata()


def config(step):
    return json.loads((demo.paths()[step] / "config.json").read_text(encoding="utf-8"))


def decode(data):
    """BF16 is the upper half of a binary32."""
    codes = np.frombuffer(data, dtype="<u2").astype(np.uint32)
    return (codes << np.uint32(16)).view(np.float32)


def matrices(step):
    return {name: decode(data) for name, (_, shape, data) in table(step).items() if len(shape) == 2}


def shape_k(weights):
    """Least squares on the Weibull plot, Hazen positions, middle 80 %."""
    x = np.sort(np.abs(weights.astype(np.float64)))
    x = x[x > 0]
    p = (np.arange(1, x.size + 1) - 0.5) / x.size
    window = (p >= 0.1) & (p <= 0.9)
    return linregress(np.log(x[window]), np.log(-np.log1p(-p[window]))).slope


def test_paths_name_the_two_steps_in_order():
    paths = demo.paths()
    assert tuple(paths) == STEPS
    assert all(path.is_dir() for path in paths.values())


@pytest.mark.parametrize("step", STEPS)
def test_files_are_small(step):
    assert 0 < file_of(step).stat().st_size <= 1_500_000


@pytest.mark.parametrize("step", STEPS)
def test_every_tensor_is_bf16_and_finite(step):
    for name, (dtype, shape, data) in table(step).items():
        assert dtype == "BF16", name
        assert len(data) == 2 * math.prod(shape), name
        assert np.isfinite(decode(data)).all(), name


def test_same_tensor_table_at_both_steps():
    first, last = (header(step) for step in STEPS)
    assert first == last
    assert config("step-0") == config("step-last")


def test_about_half_a_million_weights_in_matrices_large_enough_to_fit():
    sizes = [weights.size for weights in matrices("step-0").values()]
    assert min(sizes) >= 16_384
    assert 450_000 <= sum(sizes) <= 650_000


@pytest.mark.parametrize("step", STEPS)
def test_names_and_shapes_are_those_the_config_describes(step):
    known = config(step)
    hidden, ffn, vocab = (known[key] for key in ("hidden_size", "intermediate_size", "vocab_size"))
    shapes = {name: shape for name, (_, shape, _) in table(step).items()}
    expected = {
        "model.embed_tokens.weight": (vocab, hidden),
        "model.norm.weight": (hidden,),
        "lm_head.weight": (vocab, hidden),
    }
    for block in range(known["num_hidden_layers"]):
        prefix = f"model.layers.{block}."
        expected[f"{prefix}input_layernorm.weight"] = (hidden,)
        expected[f"{prefix}post_attention_layernorm.weight"] = (hidden,)
        for matrix in BLOCK_MATRICES:
            wide = (ffn, hidden) if matrix.endswith(("gate_proj", "up_proj")) else (hidden, hidden)
            expected[f"{prefix}{matrix}.weight"] = (
                (hidden, ffn) if matrix.endswith("down_proj") else wide
            )
    assert shapes == expected
    assert known["architectures"] == ["LlamaForCausalLM"]


def test_metadata_says_how_the_model_was_made():
    first, last = metadata("step-0"), metadata("step-last")
    for notes in (first, last):
        assert int(notes["seed"]) >= 0
        assert int(notes["steps"]) > 0
        assert float(notes["learning_rate"]) > 0
        assert float(notes["weight_decay"]) > 0
        assert notes["framework"].startswith("torch ")
        assert re.fullmatch(r"[0-9a-f]{64}", notes["corpus_sha256"])
    assert first["step"] == "0"
    assert last["step"] == last["steps"]
    changing = {"step", "held_out_bits_per_byte"}
    assert {k: v for k, v in first.items() if k not in changing} == {
        k: v for k, v in last.items() if k not in changing
    }


def test_the_model_has_learned():
    # An untrained model of 256 symbols stands near 8 bits; order-0 byte entropy of text is about 5.
    assert float(metadata("step-0")["held_out_bits_per_byte"]) > 7.5
    assert float(metadata("step-last")["held_out_bits_per_byte"]) < 2.5


def test_step_0_is_gaussian():
    for name, weights in matrices("step-0").items():
        # Four standard errors: one matrix in 16,000 would fall outside by chance.
        allowed = 4 * HALF_NORMAL_SE / math.sqrt(weights.size)
        assert abs(shape_k(weights) - HALF_NORMAL_K) <= allowed, name
        # The standard deviation of n normals has the relative standard error 1/sqrt(2n).
        relative = 4 / math.sqrt(2 * weights.size)
        assert np.std(weights) == pytest.approx(0.02, rel=relative), name


def test_training_moved_every_matrix():
    first, last = matrices("step-0"), matrices("step-last")
    for name in first:
        changed = np.mean(first[name] != last[name])
        assert changed > 0.5, name

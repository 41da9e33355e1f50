"""Models of several layouts, fresh or as if trained, to damage and to leave whole."""

from __future__ import annotations

import json
import math

import ml_dtypes
import numpy as np

import weightgauge as wg
from samples import FORMATS
from weightgauge.anatomy.survey import survey

BF16 = np.dtype(ml_dtypes.bfloat16)
_SPELLINGS = {dtype: name for name, dtype in FORMATS.items() if name != "F4"}
_SPELLINGS |= {np.dtype(np.int32): "I32", np.dtype(np.uint8): "U8", np.dtype(np.int64): "I64"}

LAYER = "model.layers.{}.{}.weight"
Q, OUT, UP, DOWN = (
    LAYER.format(2, "self_attn.q_proj"),
    LAYER.format(3, "self_attn.o_proj"),
    LAYER.format(1, "mlp.up_proj"),
    LAYER.format(4, "mlp.down_proj"),
)
"""Names of some matrices of `llama`."""


def wide(tensors, name):
    return tensors[name].astype(np.float32)


def normal(rng, rows, columns):
    """Normal weights of standard deviation 0.02."""
    return 0.02 * rng.standard_normal((rows, columns))


def kaiming_uniform(rng, rows, columns):
    """What linear layers of PyTorch start with: uniform up to the root of 1/inputs."""
    bound = 1 / math.sqrt(columns)
    return rng.uniform(-bound, bound, (rows, columns))


def truncated_normal(rng, rows, columns):
    """Normal weights without those beyond two standard deviations."""
    drawn = rng.standard_normal((rows, columns))
    while (beyond := np.abs(drawn) > 2).any():
        drawn[beyond] = rng.standard_normal(int(beyond.sum()))
    return 0.02 * drawn


def orthogonal(rng, rows, columns):
    """Rows or columns of a random orthogonal matrix.

    Gram and Schmidt's way without a linear algebra library, whose threads would only get in the way
    of each other over matrices as small as these.
    """
    q = rng.standard_normal((max(rows, columns), min(rows, columns)))
    for column in range(q.shape[1]):
        before, vector = q[:, :column], q[:, column]
        for _ in range(2):  # the second pass removes what rounding left
            vector -= np.einsum("ij,j->i", before, np.einsum("ij,i->j", before, vector))
        vector /= np.sqrt(np.sum(vector**2))
    return q if rows >= columns else q.T


def trained(rng, rows, columns):
    """Normal weights with rows and columns of unequal scale, as training makes them."""
    return (
        normal(rng, rows, columns)
        * np.exp(0.3 * rng.standard_normal((rows, 1)))
        * np.exp(0.1 * rng.standard_normal((1, columns)))
    )


INITS = (normal, kaiming_uniform, truncated_normal, orthogonal)


def on_a_grid(*blocks):
    """Normal weights of four blocks; in some they are whole numbers up to 7 times a scale."""
    rng = np.random.default_rng(4)
    tensors = {}
    for block in range(4):
        values = normal(rng, 64, 64)
        if block in blocks:
            values = 0.01 * np.clip(np.round(values / 0.01), -7, 7)
        tensors[f"model.layers.{block}.self_attn.q_proj.weight"] = values.astype(np.float32)
    return tensors


def _norms(prefix, names, width):
    return {f"{prefix}{name}.weight": np.ones(width) for name in names}


def llama(make=trained, seed=0, *, blocks=6, hidden=128, inner=256, vocab=512, kv=128, experts=0):
    """A Llama-like model and its configuration; with experts, one like Mixtral.

    Returns
    -------
    tuple of dict
        Arrays by name, and the content of config.json.
    """
    rng = np.random.default_rng(seed)
    tensors = {"model.embed_tokens.weight": make(rng, vocab, hidden)}
    for block in range(blocks):
        layer = f"model.layers.{block}."
        for name, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            tensors[f"{layer}self_attn.{name}_proj.weight"] = make(rng, rows, hidden)
        if experts:
            tensors[f"{layer}block_sparse_moe.gate.weight"] = make(rng, experts, hidden)
            for expert in range(experts):
                inside = f"{layer}block_sparse_moe.experts.{expert}."
                tensors[f"{inside}w1.weight"] = make(rng, inner, hidden)
                tensors[f"{inside}w2.weight"] = make(rng, hidden, inner)
                tensors[f"{inside}w3.weight"] = make(rng, inner, hidden)
        else:
            tensors[f"{layer}mlp.gate_proj.weight"] = make(rng, inner, hidden)
            tensors[f"{layer}mlp.up_proj.weight"] = make(rng, inner, hidden)
            tensors[f"{layer}mlp.down_proj.weight"] = make(rng, hidden, inner)
        tensors |= _norms(layer, ("input_layernorm", "post_attention_layernorm"), hidden)
    tensors |= _norms("model.", ("norm",), hidden)
    tensors["lm_head.weight"] = make(rng, vocab, hidden)
    config = {
        **{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": hidden},
        **{"intermediate_size": inner, "num_hidden_layers": blocks, "num_attention_heads": 8},
        **{"num_key_value_heads": 8 * kv // hidden, "vocab_size": vocab},
        "tie_word_embeddings": False,
    }
    if experts:
        config |= {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"]}
        config |= {"num_local_experts": experts}
    return _narrow(tensors), config


def gpt2(make=trained, seed=0, *, blocks=6, hidden=128, vocab=512):
    """A GPT-2-like model and its configuration: q, k and v in one tensor, stored by columns."""
    rng = np.random.default_rng(seed)
    tensors = {"wte.weight": make(rng, vocab, hidden), "wpe.weight": make(rng, 256, hidden)}
    for block in range(blocks):
        layer = f"h.{block}."
        for name, rows, columns in (
            ("attn.c_attn", 3 * hidden, hidden),
            ("attn.c_proj", hidden, hidden),
            ("mlp.c_fc", 4 * hidden, hidden),
            ("mlp.c_proj", hidden, 4 * hidden),
        ):
            tensors[f"{layer}{name}.weight"] = make(rng, rows, columns).T
            tensors[f"{layer}{name}.bias"] = np.zeros(rows)
        tensors |= _norms(layer, ("ln_1", "ln_2"), hidden)
        tensors |= {f"{layer}{name}.bias": np.zeros(hidden) for name in ("ln_1", "ln_2")}
    tensors |= {"ln_f.weight": np.ones(hidden), "ln_f.bias": np.zeros(hidden)}
    config = {
        **{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": hidden},
        **{"n_head": 4, "n_layer": blocks, "vocab_size": vocab},
    }
    return _narrow(tensors), config


def mamba(seed=0, *, blocks=6, hidden=96, state=16, vocab=320):
    """A fresh Mamba model as transformers makes it, and its configuration."""
    rng = np.random.default_rng(seed)
    inner, rank = 2 * hidden, hidden // 16
    tensors = {"backbone.embeddings.weight": normal(rng, vocab, hidden)}
    for block in range(blocks):
        mixer = f"backbone.layers.{block}.mixer."
        logs = np.log(np.arange(1, state + 1))
        tensors |= {f"{mixer}A_log": np.tile(logs, (inner, 1)), f"{mixer}D": np.ones(inner)}
        tensors[f"{mixer}conv1d.weight"] = kaiming_uniform(rng, inner, 4)[:, None]
        tensors[f"{mixer}in_proj.weight"] = kaiming_uniform(rng, 2 * inner, hidden)
        tensors[f"{mixer}x_proj.weight"] = kaiming_uniform(rng, rank + 2 * state, inner)
        tensors[f"{mixer}dt_proj.weight"] = kaiming_uniform(rng, inner, rank)
        tensors[f"{mixer}dt_proj.bias"] = rng.uniform(-5, -3, inner)
        tensors[f"{mixer}out_proj.weight"] = kaiming_uniform(rng, hidden, inner)
        tensors |= _norms(f"backbone.layers.{block}.", ("norm",), hidden)
    tensors |= _norms("backbone.", ("norm_f",), hidden)
    config = {
        **{"model_type": "mamba", "architectures": ["MambaForCausalLM"], "hidden_size": hidden},
        **{"num_hidden_layers": blocks, "vocab_size": vocab, "state_size": state},
    }
    return {name: array.astype(np.float32) for name, array in tensors.items()}, config


def _narrow(tensors):
    return {name: array.astype(np.float32).astype(BF16) for name, array in tensors.items()}


LAYOUTS = {
    "llama": llama,
    "grouped": lambda make, seed: llama(make, seed, kv=32),
    "experts": lambda make, seed: llama(make, seed, blocks=4, experts=4),
    "gpt2": gpt2,
}


def put(write_checkpoint, folder, tensors, config=None, *, name="model.safetensors"):
    """Write a model and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_checkpoint(
        folder / name,
        {
            key: (_SPELLINGS[array.dtype], array.shape, np.ascontiguousarray(array).tobytes())
            for key, array in tensors.items()
        },
    )
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def without(tensors, *parts):
    """Leave out the tensors whose names have any of these parts."""
    return {name: each for name, each in tensors.items() if not any(part in name for part in parts)}


def told_by_headers(write_checkpoint, folder):
    """Return a function from shapes to the faults and warnings that headers show."""

    def told(shapes, config=None):
        tensors = {name: np.zeros(shape, BF16) for name, shape in shapes.items()}
        found = survey(wg.open_checkpoint(put(write_checkpoint, folder, tensors, config))).findings
        return [each.message for each in found if each.level != "note"]

    return told


def missing_parts(write_checkpoint, folder):
    """Return a function that tells which parts a model lacks; it must have no other fault."""

    def told(tensors, config):
        found = wg.fit(put(write_checkpoint, folder, tensors, config)).findings
        assert [each for each in found if each.level == "fault" and each.id != "missing-part"] == []
        return [each for each in found if each.id == "missing-part"]

    return told

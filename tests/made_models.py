"""A small model as training leaves one: rows of unequal scale, and its copies with one fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

HIDDEN, INNER, VOCABULARY, HEADS, KV_HEADS = 64, 128, 256, 4, 2
BLOCK = "model.layers.{}."


def trained(blocks: int = 6, *, seed: int = 0, spread: float = 0.3, size: int = 1) -> dict:
    """Return a Llama-like state dict as float32; ``exp(spread z)`` is the scale of each row."""
    rng = np.random.default_rng(seed)
    hidden, inner, vocabulary = size * HIDDEN, size * INNER, size * VOCABULARY
    kv = hidden * KV_HEADS // HEADS

    def matrix(rows: int, columns: int) -> np.ndarray:
        values = 0.02 * rng.standard_normal((rows, columns))
        return (values * np.exp(spread * rng.standard_normal((rows, 1)))).astype(np.float32)

    tensors = {"model.embed_tokens.weight": matrix(vocabulary, hidden)}
    for number in range(blocks):
        path = BLOCK.format(number)
        tensors |= {
            f"{path}self_attn.q_proj.weight": matrix(hidden, hidden),
            f"{path}self_attn.k_proj.weight": matrix(kv, hidden),
            f"{path}self_attn.v_proj.weight": matrix(kv, hidden),
            f"{path}self_attn.o_proj.weight": matrix(hidden, hidden),
            f"{path}mlp.gate_proj.weight": matrix(inner, hidden),
            f"{path}mlp.up_proj.weight": matrix(inner, hidden),
            f"{path}mlp.down_proj.weight": matrix(hidden, inner),
            f"{path}input_layernorm.weight": np.ones(hidden, np.float32),
            f"{path}post_attention_layernorm.weight": np.ones(hidden, np.float32),
        }
    tensors["model.norm.weight"] = np.ones(hidden, np.float32)
    tensors["lm_head.weight"] = matrix(vocabulary, hidden)
    return tensors


def config(blocks: int = 6, *, size: int = 1, **more: object) -> dict:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": size * HIDDEN,
        "intermediate_size": size * INNER,
        "num_hidden_layers": blocks,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "vocab_size": size * VOCABULARY,
        "tie_word_embeddings": False,
        **more,
    }


def put(folder: Path, tensors: Mapping[str, np.ndarray], settings: dict | None = None) -> Path:
    """Write a checkpoint; float32 arrays become BF16."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    stored = {
        name: value.astype(ml_dtypes.bfloat16) if value.dtype == np.float32 else value
        for name, value in tensors.items()
    }
    save_file({name: np.ascontiguousarray(each) for name, each in stored.items()},
              folder / "model.safetensors")  # fmt: skip
    if settings is not None:
        (folder / "config.json").write_text(json.dumps(settings))
    return folder

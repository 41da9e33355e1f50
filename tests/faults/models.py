"""Small models that faults are tried on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

BLOCKS, WIDTH, HIDDEN, TOKENS = 2, 128, 128, 1_100
"""So small that a command takes hundredths of a second; the embedding is counted in bins."""


def write_model(folder: Path, *, seed: int = 0, change: float = 0.0) -> Path:
    """Write a model of two files, an index and a configuration; return its folder.

    `change` is the size of what is added to its weights, which are those of the seed.
    """
    rng, other = np.random.default_rng(seed), np.random.default_rng(seed + 1)

    def drawn(rows: int, columns: int, dtype: type) -> np.ndarray:
        values = rng.normal(0, 0.02, (rows, columns))
        return (values + change * other.normal(0, 0.02, values.shape)).astype(dtype)

    shards: list[dict[str, np.ndarray]] = [
        {"model.embed_tokens.weight": drawn(TOKENS, WIDTH, np.float32)},
        {"model.norm.weight": np.ones(WIDTH, np.float16)},
    ]
    for block in range(BLOCKS):
        stem = f"model.layers.{block}."
        for name in ("q", "k", "v", "o"):
            shards[block][f"{stem}self_attn.{name}_proj.weight"] = drawn(WIDTH, WIDTH, np.float16)
        for name in ("gate", "up"):
            shards[block][f"{stem}mlp.{name}_proj.weight"] = drawn(HIDDEN, WIDTH, np.float16)
        shards[block][f"{stem}mlp.down_proj.weight"] = drawn(WIDTH, HIDDEN, np.float16)
        for name in ("input", "post_attention"):
            shards[block][f"{stem}{name}_layernorm.weight"] = np.ones(WIDTH, np.float16)
    folder.mkdir(parents=True)
    names = [f"model-{i + 1:05}-of-00002.safetensors" for i in range(2)]
    for name, tensors in zip(names, shards, strict=True):
        save_file(tensors, folder / name)
    lies_in = {key: name for name, each in zip(names, shards, strict=True) for key in each}
    index = {"metadata": {}, "weight_map": lies_in}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    config = {"model_type": "llama", "hidden_size": WIDTH, "num_attention_heads": 4}
    config |= {"num_hidden_layers": BLOCKS, "intermediate_size": HIDDEN, "vocab_size": TOKENS}
    config["tie_word_embeddings"] = True
    (folder / "config.json").write_text(json.dumps(config))
    return folder

"""Small language models whose matrices are packed as quantisers pack them."""

from __future__ import annotations

import json

import numpy as np

from packed_matrices import Quantised, as_stored

BLOCKS, HIDDEN, INNER, VOCAB = 4, 64, 128, 96
CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": HIDDEN},
    **{"intermediate_size": INNER, "num_hidden_layers": BLOCKS, "vocab_size": VOCAB},
    "tie_word_embeddings": True,
}
MODULES = {
    **{f"self_attn.{each}_proj": (HIDDEN, HIDDEN) for each in "qkvo"},
    **{f"mlp.{each}_proj": (INNER, HIDDEN) for each in ("gate", "up")},
    "mlp.down_proj": (HIDDEN, INNER),
}
LAYER = "model.layers.{}.{}"
UP = LAYER.format(2, "mlp.up_proj")


def methods(group=32):
    """What configurations say of models whose groups have so many columns, by form."""
    weights = {"num_bits": 4, "group_size": group}
    of_all = {"bits": 4, "group_size": group}
    return {
        "compressed": {
            **{"quant_method": "compressed-tensors", "format": "pack-quantized"},
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        },
        "gptq": {"quant_method": "gptq", **of_all},
        "awq": {"quant_method": "awq", "version": "gemm", **of_all},
    }


METHODS = methods()


def modules():
    """The names of all packed modules."""
    return [LAYER.format(block, module) for block in range(BLOCKS) for module in MODULES]


def matrices(group=32, **options):
    """Codes, scales and zero points of each module, by its name."""
    return {
        name: Quantised(*MODULES[name.split(".", 3)[3]], group, seed=number, **options)
        for number, name in enumerate(modules())
    }


def around():
    """What such a model has beside its packed matrices."""
    rng = np.random.default_rng(1)
    norms = [
        f"model.layers.{block}.{where}_layernorm"
        for block in range(BLOCKS)
        for where in ("input", "post_attention")
    ]
    found = {f"{name}.weight": rng.normal(1, 0.1, HIDDEN) for name in (*norms, "model.norm")}
    found["model.embed_tokens.weight"] = rng.normal(0, 0.02, (VOCAB, HIDDEN))
    return {name: values.astype(np.float32) for name, values in found.items()}


def packed_model(form, quantised=None):
    """All tensors of a model, packed in one form."""
    tensors = around()
    for module, matrix in (quantised or matrices()).items():
        tensors |= {f"{module}.{name}": each for name, each in getattr(matrix, form)().items()}
    return tensors


def put(write_checkpoint, folder, tensors, quantisation=None, **config):
    """Write tensors and a configuration; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {name: as_stored(array) for name, array in tensors.items()}
    write_checkpoint(folder / "model.safetensors", stored)
    stated = {} if quantisation is None else {"quantization_config": quantisation}
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config, **stated}))
    return folder

"""Models whose shapes k are known, and their diagnoses."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner

from samples import FORMATS
from weightgauge.cli import main

LAYER = "model.layers.{}.{}.weight"
NAMES = {
    **{"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj"},
    **{"o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj"},
    "down": "mlp.down_proj",
}
WIDTH = 128
CONFIG = {"model_type": "llama", "hidden_size": WIDTH, "num_attention_heads": 4}
GAUSSIAN = 1.2054


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), prog_name="weightgauge")


def weibull(k, shape, lam=0.02, seed=0):
    """Weights whose magnitudes are a Weibull sample; of Gaussian shape for k = 1.2054."""
    rng = np.random.default_rng(seed)
    if k == GAUSSIAN:
        return rng.normal(0.0, lam / 0.8875, shape).astype(np.float32)
    return (rng.weibull(k, shape) * lam * rng.choice([-1, 1], shape)).astype(np.float32)


def stored(array, spelling="F32"):
    return spelling, array.shape, array.astype(FORMATS[spelling]).tobytes()


def by_kind(found):
    return {kind.kind: kind for kind in found.kinds}


def joined(found):
    return " ".join(found.summary)


def rules_of(found):
    """The rules of what was found, in the order of the findings."""
    return [each.id for each in found.findings]


OLMO = {"q": 0.85, "k": 0.8, "v": 1.1, "o": 1.05, "gate": GAUSSIAN, "up": GAUSSIAN, "down": 1.19}


def write_model(directory, write_checkpoint, shapes, blocks=6, config=None, change=None, kv=WIDTH):
    """Write a model of so many blocks whose kinds have these shapes; `change` alters tensors."""
    tensors = {}
    for block in range(blocks):
        for i, (kind, k) in enumerate(shapes.items()):
            rows = kv if kind in ("k", "v") else WIDTH
            values = weibull(k, (rows, WIDTH), seed=100 * block + i)
            tensors[LAYER.format(block, NAMES[kind])] = stored(values)
    tensors.update(change or {})
    directory.mkdir()
    write_checkpoint(directory / "model.safetensors", tensors)
    if config is not False:
        (directory / "config.json").write_text(json.dumps(CONFIG | (config or {})))
    return directory

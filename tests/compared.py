"""What tests of `compare` share."""

from __future__ import annotations

import numpy as np
from click.testing import CliRunner

from weightgauge.cli import main

Q = "model.layers.{}.self_attn.q_proj.weight"
DOWN = "model.layers.{}.mlp.down_proj.weight"
UP = "model.layers.0.mlp.up_proj.weight"
EMBED = "model.embed_tokens.weight"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), prog_name="weightgauge")


def normal(shape, seed=0, scale=0.02):
    return np.random.default_rng(seed).normal(0.0, scale, shape)


def by_tensor(found):
    return {(pair.tensor, pair.part): pair for pair in found.pairs}

"""Small models that `check` is tried on, and how it is run."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner
from safetensors.numpy import save_file

import health_models as models
from weightgauge.cli import main

BLOCK = "model.layers.{}."


UP = BLOCK.format(2) + "mlp.up_proj.weight"


def trained():
    """Return the tensors of a small model that is well."""
    return models.llama(hidden=64, vocab=256, kv=32)[0]


def config():
    return models.llama(hidden=64, vocab=256, kv=32)[1]


def put(folder, tensors, settings=None):
    """Write a checkpoint with safetensors itself."""
    folder.mkdir(parents=True)
    save_file(
        {k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "model.safetensors"
    )
    if settings is not None:
        (folder / "config.json").write_text(json.dumps(settings))
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)], prog_name="weightgauge")

"""Helpers that tests of saved counts share."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner

from samples import FORMATS
from weightgauge.cli import main


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), prog_name="weightgauge")


def stored(shape, spelling, seed=0, scale=0.02):
    values = np.random.default_rng(seed).normal(0.0, scale, shape).astype(FORMATS[spelling])
    return spelling, shape, values.tobytes()


def same(one, other):
    """Compare everything but what the model is called, NaN being NaN."""
    return json.dumps({**one.to_dict(), "model": ""}) == json.dumps(
        {**other.to_dict(), "model": ""}
    )

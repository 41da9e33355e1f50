"""Helpers that tests of saved counts share."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner

from samples import FORMATS
from weightgauge.cli import main

# What needs the rows and columns of a matrix: counts that are fitted anew do not tell it.
_ERRORS = ("k_se_matrix", "ln_lambda_se_matrix", "errors_from")
_FOUND = ("fresh_z", "spread")


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


def assert_fitted_anew(kept, fresh):
    """Compare the fit of a slice from counts alone with that from its weights."""
    found, wanted = kept.to_dict(), fresh.to_dict()
    without = dict.fromkeys((*_ERRORS, *_FOUND))
    assert {**found, **without} == {**wanted, **without}
    assert_knows_counts_alone(kept)


def assert_knows_counts_alone(kept):
    """Check the errors of a slice that was fitted from counts: those of independent weights."""
    found = kept.to_dict()
    assert found["k_se_matrix"] == found["k_se"]
    assert found["ln_lambda_se_matrix"] == found["ln_lambda_se"]
    assert [found[name] for name in _FOUND] == [None] * 2
    told = "counts alone: they were fitted anew, without the weights"
    assert kept.errors_from == (told if kept.fitted else "")

"""Fresh matrices: moments of initialisations, and what is told of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import health_models as models
import weightgauge as wg
from made_fits import made_slice
from weightgauge.diagnosis.fresh import _starts, fresh_reach
from weightgauge.distributions.anchors import init_anchor

DISTRIBUTIONS = {
    "normal": stats.norm(),
    "uniform": stats.uniform(-1, 2),
    "truncated normal": stats.truncnorm(-2, 2),
}


@pytest.mark.parametrize("start", _starts(), ids=lambda each: each.name)
def test_shape_and_kurtosis_are_those_of_the_initialisation(start):
    law = DISTRIBUTIONS[start.name]
    assert start.k == init_anchor(start.name).k
    second, fourth = law.moment(2), law.moment(4)
    assert start.kurtosis == pytest.approx(fourth / second**2, rel=1e-9)


@pytest.mark.parametrize("start", _starts(), ids=lambda each: each.name)
def test_the_error_of_the_kurtosis_is_that_of_many_drawn_matrices(start):
    n, matrices = 4096, 1000
    drawn = DISTRIBUTIONS[start.name].rvs((matrices, n), random_state=1)
    kurtosis = np.mean(drawn**4, axis=1) / np.mean(drawn**2, axis=1) ** 2
    # The standard deviation of a thousand is known to 2.2 %, and the delta method is a limit.
    assert np.std(kurtosis) == pytest.approx(start.error / math.sqrt(n), rel=0.1)


def told(write_checkpoint, folder, change, **given):
    """Findings that matrices look as they were initialised, of a model with these blocks fresh."""
    tensors, config = models.llama(seed=1, **given)
    rng = np.random.default_rng(2)
    for name in tensors:
        if tensors[name].ndim == 2 and change(name):
            fresh = models.normal(rng, *tensors[name].shape)
            tensors[name] = fresh.astype(np.float32).astype(models.BF16)
    found = wg.diagnose(models.put(write_checkpoint, folder, tensors, config)).findings
    return [each for each in found if each.id == "never-trained"]


def test_a_kind_that_stayed_fresh_everywhere_is_not_told_block_by_block(write_checkpoint, tmp_path):
    """Whole kinds stay near their initialisation in many a model that works."""
    assert told(write_checkpoint, tmp_path / "m", lambda name: "up_proj" in name) == []


def test_half_a_model_that_is_fresh_is_no_single_matrix(write_checkpoint, tmp_path):
    half = ("layers.0.", "layers.1.", "layers.2.")
    assert told(write_checkpoint, tmp_path / "m", lambda name: any(x in name for x in half)) == []


def test_small_matrices_cannot_be_told_from_fresh_ones(write_checkpoint, tmp_path):
    sizes = {"hidden": 32, "inner": 64, "vocab": 64, "kv": 32}
    assert told(write_checkpoint, tmp_path / "m", lambda name: True, **sizes) == []


def test_a_fresh_model_is_told_once_and_compared_with_no_trained_one(write_checkpoint, tmp_path):
    (only,) = told(write_checkpoint, tmp_path / "m", lambda name: True)
    assert (only.level, only.tensor, only.value) == ("note", None, 44)
    assert only.message == (
        "the model looks untrained: 44 of 44 matrices have the shape and the tails of a fresh "
        "initialisation (normal)"
    )
    kinds = {each.id for each in wg.diagnose(tmp_path / "m").findings}
    assert not kinds & {"nearest", "kind-unusual"}


@pytest.mark.parametrize("lines", [2, 8, 64])
def test_few_fresh_matrices_are_beyond_the_reach_of_their_rows(lines):
    """F of few rows is skewed: a limit of four deviations would be passed by 1 % for two rows."""
    item = made_slice("t", "up", shape=(lines, 4096))
    freedom = lines - 1
    f = 1 + fresh_reach(item) * math.sqrt(2 / freedom)
    beyond = stats.f.sf(f, freedom, freedom * 4095)
    assert beyond == pytest.approx(1 / 16_000, rel=0.05)
    assert fresh_reach(made_slice("t", "up", shape=(4096, lines))) == fresh_reach(item)
    assert stats.f.sf(1 + 4 * math.sqrt(2 / freedom), freedom, freedom * 4095) > 5 * beyond


def test_fresh_matrices_of_few_rows_are_hardly_ever_beyond_it():
    rng = np.random.default_rng(7)
    draws = [rng.standard_normal((8, 512)).astype(np.float32) for _ in range(1500)]
    fit = wg.fit({f"model.layers.{i}.mlp.up_proj.weight": each for i, each in enumerate(draws)})
    z = np.array([item.fresh_z for item in fit.slices])
    assert (z > 4).sum() >= 2  # 3.9 are expected
    assert (z > fresh_reach(fit.slices[0])).sum() <= 1  # 0.2 are

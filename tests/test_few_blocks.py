"""Scales that are off in models of one to seven blocks, and from which factor on that is told."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg

UP = "model.layers.1.mlp.up_proj.weight"


def scaled(tensors, factor, *parts):
    for name in [name for name in tensors if any(part in name for part in parts)]:
        if tensors[name].ndim == 2:
            tensors[name] = (tensors[name].astype(np.float32) * factor).astype(models.BF16)


@pytest.fixture
def told(write_checkpoint, tmp_path):
    def found(tensors, config):
        result = wg.diagnose(models.put(write_checkpoint, tmp_path / "m", tensors, config))
        assert {each.level for each in result.findings} <= {"warning", "note"}
        return [each for each in result.findings if each.level == "warning"]

    return found


def uneven(rng, rows, columns):
    """As training makes them, and of unequal scale: by up to 1.8 from block to block."""
    return models.trained(rng, rows, columns) * np.exp(rng.uniform(-0.3, 0.3))


@pytest.mark.parametrize("make", [*models.INITS, models.trained, uneven])
@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5, 7])
def test_healthy_models_have_no_warning(told, make, blocks):
    for seed in range(3):
        for model in (models.llama, models.gpt2):
            found = told(*model(make, seed, blocks=blocks))
            if make is uneven and blocks > 4:  # one in twenty kinds may have an outlier there
                found = [each for each in found if each.id != "block-outlier"]
            assert found == []


@pytest.mark.parametrize("factor", [2, 0.5, 10, 30])
@pytest.mark.parametrize("blocks", [3, 4])
def test_a_block_of_another_scale_is_named(told, blocks, factor):
    tensors, config = models.llama(seed=1, blocks=blocks)
    scaled(tensors, factor, ".layers.1.")
    (only,) = told(tensors, config)
    assert (only.id, only.tensor, only.block) == ("block-scale", None, 1)
    assert only.value == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("trend", [1, 1.08])
@pytest.mark.parametrize("blocks", [5, 6, 7])
def test_every_block_of_another_scale_is_named(told, blocks, trend):
    """At whatever depth it is, and whatever the scales do over depth."""
    for block in range(blocks):
        tensors, config = models.llama(seed=block, blocks=blocks)
        for depth in range(blocks):
            scaled(tensors, trend**depth, f".layers.{depth}.")
        scaled(tensors, 2, f".layers.{block}.")
        found = told(tensors, config)
        assert [each.block for each in found if each.id == "block-scale"] == [block]
        others = [each for each in found if each.id != "block-scale"]
        assert all("(lambda)" not in each.message for each in others)


@pytest.mark.parametrize(("blocks", "scaled_blocks"), [(5, (2, 3)), (6, (3, 4)), (7, (4, 5))])
def test_a_sound_block_beside_two_that_are_off_is_not_accused(told, blocks, scaled_blocks):
    tensors, config = models.llama(seed=1, blocks=blocks)
    for block in scaled_blocks:
        scaled(tensors, 2, f".layers.{block}.")
    for each in told(tensors, config):
        assert each.block in scaled_blocks, each


def test_of_two_blocks_neither_can_be_told_to_be_off(told):
    tensors, config = models.llama(seed=1, blocks=2)
    scaled(tensors, 3, ".layers.1.")
    (only,) = told(tensors, config)
    assert only.id == "block-scale" and only.message.endswith(
        "which of the two is off cannot be told"
    )
    assert only.value in (pytest.approx(3, rel=0.1), pytest.approx(1 / 3, rel=0.1))


@pytest.mark.parametrize("factor", [5, 0.2, 20, 0.04])
@pytest.mark.parametrize("blocks", [3, 4])
def test_a_matrix_of_another_scale_is_named(told, blocks, factor):
    tensors, config = models.llama(seed=1, blocks=blocks)
    scaled(tensors, factor, UP)
    (only,) = told(tensors, config)
    assert (only.id, only.tensor) == ("block-scale", UP)
    assert only.value == pytest.approx(factor, rel=0.15)


def test_of_two_blocks_one_of_two_matrices_is_named(told):
    tensors, config = models.llama(seed=1, blocks=2)
    scaled(tensors, 6, UP)
    (only,) = told(tensors, config)
    assert (only.id, only.tensor) == ("block-scale", UP)


def test_less_than_these_factors_cannot_be_told_from_what_sound_models_have(told):
    """Values and outputs of sound models differ by up to 2.2 from block to block."""
    tensors, config = models.llama(seed=1, blocks=3)
    scaled(tensors, 3, UP)
    assert told(tensors, config) == []
    tensors, config = models.llama(seed=1, blocks=3)
    scaled(tensors, 1.6, ".layers.1.")
    assert told(tensors, config) == []


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_kind_that_is_far_from_its_partner(told, blocks):
    tensors, config = models.llama(seed=1, blocks=blocks)
    scaled(tensors, 12, ".q_proj.")
    (only,) = told(tensors, config)
    assert (only.id, only.kind, only.block) == ("block-scale", "q", None)
    assert only.value == pytest.approx(12, rel=0.1)

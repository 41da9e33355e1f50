"""Models that are well: no fault, and how many warnings."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from families.frozen_copy import FOLDER
from weightgauge import demo

FAMILIES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


@pytest.mark.parametrize("init", models.INITS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("layout", models.LAYOUTS)
def test_fresh_models_are_untrained_and_nothing_else(layout, init, write_checkpoint, tmp_path):
    """Two seeds of four initialisations and four layouts: 32 models."""
    for seed in range(2):
        tensors, config = models.LAYOUTS[layout](init, seed)
        found = wg.diagnose(models.put(write_checkpoint, tmp_path / str(seed), tensors, config))
        told = {(each.id, each.level) for each in found.findings}
        assert told - {("zero-by-design", "note")} == {("never-trained", "note")}


@pytest.mark.parametrize("layout", models.LAYOUTS)
def test_trained_models_have_remarks_alone(layout, write_checkpoint, tmp_path):
    tensors, config = models.LAYOUTS[layout](models.trained, 0)
    found = wg.diagnose(models.put(write_checkpoint, tmp_path / "m", tensors, config))
    assert {each.level for each in found.findings} == {"note"}
    assert "never-trained" not in {each.id for each in found.findings}


@pytest.mark.parametrize("blocks", [3, 6, 12])
def test_the_matrices_of_a_state_space_layer_are_no_outliers_of_each_other(
    blocks, write_checkpoint, tmp_path
):
    tensors, config = models.mamba(seed=1, blocks=blocks)
    found = wg.diagnose(models.put(write_checkpoint, tmp_path / "m", tensors, config))
    assert {each.level for each in found.findings} == {"note"}, found.findings
    # One that stands out among its own is told of.
    tensors["backbone.layers.2.mixer.dt_proj.weight"] *= 3
    found = wg.diagnose(models.put(write_checkpoint, tmp_path / "n", tensors, config))
    odd = {each.tensor for each in found.findings if each.id == "block-outlier"}
    assert odd == ({"backbone.layers.2.mixer.dt_proj.weight"} if blocks > 3 else set())


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_has_a_fault(family):
    found = wg.diagnose(FOLDER / family)
    assert [each for each in found.findings if each.level == "fault"] == []


def test_few_families_have_a_warning():
    """The frozen copies have 64 to 4,096 weights a matrix: less than anything that is used."""
    levels = Counter(
        level
        for family in FAMILIES
        for level in {each.level for each in wg.fit(FOLDER / family).findings}
    )
    assert levels["fault"] == levels["warning"] == 0


@pytest.mark.parametrize("step", demo.paths())
def test_the_bundled_model_is_well(step):
    assert {each.level for each in wg.diagnose(demo.paths()[step]).findings} == {"note"}


def test_minilm_is_well(minilm):
    """Its pooler was never trained with the rest, which shows in tests of rows alone."""
    found = wg.diagnose(minilm)
    assert {each.level for each in found.findings} <= {"note"}, found.findings


@pytest.mark.parametrize("dtype", [models.BF16, np.float16, np.float32])
@pytest.mark.parametrize("noise", [5e-4, 1e-3, 5e-3])
def test_a_matrix_near_the_identity_has_no_flipped_bit(dtype, noise):
    rng = np.random.default_rng(1)
    matrix = (np.eye(128) + noise * rng.standard_normal((128, 128))).astype(dtype)
    found = wg.fit({"model.layers.3.self_attn.o_proj.weight": matrix}).findings
    assert "fault" not in {each.level for each in found}

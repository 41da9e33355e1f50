"""What a matrix is compared with: the others of its kind."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from weightgauge.fits.sibling_findings import medians_of_others


@pytest.mark.parametrize("count", [2, 3, 4, 5, 12, 101])
@pytest.mark.parametrize("levels", [2, 5, 1_000_000])
def test_medians_of_others(count, levels):
    """Each is the median of the rest, also where numbers are equal."""
    values = np.random.default_rng(count).integers(0, levels, count).astype(np.float64)
    wanted = [np.median(np.delete(values, place)) for place in range(count)]
    assert medians_of_others(values).tolist() == wanted


def test_one_has_no_others():
    assert np.isnan(medians_of_others(np.ones(1))).all()
    assert medians_of_others(np.empty(0)).tolist() == []


@pytest.mark.parametrize(("zeros", "told"), [(1, 0), (3, 0), (4, 1)])
def test_a_zero_in_a_small_matrix_is_chance(zeros, told):
    """Of 64 weights one is 1.6 %; F16 and F8 round small weights to zero."""
    rng = np.random.default_rng(1)
    tensors = {
        f"model.layers.{block}.mlp.up_proj.weight": rng.standard_normal((8, 8)).astype(np.float32)
        for block in range(12)
    }
    tensors["model.layers.5.mlp.up_proj.weight"].flat[:zeros] = 0
    found = [each.id for each in wg.fit(tensors).findings]
    assert found.count("zero-share") == told


def test_matrices_with_a_few_zeros_are_what_others_are_compared_with():
    """Three that are far from the rest stand out, although each of the rest has a zero or two."""
    rng = np.random.default_rng(2)
    tensors = {
        f"model.layers.{block}.mlp.up_proj.weight": rng.standard_normal((64, 64)).astype(np.float32)
        for block in range(12)
    }
    for block, values in enumerate(tensors.values()):
        values.flat[rng.choice(values.size, 400 if block < 3 else 2, replace=False)] = 0
    found = [each.block for each in wg.fit(tensors).findings if each.id == "zero-share"]
    assert sorted(found) == [0, 1, 2]


def test_a_kind_that_was_pruned_as_a_whole_is_called_so():
    """Half of the weights of each; no matrix has more zeros than the others."""
    rng = np.random.default_rng(3)
    tensors = {}
    for block in range(4):
        values = rng.standard_normal((64, 64)).astype(np.float32)
        values.flat[rng.permutation(values.size)[: values.size // 2]] = 0
        tensors[f"model.layers.{block}.mlp.up_proj.weight"] = values
    found = [each for each in wg.fit(tensors).findings if each.id == "zero-share"]
    assert [each.message.partition(": ")[2] for each in found] == 4 * [
        "50.0% of the weights are zero; of others of its kind 50.0% are: "
        "the kind as a whole is sparse"
    ]


def test_a_matrix_without_others_is_compared_with_none():
    values = np.random.default_rng(3).standard_normal((64, 64)).astype(np.float32)
    values[np.abs(values) < np.median(np.abs(values))] = 0
    name = "model.layers.0.mlp.up_proj.weight"
    (found,) = (each for each in wg.fit({name: values}).findings if each.id == "zero-share")
    assert found.expected is None
    assert found.message == (
        f"{name}: 50.0% of the weights are zero; there is no other of its kind to compare it with"
    )
